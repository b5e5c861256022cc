"""The placeholders of a prompt: `{{name}}`, filled in with values, and nothing more than that.

A placeholder is two braces, an ASCII identifier with or without spaces around it, and two braces.
Everything else is text, a lone brace and the braces of JSON too. There are no expressions, no
conditions and no escapes: values go in as they are, and what they contain is never read again.
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
    """Return the names that a text asks for, each once, in the order in which they appear."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


class Fragment(NamedTuple):
    """A placeholder of a text with the name it asks for, or what stands between two of them."""

    text: str
    variable: str | None = None


def fragments(text: str) -> Iterator[Fragment]:
    """Yield a text in fragments; put together they are the text again."""
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
        values: a str or an int for each variable of the text, and for no other name. Whatever
            can be written in more than one way (a float, a bool, None, a list) is refused, so
            that the caller decides how it reads.

    Raises:
        PromptError: with every variable that has no value, every name that is not a variable of
            the text, and every value of another type.
    """
    if problems := list(_problems(variables(text), values)):
        raise PromptError("; ".join(problems))
    return _PLACEHOLDER.sub(lambda found: _written(values[found[1]]), text)


def stray_braces(text: str) -> Iterator[str]:
    """Yield the place ("line 2, column 5") of each `{{` that does not begin a placeholder."""
    for found in _STRAY.finditer(text):
        at = found.start()
        yield f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def texts(config: Mapping[str, Value]) -> dict[str, str]:
    """Return every text of a configuration by its path ("prompts/system"); not those in lists."""
    return dict(_texts(config))


@dataclass(frozen=True, slots=True)
class VariableChange:
    """The variables that a text asks for in one configuration and not in the other.

    Attributes:
        path: where the text is in both configurations, "prompts/system".
        added: what it asks for only now. An application that doesn't pass it fails.
        removed: what it no longer asks for. An application that still passes it fails.
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
    """Return the texts that ask for other variables than before, in the order of their paths.

    A text that is in only one of the two configurations is left out: no application renders it
    in both.

    Args:
        before, after: the nested values of two configurations of one model.
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
        yield f"not a variable of the text: {', '.join(unknown)} (it has {_listed(names)})"
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            yield f"{name} is of type {type(value).__name__}: pass a str or an int"


def _written(value: object) -> str:
    # An enum's member that is a str or an int goes in as that, not as "Plan.FREE".
    return value if isinstance(value, str) else str(int(cast(int, value)))


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


def _without(text: str, other: str) -> tuple[str, ...]:
    there = variables(other)
    return tuple(name for name in variables(text) if name not in there)


def _texts(config: Mapping[str, Value], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in config.items():
        if isinstance(value, str):
            yield above + name, value
        elif isinstance(value, dict):
            yield from _texts(value, f"{above}{name}/")
