"""Commands and code that read a release."""

from __future__ import annotations

import json
from collections.abc import Iterator

from model_config.comparing.changes import leaves
from model_config.format.prompt import variables
from model_config.format.release import Release
from model_config.operate.releases.releases import Releases
from model_config.operate.target import Target


def commands(
    target: Target, releases: Releases, number: int, before: int | None
) -> Iterator[tuple[str, str]]:
    """Yield the commands for a release, each with its purpose before it."""
    model, options = releases.model, f"-e {target.environment}{target.region_option}"
    if target.prefix != "/ai":
        options += f" --prefix {target.prefix}"
    yield "Show", f"model-config show {model} --release {number} {options}"
    if before:
        yield (
            "Compare with the previous release",
            f"model-config diff-releases {model} {before} {number} {options}",
        )
    yield "Promote", f"model-config promote {model} --to stable --release {number} {options}"
    query = "--with-decryption --query Parameter.Value --output text"
    parameter = f"aws ssm get-parameter --name '{releases.name}:{number}' {query}"
    yield "Read with the AWS CLI", parameter


def python(target: Target, model: str, number: int, content: Release | None) -> str:
    """Return the code that reads a release in an application."""
    prefix = "" if target.prefix == "/ai" else f", prefix={json.dumps(target.prefix)}"
    name, environment = json.dumps(model), json.dumps(target.environment)
    lines = [
        "from model_config import Reader",
        "",
        f"reader = Reader(environment={environment}{prefix})",
        f'config = reader.get({name}, release={number})  # in production: label="stable"',
        *(_of_content(content) if content else ()),
    ]
    return "\n".join(lines)


def _of_content(content: Release) -> Iterator[str]:
    """Yield a line that reads a value, and one that renders a prompt."""
    values = list(leaves(content.config))
    for path, value in values:
        if not isinstance(value, str):
            yield f"config{''.join(f'[{json.dumps(name)}]' for name in path)}  # {value!r}"
            break
    for path, value in values:
        if isinstance(value, str) and variables(value):
            given = ", ".join(f"{name}=…" for name in variables(value))
            yield f"config.render({json.dumps('/'.join(path))}, {given})"
            break
