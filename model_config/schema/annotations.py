"""Which types a field may have: those whose values JSON holds without loss."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, JsonValue, SecretStr
from typing_extensions import is_typeddict

_Class = TypeVar("_Class")
_PLAIN = (str, int, float, bool, NoneType)
_ANY = (
    "str, int, float, bool, an enum, a Literal, list[...], dict[str, ...], a Group, a SecretRef, "
    "or JsonValue for whatever JSON holds"
)


def union_members(kind: Any) -> Iterator[Any]:
    """Yield the members of a union, or the type itself if it is not a union."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from union_members(args[0])
    elif origin in (Union, UnionType):
        for arg in args:
            yield from union_members(arg)
    elif kind is not JsonValue and hasattr(kind, "__value__"):  # type Name = ...
        yield from union_members(kind.__value__)
    else:
        yield kind


def subclasses_in(kind: Any, base: type[_Class]) -> list[type[_Class]]:
    """Return the subclasses of `base` that a field's value may be an instance of."""
    members = union_members(kind)
    return [member for member in members if isinstance(member, type) and issubclass(member, base)]


def value_type(kind: Any, container: type) -> Any:
    """Return the type of a list's items or a dict's values, where a field's type allows one."""
    members = (member for member in union_members(kind) if get_origin(member) is container)
    return next((get_args(member)[-1] for member in members), JsonValue)


def why_refused(kind: Any, group: type, secret: type, item: Any = None) -> str | None:
    """Return why a field can't have a type and which to write instead, or None if it can.

    `group` and `secret` are the classes `Group` and `SecretRef`; `item` is the type of the items of
    the list that the type stands below. A type that refers to itself is a RecursionError.
    """
    return _first(_why_member(member, group, secret, item) for member in union_members(kind))


def _why_member(kind: Any, group: type, secret: type, item: Any) -> str | None:
    if kind is JsonValue or kind is None or kind in _PLAIN or isinstance(kind, str | ForwardRef):
        return None  # a forward reference in a group is checked when the group is complete
    origin, args = get_origin(kind), get_args(kind)
    if origin is list:
        return why_refused(args[0], group, secret, item or args[0])
    if origin is dict and list(union_members(args[0])) == [str]:
        return why_refused(args[1], group, secret, item)
    if origin is Literal:
        return _first(map(_why_not_plain, args))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _first(_why_not_plain(member.value) for member in kind)
    if isinstance(kind, type) and issubclass(kind, secret):
        return item and (
            "a SecretRef can't stand below a list, because a list's items have no names that the "
            f"secret's parameter could have: write dict[str, {name_of(item)}] instead of the list"
        )
    if isinstance(kind, type) and issubclass(kind, group):
        fields = kind.model_fields.values()  # type: ignore[attr-defined]
        return _first(why_refused(field.annotation, group, secret, item) for field in fields)
    return f"its type can't be {name_of(kind)}: write {_instead(kind)}"


def _instead(kind: Any) -> str:
    origin, args = get_origin(kind) or kind, get_args(kind)
    if origin in (Any, object):
        return "JsonValue"
    if not isinstance(origin, type):
        return _ANY
    if is_typeddict(origin) or is_dataclass(origin) or hasattr(origin, "_fields"):
        return f"class {name_of(kind)}(Group) with these fields, or dict[str, JsonValue]"
    if issubclass(origin, BaseModel):
        return f"Group as the base class of {name_of(kind)}, or dict[str, JsonValue]"
    if issubclass(origin, Mapping):
        return f"dict[str, {name_of(args[1]) if args else 'JsonValue'}]"
    if issubclass(origin, SecretStr):
        return "SecretRef"
    if issubclass(origin, bytes | bytearray):
        return "str, such as Base64"
    if issubclass(origin, Iterable) and not issubclass(origin, str | Enum):
        names = {name_of(arg) for arg in args if arg is not ...}
        return f"list[{names.pop() if len(names) == 1 else 'JsonValue'}]"
    if origin.__module__ in ("datetime", "decimal", "pathlib", "uuid", "pydantic.networks"):
        return "str"
    return _ANY


def name_of(kind: Any) -> str:
    """Return a type as users write it."""
    if get_origin(kind) is Annotated:
        return name_of(get_args(kind)[0])
    name = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
    return re.sub(r"[\w.<>]+\.(?=\w)", "", name)  # without modules


def _why_not_plain(value: object) -> str | None:
    if isinstance(value, _PLAIN):
        return None
    return f"a value can't be {type(value).__name__}: write a str, int, float, bool or None"


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)
