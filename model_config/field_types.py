"""Types for fields, and the check of which types a field may have.

A field may have any type whose values JSON holds without loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo

from model_config.format.prompt import stray_braces
from model_config.format.release import RELEASED

_Class = TypeVar("_Class")
_PLAIN = (str, int, float, bool, NoneType)


Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]

_POSITIONS_SHOWN = 3


def _check_prompt(text: str, info: ValidationInfo) -> str:
    if info.context == RELEASED:
        return text  # checked at its deploy, perhaps by an older package, which allowed more
    if not text.strip():
        raise ValueError("the prompt is empty")
    if stray := list(islice(stray_braces(text), _POSITIONS_SHOWN + 1)):
        where = "; ".join(stray[:_POSITIONS_SHOWN]) + "; …" * (len(stray) > _POSITIONS_SHOWN)
        raise ValueError(
            f"{{{{ does not begin a placeholder ({where} of the text): write {{{{name}}}}, where "
            "the name is a letter or _ followed by letters, digits or _. For a text in another "
            "template language, use a str field in a class of your own"
        )
    return text


#: A text with placeholders, `{{name}}`, that an application fills in with `Configuration.render`.
#: It must not be empty, and every `{{` in it must begin a placeholder.
Prompt = Annotated[str, Field(json_schema_extra={"minLength": 1}), AfterValidator(_check_prompt)]


def why_not_storable(kind: Any, whole_field: tuple[type, ...]) -> str | None:
    """Return why a field can't have a type, or None if it can.

    Args:
        kind: the field's annotation.
        whole_field: classes that are allowed for a field, but not for the items of a list or dict.
    """
    return _first(_why_not_member(each, whole_field) for each in union_members(kind))


def _why_not_member(kind: Any, whole_field: tuple[type, ...]) -> str | None:
    if kind is JsonValue or kind is None or kind in _PLAIN:
        return None
    origin, args = get_origin(kind), get_args(kind)
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
    """Yield the members of a union, or the type itself if it is not a union."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from union_members(args[0])
    elif origin in (Union, UnionType):
        for arg in args:
            yield from union_members(arg)
    else:
        yield kind


def subclasses_in(kind: Any, base: type[_Class]) -> list[type[_Class]]:
    """Return the subclasses of `base` that a field's value may be an instance of."""
    members = union_members(kind)
    return [each for each in members if isinstance(each, type) and issubclass(each, base)]


def _why_not_key(kind: Any) -> str | None:
    text = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return None if text is str else f"the keys of a dict must be str in JSON, not {_name(kind)}"


def _why_not_plain(value: object) -> str | None:
    return None if isinstance(value, _PLAIN) else f"{type(value).__name__} is not a plain value"


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def _name(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind))
