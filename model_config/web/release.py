"""A release's page: its values by group, its prompts, and how to read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from typing import TypeAlias

from model_config.comparing.changes import leaves
from model_config.format.codec import Value
from model_config.format.errors import StoreError
from model_config.format.names import model_path, parse
from model_config.format.prompt import variables
from model_config.format.release import Release
from model_config.operate.environment import Environment
from model_config.operate.releases import read_releases
from model_config.operate.ssm import ListedParameter, Watch
from model_config.web.pages import Content
from model_config.web.site import Site, notices_of

#: A value, with its path before it.
Leaf: TypeAlias = tuple[tuple[str, ...], Value]
#: Texts with more characters are shown as prompts. Set by this package.
_LONG = 72


def release(site: Site, watch: Watch, stack: str, name: str, selector: str) -> Content:
    """Read a release and its parameters."""
    environment, path = site.environment(stack), site.environment(stack).path
    base = model_path(path, name)
    with site.view_of(stack, watch) as ssm:
        releases = read_releases(ssm, path, name, documents=False)
        shown = releases.select(selector)
        content, is_newest = shown.content, shown is releases.newest
        listed = ssm.below(base) if is_newest else {}
        arn = ""
        with suppress(StoreError):  # then the names are shown without it
            arn = ssm.arns([releases.name]).get(releases.name, "")
        notices = notices_of(stack, ssm)
    numbers = {each.number for each in releases}
    older, newer = (n if n in numbers else None for n in (shown.number - 1, shown.number + 1))
    values = {
        "stack": stack,
        "releases": releases,
        "release": shown,
        "content": content,
        "older": older,
        "newer": newer,
        "groups": _groups(content) if content else [],
        "parameters": list(_parameters(path, listed, arn.removesuffix(releases.name))),
        "python": python(environment, name, shown.number, content),
        "is_local": environment.is_local,
        "is_newest": is_newest,
    }
    return Content("release", f"{name} in {stack}, release {shown.number}", values, notices)


def _groups(content: Release) -> list[tuple[str, list[Leaf]]]:
    """Return the values of each group, those outside of groups first, below an empty name."""
    values = [(path[0] if path[1:] else "", path, value) for path, value in leaves(content.config)]
    values.sort(key=lambda value: value[0] != "")
    return [
        (name, [(path, value) for _, path, value in members])
        for name, members in groupby(values, key=lambda value: value[0])
    ]


def is_prompt(leaf: Leaf) -> bool:
    """Return whether a value, with its path, is shown as a prompt."""
    _, value = leaf
    return isinstance(value, str) and (
        len(value) > _LONG or "\n" in value or bool(variables(value))
    )


def _parameters(
    path: str, listed: Mapping[str, ListedParameter], arn: str
) -> Iterator[tuple[str, str, int, str]]:
    """Yield each parameter's path, kind, version and ARN, of which `arn` is the beginning."""
    for name, parameter in sorted(listed.items()):
        parsed = parse(name, path)
        yield parsed.path, parsed.kind, parameter.version, f"{arn}{name}"


def python(environment: Environment, model: str, number: int, content: Release | None) -> str:
    """Return the code that reads a release in an application."""
    prefix = "" if environment.prefix == "/ai" else f", prefix={json.dumps(environment.prefix)}"
    name, where = json.dumps(model), json.dumps(environment.name)
    lines = [
        f"from model_config import Reader\n\nreader = Reader(environment={where}{prefix})",
        f'config = reader.get({name}, release={number})  # in production: label="stable"',
    ]
    return "\n".join([*lines, *(_of_content(content) if content else ())])


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
