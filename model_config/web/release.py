"""A release's page: its values by group, its prompts, and how to read it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TypeAlias

from model_config.comparing.changes import leaves
from model_config.format.codec import Value
from model_config.format.errors import StoreError
from model_config.format.names import parse
from model_config.format.prompt import matches, texts, variables
from model_config.format.release import Release
from model_config.format.text import shortened
from model_config.operate.environment import Environment
from model_config.operate.releases import read_releases
from model_config.operate.ssm import Watch
from model_config.web.pages import Content
from model_config.web.site import Site, notices_of

#: A value, with its path before it.
Leaf: TypeAlias = tuple[tuple[str, ...], Value]
#: Texts with more characters are shown as prompts. Set by this package.
_LONG = 72


def release(site: Site, watch: Watch, stack: str, name: str, selector: str) -> Content:
    """Read a release and its parameters."""
    environment = site.environment(stack)
    with site.view_of(stack, watch) as ssm:
        releases = read_releases(ssm, environment.path, name, documents=False)
        shown = releases.select(selector)
        content, is_newest = shown.content, shown is releases.newest
        listed = ssm.below(releases.path) if is_newest else {}
        arn = ""
        with suppress(StoreError):  # then the names are shown without it
            arn = ssm.arns([releases.name]).get(releases.name, "")
        notices = notices_of(stack, ssm)
    beginning = arn.removesuffix(releases.name)
    parameters = [
        (parse(each, environment.path), parameter.version, f"{beginning}{each}")
        for each, parameter in sorted(listed.items())
    ]
    numbers = {each.number for each in releases}
    older, newer = (n if n in numbers else None for n in (shown.number - 1, shown.number + 1))
    values = {
        "stack": stack,
        "releases": releases,
        "release": shown,
        "content": content,
        "older": older,
        "newer": newer,
        "groups": _groups(content) if content else {},
        "parameters": parameters,
        "python": python(environment, name, shown.number, content),
        "is_local": environment.is_local,
        "is_newest": is_newest,
    }
    return Content("release", f"{name} in {stack}, release {shown.number}", values, notices)


def _groups(content: Release) -> dict[str, list[Leaf]]:
    """Return the values of each group, those outside of groups first, below an empty name."""
    groups: dict[str, list[Leaf]] = {"": []}
    nones: list[Leaf] = [(tuple(path.split("/")), None) for path in content.none]
    for path, value in [*_leaves(content.config), *nones]:
        groups.setdefault(path[0] if path[1:] else "", []).append((path, value))
    return {name: values for name, values in groups.items() if values}


def _leaves(value: Value, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield each value with its path. A list of objects, such as messages, has values too."""
    if isinstance(value, dict) and value:
        items: Iterable[tuple[object, Value]] = value.items()
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = enumerate(value)
    else:
        yield path, value
        return
    for name, item in items:
        yield from _leaves(item, (*path, str(name)))


def is_prompt(leaf: Leaf, templates: Sequence[str]) -> bool:
    """Return whether a value, with its path, is shown as a prompt."""
    path, value = leaf
    is_long = isinstance(value, str) and (len(value) > _LONG or "\n" in value)
    return is_long or matches("/".join(path), templates)


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
    for path, value in leaves(content.config):
        if not isinstance(value, str):
            keys = "".join(f"[{json.dumps(name)}]" for name in path)
            yield f"config{keys}  # {shortened(repr(value), _LONG)}"
            break
    for place, text in texts(content.config, content.templates).items():
        if names := variables(text):
            yield f"config.render({json.dumps(place)}, {', '.join(f'{name}=…' for name in names)})"
            break
