"""Which types a configuration's field may have: those that JSON holds and gives back the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import JsonValue

_Class = TypeVar("_Class")
_PLAIN = (str, int, float, bool, NoneType)


def why_not_storable(kind: Any, whole_field: tuple[type, ...]) -> str | None:
    """Return why a type can't be a field's, or None where it can.

    Args:
        kind: the field's annotation.
        whole_field: classes that a field may have, but not the items of a list or dict.
    """
    if kind is JsonValue or kind is None or kind in _PLAIN:
        return None
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return why_not_storable(args[0], whole_field)
    if origin in (Union, UnionType):
        return _first(why_not_storable(arg, whole_field) for arg in args)
    if origin is list:
        return why_not_storable(args[0], ())
    if origin is dict:
        return _why_not_key(args[0]) or why_not_storable(args[1], ())
    if origin is Literal:
        return _first(_why_not_plain(arg) for arg in args)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _first(_why_not_plain(member.value) for member in kind)
    if isinstance(kind, type) and issubclass(kind, whole_field):
        return None
    return f"{_name(kind)} is not allowed here"


def union_members(kind: Any) -> Iterator[Any]:
    """Yield the types that a field's value may have: those of a union, else the one there is."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from union_members(args[0])
    elif origin in (Union, UnionType):
        for arg in args:
            yield from union_members(arg)
    else:
        yield kind


def subclasses_in(kind: Any, base: type[_Class]) -> list[type[_Class]]:
    """Return the classes below `base` that a field's value may be an instance of."""
    members = union_members(kind)
    return [each for each in members if isinstance(each, type) and issubclass(each, base)]


def _why_not_key(kind: Any) -> str | None:
    text = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return None if text is str else f"a dict's keys are str in JSON, not {_name(kind)}"


def _why_not_plain(value: object) -> str | None:
    return None if isinstance(value, _PLAIN) else f"{type(value).__name__} is not a plain value"


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def _name(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind))
