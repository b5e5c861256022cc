r"""Prompts: texts with placeholders, `{{name}}`, that are replaced with values.

A placeholder is two braces, an ASCII identifier with or without spaces around it, and two braces.
`\{{` stands for two braces that are text: of the backslashes directly before `{{`, rendering leaves
half, and an odd one makes the braces text. Everything else is text, including single braces and
the braces of JSON. There are no expressions or conditions. Values are inserted as they are: a
placeholder in a value is not replaced.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from model_config.format.codec import Value
from model_config.format.errors import PromptError, UsageError

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_BRACES = re.compile(
    r"(?<!\\)(?P<pairs>(?:\\\\)*)"  # each stands for one backslash
    rf"(?:\{{\{{ *(?P<variable>{_NAME}) *\}}\}}"
    r"|\\(?P<literal>\{\{)"
    rf"|(?P<stray>\{{+(?=\{{\{{ *{_NAME} *\}}\}})|\{{\{{+))"
)


def variables(text: str) -> list[str]:
    """Return the names of a text's placeholders, each once, in the order of their appearance."""
    names = (match["variable"] for match in _BRACES.finditer(text))
    return list(dict.fromkeys(name for name in names if name))


class Fragment(NamedTuple):
    """A placeholder with its variable, or the text between placeholders."""

    text: str
    variable: str | None = None


def fragments(text: str) -> Iterator[Fragment]:
    """Yield the fragments of a text. Joined, they are the text again."""
    end = 0
    for match in _BRACES.finditer(text):
        if match["variable"]:
            start = match.end("pairs")
            if start > end:
                yield Fragment(text[end:start])
            end = match.end()
            yield Fragment(text[start:end], match["variable"])
    if end < len(text):
        yield Fragment(text[end:])


def render(text: str, values: Mapping[str, object]) -> str:
    """Return the text with each placeholder replaced by its value, a str or an int.

    A type that can be written in more than one way (a float, a bool, None, a list) is refused, so
    that the caller decides on its form.

    Raises:
        PromptError: names every variable that has no value, every name that is not a variable of
            the text, and every value of another type.
    """
    if not isinstance(text, str):
        raise UsageError(f"text must be a str, not {type(text).__name__}")
    _check(variables(text), values)
    return _filled(text, values)


def fill(value: Value, path: str, templates: Iterable[str], values: Mapping[str, object]) -> Value:
    """Return a copy of what stands at a path, with every template in it filled.

    `templates` are the patterns of paths whose texts are templates, as a release has them.
    PromptError is raised as for `render`, of the variables of all these templates.
    """
    any_of = _any_of(templates)
    inside = [text for place, text in _texts(value, path) if any_of.fullmatch(place)]
    _check(variables("\n".join(inside)), values)

    def filled(part: Value, place: str) -> Value:
        if isinstance(part, str) and any_of.fullmatch(place):
            return _filled(part, values)
        if isinstance(part, dict):
            return {key: filled(item, f"{place}/{key}") for key, item in part.items()}
        if isinstance(part, list):
            return [filled(item, f"{place}/{number}") for number, item in enumerate(part)]
        return part

    return filled(value, path)


def stray_braces(text: str) -> Iterator[str]:
    """Yield the position, "line 2, column 5", of each `{{` that doesn't begin a placeholder."""
    number, begin = 1, 0  # of the line
    for match in _BRACES.finditer(text):
        if match["stray"]:
            at = match.start("stray")
            number += text.count("\n", begin, at)
            begin = text.rfind("\n", begin, at) + 1 or begin
            yield f"line {number}, column {at - begin + 1}"


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a pattern stands for a path: `*` stands for any position in a list."""
    return bool(_any_of(patterns).fullmatch(path))


def texts(config: Mapping[str, Value], templates: Iterable[str] | None = None) -> dict[str, str]:
    """Return the texts of a configuration, or its templates, by path ("messages/0/content")."""
    any_of = re.compile(".*", re.DOTALL) if templates is None else _any_of(templates)
    return {path: text for path, text in _texts(config) if any_of.fullmatch(path)}


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    above = f"{path}/" if path else ""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping | list):
        for name, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _texts(item, f"{above}{name}")


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    escaped = (
        "/".join(r"(?:[0-9]+|\*)" if name == "*" else re.escape(name) for name in path.split("/"))
        for path in patterns
    )
    return re.compile("|".join(escaped) or "(?!)")  # which matches nothing


def _check(names: list[str], values: Mapping[str, object]) -> None:
    problems = []
    if missing := [name for name in names if name not in values]:
        problems.append(f"no value for {', '.join(missing)}")
    if unknown := [name for name in values if name not in names]:
        known = ", ".join(names) or "none"
        problems.append(f"not a variable of the text: {', '.join(unknown)} (it has {known})")
    problems += [
        f"{name} is of type {type(value).__name__}: pass a str or an int"
        for name, value in values.items()
        if isinstance(value, bool) or not isinstance(value, str | int)
    ]
    if problems:
        raise PromptError("; ".join(problems))


def _filled(text: str, values: Mapping[str, object]) -> str:
    def replacement(match: re.Match[str]) -> str:
        if match["stray"]:
            return match[0]
        value = match["literal"] or values[match["variable"]]
        # The member of a str or int enum is inserted as its value, not as "Plan.FREE".
        text = value if isinstance(value, str) else str(int(cast(int, value)))
        return match["pairs"][::2] + text

    return _BRACES.sub(replacement, text)
