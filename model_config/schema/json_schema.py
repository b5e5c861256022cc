"""A JSON Schema as a value: a tool's parameters, or the form of a model's answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, JsonValue, ValidationInfo

from model_config.format.release import RELEASED

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
_NESTED = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
)  # fmt: skip


def _is_type(value: JsonValue) -> bool:
    return all(name in _TYPES for name in (value if isinstance(value, list) else [value]))


def _is_names(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_FORMS: dict[str, tuple[Callable[[JsonValue], bool], str]] = {
    "type": (_is_type, f"one of {', '.join(_TYPES)}, or a list of them"),
    "required": (_is_names, "a list of names"),
    "enum": (lambda value: isinstance(value, list), "a list of values"),
    **dict.fromkeys(
        _NAMED, (lambda value: isinstance(value, dict), "an object of schemas by name")
    ),
    **dict.fromkeys(
        _LISTED,
        (lambda value: isinstance(value, list) and value != [], "a list of at least one schema"),
    ),
}


def _problems(schema: JsonValue, path: str = "#") -> Iterator[str]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield f"{path} must be a schema: an object, true or false"
        return
    for key, value in schema.items():
        at = f"{path}/{key}"
        if key in _FORMS and not _FORMS[key][0](value):
            yield f"{at} must be {_FORMS[key][1]}"
        elif key in _NESTED:
            yield from _problems(value, at)
        elif isinstance(value, dict) and key in _NAMED:
            for name, nested in value.items():
                yield from _problems(nested, f"{at}/{name}")
        elif isinstance(value, list) and key in _LISTED:
            for position, nested in enumerate(value):
                yield from _problems(nested, f"{at}/{position}")


def _check(schema: dict[str, JsonValue], info: ValidationInfo) -> dict[str, JsonValue]:
    # A release was checked at its deploy, perhaps by an older package, which allowed more.
    if info.context != RELEASED and (problems := list(_problems(schema))):
        raise ValueError(f"it is not a JSON Schema: {'; '.join(problems)}")
    return schema


#: A JSON Schema, whose keys keep their order. Checked are `type`, `required`, `enum` and the form
#: of nested schemas. A provider may support less than JSON Schema has.
JsonSchema: TypeAlias = Annotated[dict[str, JsonValue], AfterValidator(_check)]
