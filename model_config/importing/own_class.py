"""Class names and type annotations for a class that is generated from imported fields."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, count

from model_config.importing.names import Path, camel

_TAKEN = {"ModelConfig", "Group", "SecretRef", "JsonValue", "MODEL"}


def class_names(model: str, fields: Iterable[Path]) -> dict[Path, str]:
    """Return a class name for each group: its own name, prefixed by its parents' if taken."""
    groups = {path[:depth] for path in fields for depth in range(len(path))}
    names: dict[Path, str] = {}
    for path in sorted(groups, key=lambda path: (len(path), path)):
        whole = path or (model,)
        near = (camel(*whole[-length:]) for length in range(1, len(whole) + 1))
        numbered = (f"{camel(*whole)}{number}" for number in count(2))
        capital = (name[0].upper() + name[1:] for name in chain(near, numbered))
        names[path] = next(name for name in capital if name not in {*_TAKEN, *names.values()})
    return names


def annotation(value: object) -> str:
    """Return the type annotation for a value."""
    if isinstance(value, list):
        return f"list[{_common(value)}]"
    if isinstance(value, dict):
        return f"dict[str, {_common(value.values())}]"
    return type(value).__name__


def _common(items: Iterable[object]) -> str:
    """Return the annotation that fits all items."""
    kinds = {type(item).__name__ for item in items}
    plain = len(kinds) == 1 and kinds <= {"str", "int", "float", "bool"}
    return kinds.pop() if plain else "JsonValue"
