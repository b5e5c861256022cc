"""A release's page: its values by group, its prompts, and how to read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby

from model_config.comparing.changes import leaves
from model_config.comparing.text import one_line
from model_config.format.errors import StoreError
from model_config.format.names import model_path, parse, release_name
from model_config.format.prompt import Fragment, fragments, variables
from model_config.format.release import Release
from model_config.operate.drift.parameters import ListedParameter
from model_config.operate.inventory import Watch
from model_config.operate.releases.releases import read_releases
from model_config.operate.target import Target
from model_config.web.pages import Content
from model_config.web.site import Site, notices_of

#: Texts with more characters are shown as prompts. Set by this package.
_LONG = 72


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text and its variables."""

    path: str
    fragments: list[Fragment]
    variables: list[str]
    characters: int


@dataclass(slots=True)
class Group:
    """The values of a group, by their paths in it, and its prompts. The top level has no name."""

    name: str
    values: list[tuple[str, str]] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)


def release(site: Site, watch: Watch, stack: str, name: str, selector: str) -> Content:
    """Read a release and its parameters."""
    environment, path = site.environment(stack), site.path(stack)
    base = model_path(path, name)
    with site.inventory_of(stack, watch) as inventory:
        releases = read_releases(inventory, path, name, documents=False)
        shown = releases.select(selector)
        content, is_newest = shown.content, shown is releases.newest
        listed = inventory.below(base) if is_newest else {}
        arn = None
        with suppress(StoreError):  # then the names are shown without it
            arn = inventory.arn_of(release_name(base))
        notices = notices_of(stack, inventory)
    numbers = {each.number for each in releases}
    older, newer = (n if n in numbers else None for n in (shown.number - 1, shown.number + 1))
    values = {
        "stack": stack,
        "releases": releases,
        "release": shown,
        "content": content,
        "older": older,
        "newer": newer,
        "groups": list(_groups(content)) if content else [],
        "parameters": list(_parameters(path, listed, (arn or "").removesuffix(releases.name))),
        "python": python(environment.target, name, shown.number, content),
        "is_local": environment.is_local,
        "is_newest": is_newest,
    }
    return Content("release", f"{name} in {stack}, release {shown.number}", values, notices)


def _groups(content: Release) -> Iterator[Group]:
    values = [
        (path[0] if len(path) > 1 else "", path, value) for path, value in leaves(content.config)
    ]
    values.sort(key=lambda value: value[0] != "")  # values outside of groups come first
    for name, members in groupby(values, key=lambda value: value[0]):
        group = Group(name)
        for _, path, value in members:
            if isinstance(value, str) and _is_prompt(value):
                prompt = Prompt(
                    "/".join(path), list(fragments(value)), variables(value), len(value)
                )
                group.prompts.append(prompt)
            else:
                group.values.append(("/".join(path[1:] if name else path), one_line(value)))
        yield group


def _is_prompt(text: str) -> bool:
    return len(text) > _LONG or "\n" in text or bool(variables(text))


def _parameters(
    path: str, listed: Mapping[str, ListedParameter], arn: str
) -> Iterator[tuple[str, str, int, str]]:
    """Yield each parameter's path, kind, version and ARN, of which `arn` is the beginning."""
    for name, parameter in sorted(listed.items()):
        parsed = parse(name, path)
        yield parsed.path, parsed.kind, parameter.version, f"{arn}{name}"


def python(target: Target, model: str, number: int, content: Release | None) -> str:
    """Return the code that reads a release in an application."""
    prefix = "" if target.prefix == "/ai" else f", prefix={json.dumps(target.prefix)}"
    name, environment = json.dumps(model), json.dumps(target.environment)
    lines = [
        f"from model_config import Reader\n\nreader = Reader(environment={environment}{prefix})",
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
