r"""Prompts: texts with placeholders, `{{name}}`, that are replaced with values.

A placeholder is two braces, an ASCII identifier with or without spaces around it, and two braces.
`\{{` stands for two braces that are text: of the backslashes directly before `{{`, rendering leaves
half, and an odd one makes the braces text. Everything else is text, including single braces and
the braces of JSON. There are no expressions or conditions. Values are inserted as they are: a
placeholder in a value is not replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from model_config.format.codec import Value
from model_config.format.errors import PromptError

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_BRACES = re.compile(
    r"(?<!\\)(?P<pairs>(?:\\\\)*)"  # each stands for one backslash
    rf"(?:\{{\{{ *(?P<variable>{_NAME}) *\}}\}}"
    r"|\\(?P<literal>\{\{)"
    rf"|(?P<stray>\{{+(?=\{{\{{ *{_NAME} *\}}\}})|\{{\{{+))"
)


def variables(text: str) -> list[str]:
    """Return the names of a text's placeholders, each once, in the order of their appearance."""
    names = (found["variable"] for found in _BRACES.finditer(text))
    return list(dict.fromkeys(name for name in names if name))


class Fragment(NamedTuple):
    """A piece of a text: a placeholder and its variable, or the text between placeholders."""

    text: str
    variable: str | None = None


def fragments(text: str) -> Iterator[Fragment]:
    """Yield the fragments of a text. Joined, they are the text again."""
    end = 0
    for found in _BRACES.finditer(text):
        if found["variable"]:
            start = found.end("pairs")
            if start > end:
                yield Fragment(text[end:start])
            yield Fragment(text[start : found.end()], found["variable"])
            end = found.end()
    if end < len(text):
        yield Fragment(text[end:])


def render(text: str, values: Mapping[str, object]) -> str:
    """Return the text with each placeholder replaced by its value.

    Args:
        text: the prompt.
        values: a str or an int for each variable of the text, and no others. A type that can be
            written in more than one way (a float, a bool, None, a list) is refused, so that the
            caller decides on its form.

    Raises:
        PromptError: names every variable that has no value, every name that is not a variable of
            the text, and every value of another type.
    """
    _check(variables(text), values)
    return _filled(text, values)


def fill(value: Value, path: str, templates: Iterable[str], values: Mapping[str, object]) -> Value:
    """Return a copy of a part of a configuration with every template in it filled.

    Args:
        value: the part, a text or what has texts below it.
        path: where it stands, "messages" or "messages/0/content".
        templates: the patterns of paths whose texts are templates, as a release has them.
        values: one for each variable of these templates, and no others, as `render` takes them.

    Raises:
        PromptError: names every variable and value that is wrong, as `render` does.
    """
    is_template = _matcher(templates)
    found = [text for place, text in _texts(value, path) if is_template(place)]
    _check(list(dict.fromkeys(name for text in found for name in variables(text))), values)

    def filled(part: Value, place: str) -> Value:
        if isinstance(part, str):
            return _filled(part, values) if is_template(place) else part
        if isinstance(part, dict):
            return {key: filled(item, f"{place}/{key}") for key, item in part.items()}
        if isinstance(part, list):
            return [filled(item, f"{place}/{number}") for number, item in enumerate(part)]
        return part

    return filled(value, path)


def stray_braces(text: str) -> Iterator[str]:
    """Yield the position ("line 2, column 5") of each `{{` that does not begin a placeholder."""
    for found in _BRACES.finditer(text):
        if found["stray"]:
            at = found.start("stray")
            yield f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a pattern stands for a path: `*` stands for any position in a list."""
    return _matcher(patterns)(path)


def texts(config: Mapping[str, Value], templates: Iterable[str] | None = None) -> dict[str, str]:
    """Return the texts of a configuration by path ("messages/0/content").

    Args:
        templates: the patterns of the texts to return; all texts if None.
    """
    chosen = _matcher(templates) if templates is not None else lambda _: True
    return {path: text for path, text in _texts(config) if chosen(path)}


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
        return
    above = f"{path}/" if path else ""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{above}{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, f"{above}{number}")


def _matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    exact, starred = set(patterns), []
    for pattern in exact:
        segments = pattern.split("/")
        if "*" in segments:
            starred.append(
                "/".join("[0-9]+" if name == "*" else re.escape(name) for name in segments)
            )
    any_of = re.compile("|".join(starred))
    return lambda path: path in exact or (bool(starred) and any_of.fullmatch(path) is not None)


def _check(names: list[str], values: Mapping[str, object]) -> None:
    if problems := list(_problems(names, values)):
        raise PromptError("; ".join(problems))


def _problems(names: list[str], values: Mapping[str, object]) -> Iterator[str]:
    if missing := [name for name in names if name not in values]:
        yield f"no value for {', '.join(missing)}"
    if unknown := [name for name in values if name not in names]:
        known = ", ".join(names) or "none"
        yield f"not a variable of the text: {', '.join(unknown)} (it has {known})"
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            yield f"{name} is of type {type(value).__name__}: pass a str or an int"


def _filled(text: str, values: Mapping[str, object]) -> str:
    def replacement(found: re.Match[str]) -> str:
        if found["stray"]:
            return found[0]
        backslashes = found["pairs"][::2]
        return backslashes + (found["literal"] or _as_text(values[found["variable"]]))

    return _BRACES.sub(replacement, text)


def _as_text(value: object) -> str:
    # The member of a str or int enum is inserted as its value, not as "Plan.FREE".
    return value if isinstance(value, str) else str(int(cast(int, value)))
