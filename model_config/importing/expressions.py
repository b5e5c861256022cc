"""Python expressions as text, laid out as ruff's formatter would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Call:
    """A name, called with arguments by place and by name."""

    name: str
    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


class Name(str):
    """A name in the source, told from a text."""

    __slots__ = ()


_Bracketed: TypeAlias = Call | list[Any] | dict[str, Any]
_BRACKETED = (Call, list, dict)


def written(value: Any, indent: int, column: int, *, explode: bool = False) -> str:
    """Return an expression on one line where there is room, else with an item on each.

    Args:
        value: a plain value, or one with calls and names in it.
        indent: how far its line is indented.
        column: where in the line it begins.
        explode: take several lines, even where there is room.
    """
    flat = _flat(value)
    # A comma follows it.
    if not isinstance(value, _BRACKETED) or not (explode or column + len(flat) >= WIDTH):
        return flat
    inner = indent + 4
    lines = [
        f"{' ' * inner}{head}{written(each, inner, inner + len(head))},\n"
        for head, each in _items(value)
    ]
    opening, closing = _brackets(value)
    return f"{opening}\n{''.join(lines)}{' ' * indent}{closing}" if lines else flat


def _flat(value: Any) -> str:
    if isinstance(value, _BRACKETED):
        opening, closing = _brackets(value)
        return opening + ", ".join(f"{head}{_flat(each)}" for head, each in _items(value)) + closing
    if isinstance(value, Name):
        return str(value)
    return _quoted(value) if isinstance(value, str) else repr(value).replace("e+", "e")


def _items(value: _Bracketed) -> list[tuple[str, Any]]:
    """Return what stands between the brackets: what comes before each item, and the item."""
    if isinstance(value, Call):
        named = [(f"{name}=", each) for name, each in value.named.items()]
        return [*(("", each) for each in value.positional), *named]
    if isinstance(value, dict):
        return [(f"{_quoted(key)}: ", each) for key, each in value.items()]
    return [("", each) for each in value]


def _brackets(value: _Bracketed) -> tuple[str, str]:
    if isinstance(value, Call):
        return f"{value.name}(", ")"
    return ("{", "}") if isinstance(value, dict) else ("[", "]")


def _quoted(text: str) -> str:
    """Return a text in double quotes, unless single ones need fewer escapes."""
    literal = repr(text)
    if literal[0] == '"' or text.count('"') > text.count("'"):
        return literal
    body = literal[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{body}"'
