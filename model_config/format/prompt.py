"""Prompts: texts with placeholders, `{{name}}`, that are replaced with values.

A placeholder is two braces, an ASCII identifier with or without spaces around it, and two braces.
Everything else is text, including single braces and the braces of JSON. There are no expressions,
conditions or escapes. Values are inserted as they are: a placeholder in a value is not replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

from model_config.format.codec import Value
from model_config.format.errors import PromptError

_REST = r" *([A-Za-z_][A-Za-z0-9_]*) *\}\}"
_PLACEHOLDER = re.compile(r"\{\{" + _REST)
_STRAY = re.compile(r"\{\{(?!" + _REST + ")")


def variables(text: str) -> list[str]:
    """Return the names of a text's placeholders, each once, in the order of their appearance."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


class Fragment(NamedTuple):
    """A piece of a text: a placeholder and its variable, or the text between placeholders."""

    text: str
    variable: str | None = None


def fragments(text: str) -> Iterator[Fragment]:
    """Yield the fragments of a text. Joined, they are the text again."""
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        if found.start() > end:
            yield Fragment(text[end : found.start()])
        yield Fragment(found[0], found[1])
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
    if problems := list(_problems(variables(text), values)):
        raise PromptError("; ".join(problems))
    return _PLACEHOLDER.sub(lambda found: _as_text(values[found[1]]), text)


def stray_braces(text: str) -> Iterator[str]:
    """Yield the position ("line 2, column 5") of each `{{` that does not begin a placeholder."""
    for found in _STRAY.finditer(text):
        at = found.start()
        yield f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def texts(config: Mapping[str, Value], above: str = "") -> dict[str, str]:
    """Return the texts of a configuration by path ("prompts/system"), without those in lists."""
    found = {}
    for name, value in config.items():
        if isinstance(value, str):
            found[above + name] = value
        elif isinstance(value, dict):
            found |= texts(value, f"{above}{name}/")
    return found


@dataclass(frozen=True, slots=True)
class VariableChange:
    """The variables that a text has in only one of two configurations.

    Attributes:
        path: the path of the text in both, "prompts/system".
        added: the new variables. An application that doesn't pass them fails.
        removed: the former variables. An application that still passes them fails.
    """

    path: str
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def __str__(self) -> str:
        asks = [f"now asks for {', '.join(self.added)}"] if self.added else []
        stops = [f"no longer asks for {', '.join(self.removed)}"] if self.removed else []
        return f"{self.path} {' and '.join(asks + stops)}"


def variable_changes(
    before: Mapping[str, Value], after: Mapping[str, Value]
) -> list[VariableChange]:
    """Return the texts whose variables changed, in the order of their paths.

    A text that is in only one of the configurations is left out: no application renders it in
    both.
    """
    old, new = texts(before), texts(after)
    found = (
        VariableChange(path, _without(new[path], old[path]), _without(old[path], new[path]))
        for path in sorted(old.keys() & new.keys())
    )
    return [change for change in found if change.added or change.removed]


def _problems(names: list[str], values: Mapping[str, object]) -> Iterator[str]:
    if missing := [name for name in names if name not in values]:
        yield f"no value for {', '.join(missing)}"
    if unknown := [name for name in values if name not in names]:
        known = ", ".join(names) or "none"
        yield f"not a variable of the text: {', '.join(unknown)} (it has {known})"
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            yield f"{name} is of type {type(value).__name__}: pass a str or an int"


def _as_text(value: object) -> str:
    # The member of a str or int enum is inserted as its value, not as "Plan.FREE".
    return value if isinstance(value, str) else str(int(cast(int, value)))


def _without(text: str, other: str) -> tuple[str, ...]:
    others = variables(other)
    return tuple(name for name in variables(text) if name not in others)
