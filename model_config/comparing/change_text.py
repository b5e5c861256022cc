"""The one renderer of a change, for terminals, reviews and scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from difflib import unified_diff
from typing import Any, NamedTuple

from model_config.comparing.changes import MARKS, Change
from model_config.comparing.text import one_line, printable
from model_config.format.codec import Value
from model_config.format.prompt import VariableChange, texts, variable_changes

#: The length in characters beyond which values are compared line by line.
_LONG = 72


class Line(NamedTuple):
    """A line of output, and the mark it is coloured by: "+", "-", "~", "@" or none."""

    text: str
    mark: str = ""


def change_lines(change: Change, indent: str = "") -> Iterator[Line]:
    """Yield a summary line, followed by a diff if the values are long."""
    mark, short = MARKS[change.change], summary(change)
    yield Line(printable(f"{indent}{mark} {change.path}{': ' if short else ''}{short}"), mark)
    for line in text_diff(change):
        yield Line(f"{indent}    {line}", line[0].strip())


def summary(change: Change, shown: Callable[[Value], str] = one_line) -> str:
    """Return short values, and added and removed prompt variables, on one line."""
    return "; ".join(filter(None, [_values(change, shown), _variables(change)]))


def text_diff(change: Change) -> Iterator[str]:
    """Yield the lines of a unified diff of long values, or nothing for short ones."""
    if change.secret or not is_long(change):
        return
    before = [] if change.change == "added" else _text_lines(change.before)
    after = [] if change.change == "removed" else _text_lines(change.after)
    diff = unified_diff(before, after, lineterm="")
    # The first two lines name files; here there are none.
    yield from (printable(line) for number, line in enumerate(diff) if number > 1)


def to_json(change: Change) -> dict[str, Any]:
    """Return the change as JSON for scripts; `variables` is null if no prompt variable changed."""
    asked = variable_change(change)
    return {
        "path": change.path,
        "change": change.change,
        "before": change.before,
        "after": change.after,
        "secret": change.secret,
        "variables": {"added": asked.added, "removed": asked.removed} if asked else None,
    }


def _values(change: Change, shown: Callable[[Value], str]) -> str:
    if change.secret:
        return "refers to another secret" if change.change == "changed" else "a secret"
    if is_long(change):
        return ""
    values = [change.before] if change.change != "added" else []
    values += [change.after] if change.change != "removed" else []
    return " → ".join(map(shown, values))


def _variables(change: Change) -> str:
    asked = variable_change(change)
    return str(asked).removeprefix(f"{change.path} ") if asked else ""


def variable_change(change: Change) -> VariableChange | None:
    """Return the variables that only one side of a text has, or None."""
    found = variable_changes(
        texts({change.path: change.before}), texts({change.path: change.after})
    )
    return found[0] if found else None


def is_long(change: Change) -> bool:
    """Return whether a value is shown line by line."""
    return any(
        len(one_line(value)) > _LONG or (isinstance(value, str) and "\n" in value)
        for value in (change.before, change.after)
    )


def _text_lines(value: Value) -> list[str]:
    # Not splitlines(), which would hide a changed line ending.
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return shown.split("\n")
