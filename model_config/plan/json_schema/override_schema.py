"""JSON Schemas of models' overrides, derived from their classes and their modules' values."""

from __future__ import annotations

from itertools import count
from typing import Any

from model_config.plan.json_schema.docstrings import attribute_docs, summary
from model_config.plan.json_schema.value_schema import (
    NULL,
    JsonSchema,
    alternatives,
    described,
    either,
    nullable,
    properties_of,
    value_schema,
)
from model_config.plan.overrides import group_to_override, holds_map
from model_config.schema import Group, ModelConfig, SecretRef
from model_config.schema.annotations import subclasses_in


class OverrideSchemas:
    """Builds the schemas of models' overrides, with the rules of `overrides`.

    Attributes:
        definitions: the schemas of groups, by the names that the models' schemas refer to.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, JsonSchema] = {}
        self._absent: dict[type[Group], JsonSchema] = {}

    def of_model(self, config: ModelConfig) -> JsonSchema:
        """Return the schema of one model's overrides."""
        return self._group(type(config), config)

    def _group(self, kind: type[Group], current: object) -> JsonSchema:
        if isinstance(current, Group):
            return self._defined(kind.__name__, self._fields(kind, current))
        if kind not in self._absent:
            schema: JsonSchema = {}
            self._absent[kind] = self._defined(kind.__name__, schema)
            schema |= self._fields(kind, None)  # last, as it may refer to the same class
        return self._absent[kind]

    def _defined(self, name: str, schema: JsonSchema) -> JsonSchema:
        """Define a schema, with a number after its name if need be, and return a reference."""
        names = (name if number == 1 else f"{name}{number}" for number in count(1))
        free = next(each for each in names if self.definitions.get(each, schema) == schema)
        self.definitions[free] = schema
        return {"$ref": f"#/definitions/{free}"}

    def _fields(self, kind: type[Group], current: Group | None) -> JsonSchema:
        """Return the schema of overrides of the module's group, or of a group it doesn't have."""
        schemas, docs = properties_of(kind.model_json_schema()), attribute_docs(kind)
        properties = {}
        for name, field in kind.model_fields.items():
            if not subclasses_in(field.annotation, SecretRef):
                schema = self._field(field.annotation, schemas[name], getattr(current, name, None))
                if current is None and field.is_required() and holds_map(field.annotation, None):
                    schema = {"allOf": [schema], "type": "object", "minProperties": 1}
                properties[name] = described(schema, schemas[name], docs.get(name))
        schema = {
            "type": ["object", "null"],
            "description": summary(kind),
            "properties": properties,
            "additionalProperties": False,
        }
        if current is None:  # an empty map overrides nothing, and so needs nothing
            schema |= {"if": {"minProperties": 1}, "then": {"required": _required(kind)}}
        return schema

    def _field(self, annotation: Any, schema: JsonSchema, current: object) -> JsonSchema:
        group = group_to_override(annotation, current)
        groups = [group] if group else subclasses_in(annotation, Group)
        schemas = [self._group(each, current) for each in groups]
        schemas += [value_schema(each, merged=True) for each in alternatives(schema)]
        if NULL in schema.get("anyOf", ()) or holds_map(annotation, current):
            return either(schemas) if groups else nullable(either(schemas))
        for number, kind in enumerate(groups):  # replaces a value of another type
            whole = {"type": "object", "required": _required(kind)}
            schemas[number] = {"allOf": [schemas[number]], **whole}
        return either(schemas)


def _required(kind: type[Group]) -> list[str]:
    return [name for name, field in kind.model_fields.items() if field.is_required()]
