"""The JSON Schema of a value in a stack's file, derived from pydantic's schema of its type.

A number or boolean may also be a string, because `pulumi config set` writes strings. In a map that
is merged into the module's, null removes a key (JSON Merge Patch).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from model_config.format.codec import MAX_INTEGER
from model_config.plan.number_patterns import number_pattern

JsonSchema: TypeAlias = dict[str, Any]

NULL: JsonSchema = {"type": "null"}
# The module's value applies, not the class's default; and pydantic's titles only repeat names.
_LEFT_OUT = ("title", "default")


def properties_of(model_schema: JsonSchema) -> dict[str, JsonSchema]:
    """Return the schemas of a class's fields, with all references resolved except to groups."""
    definitions = model_schema.get("$defs", {})
    own = definitions.get(_target(model_schema), model_schema)  # a class that refers to itself
    return {
        name: _inlined(schema, definitions) for name, schema in own.get("properties", {}).items()
    }


def alternatives(schema: JsonSchema) -> Iterator[JsonSchema]:
    """Yield the schemas of the types that a field may have, without null and groups."""
    common = _without(schema, "anyOf", *_LEFT_OUT)
    for each in schema.get("anyOf", [schema]):
        if each != NULL and "$ref" not in each:
            yield _without(each, *_LEFT_OUT) | common


def value_schema(schema: JsonSchema, *, merged: bool = False) -> JsonSchema:
    """Return the schema of a value as users may write it.

    Args:
        schema: pydantic's schema, without references.
        merged: whether a map is merged into the module's map.
    """
    result = either([_of_type(each, merged=merged) for each in alternatives(schema)])
    return nullable(result) if NULL in schema.get("anyOf", ()) else result


def described(schema: JsonSchema, pydantic_schema: JsonSchema, text: str | None) -> JsonSchema:
    """Return the schema with a description: pydantic's, otherwise that of the docstring."""
    text = pydantic_schema.get("description", text)
    return {"description": text, **schema} if text else schema


def either(schemas: list[JsonSchema]) -> JsonSchema:
    """Return the schema that allows whatever one of several schemas allows."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas or [NULL]}


def nullable(schema: JsonSchema) -> JsonSchema:
    """Return the schema that also allows null."""
    if "type" in schema and not schema.keys() & {"enum", "const"}:
        kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        return {**schema, "type": [*kinds, "null"]}
    return {"anyOf": [schema, NULL]} if schema else schema


def _inlined(schema: Any, definitions: Mapping[str, JsonSchema]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _inlined(value, definitions) for key, value in schema.items()}
    target = definitions.get(_target(schema))
    if target is None or "properties" in target:
        return result
    return {**target, **_without(result, "$ref")}


def _target(schema: JsonSchema) -> str:
    """Return the name of the definition that a reference refers to."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _of_type(schema: JsonSchema, *, merged: bool) -> JsonSchema:
    kind = schema.get("type")
    if schema.keys() & {"enum", "const"}:
        return schema
    if kind in {"integer", "number"}:
        return _number(schema)
    if kind == "boolean":
        return _text_too(schema, "^(true|false)$", "write true or false")
    if kind == "array":
        return {**schema, "items": value_schema(schema.get("items", {}))}
    if kind == "object":
        return _map(schema, merged=merged)
    return schema


def _number(schema: JsonSchema) -> JsonSchema:
    if "multipleOf" in schema:  # no pattern can check it in a string
        return schema
    limits = [f"{key} {schema[key]}" for key in schema if key.lower().endswith("imum")]
    if schema["type"] == "integer":
        schema = {"minimum": -MAX_INTEGER, "maximum": MAX_INTEGER} | schema
    message = ", ".join([f"write a plain {schema['type']}", *limits])
    return _text_too(schema, number_pattern(schema), message)


def _text_too(schema: JsonSchema, pattern: str, message: str) -> JsonSchema:
    """Return the schema that also allows the value as a string. Editors show the message."""
    shown = {"pattern": pattern, "patternErrorMessage": message}
    return {**schema, "type": [schema["type"], "string"], **shown}


def _map(schema: JsonSchema, *, merged: bool) -> JsonSchema:
    """Return the schema of a map. pydantic's allows any value under a key of another pattern."""
    schema = {"additionalProperties": {}, **schema}
    for pattern, values in schema.pop("patternProperties", {}).items():
        schema["propertyNames"] = {**schema.get("propertyNames", {}), "pattern": pattern}
        schema["additionalProperties"] = values
    value = value_schema(schema["additionalProperties"], merged=merged)
    schema["additionalProperties"] = nullable(value) if merged else value
    # The number of keys after merging depends on the module's map.
    return _without(schema, "minProperties", "maxProperties") if merged else schema


def _without(schema: JsonSchema, *keys: str) -> JsonSchema:
    return {key: value for key, value in schema.items() if key not in keys}
