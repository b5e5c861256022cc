"""JSON Schemas of models' overrides, made by pydantic from their classes.

An override names only what it changes, so no field is required, and an editor accepts whatever
`validate` does. Two things a class can't say: a secret is never overridden, and in a group or a
dict that is merged into the module's, null has a meaning of its own (see `overrides`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from model_config.plan.json_schema.docstrings import attribute_docs, summary
from model_config.schema import ModelConfig

JsonSchema: TypeAlias = dict[str, Any]

NULL: JsonSchema = {"type": "null"}
_SECRET: JsonSchema = {"not": {}}  # SecretRef's own schema
_OFF: JsonSchema = {"const": False, "description": "Switches the group off."}
_REF = "#/definitions/"


class StackFileSchema(GenerateJsonSchema):
    """Describes values as they stand in stack files.

    `pulumi config set` writes numbers and booleans as strings. Titles, which repeat names, and the
    classes' defaults, which a module may replace, are left out.
    """

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchema:
        """Return an integer's schema."""
        return _or_text(super().int_schema(schema), r"^-?[0-9]+$", "write an integer")

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchema:
        """Return a number's schema."""
        pattern = r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"
        return _or_text(super().float_schema(schema), pattern, "write a number")

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchema:
        """Return a boolean's schema."""
        return _or_text(super().bool_schema(schema), "^(true|false)$", "write true or false")

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchema:
        """Return a dict's schema. pydantic's allows any value under a key of another pattern."""
        made = super().dict_schema(schema)
        for pattern, values in made.pop("patternProperties", {}).items():
            made["propertyNames"] = {**made.get("propertyNames", {}), "pattern": pattern}
            made["additionalProperties"] = values
        return made

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchema:
        """Return a class's schema, with the descriptions of its docstring."""
        kind, made = schema["cls"], super().model_schema(schema)
        docs = attribute_docs(kind)
        for name, field in kind.model_fields.items():
            if name in docs:
                made["properties"][field.alias or name].setdefault("description", docs[name])
        del made["title"]
        return {**made, "description": summary(kind)}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchema:
        """Return a field's schema without its default."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 -- pydantic's signature
        """Return False: a title only repeats the name."""
        return False


class OverrideSchemas:
    """The schemas of models' overrides.

    Attributes:
        definitions: the schemas that they refer to, by name.
    """

    def __init__(self, kinds: Iterable[type[ModelConfig]]) -> None:
        """Describe the classes of all models, each once."""
        self._roots, made = models_json_schema(
            [(kind, "validation") for kind in dict.fromkeys(kinds)],
            ref_template=f"{_REF}{{model}}",
            schema_generator=StackFileSchema,
        )
        self._whole: dict[str, JsonSchema] = made.get("$defs", {})
        self.definitions: dict[str, JsonSchema] = {}

    def of(self, kind: type[ModelConfig]) -> JsonSchema:
        """Return the schema of the overrides of a model of a class."""
        return either([self._member(self._roots[kind, "validation"]), NULL])

    def _override(self, schema: JsonSchema, *, is_entry: bool = False) -> JsonSchema:
        """Return the schema of what a field, or the entry of a dict, is overridden with."""
        members = schema.get("anyOf", [schema])
        values = [member for member in members if member != NULL]
        groups = [member for member in values if self._is_group(member)]
        maps = [member for member in values if member.get("type") == "object"]
        made = [self._member(member) for member in values]
        if groups and NULL in members:
            made.append(_OFF)
        elif NULL in members or (values and len(groups) + len(maps) == len(values)):
            made.append(NULL)
        if is_entry and NULL not in made:
            made.append(NULL)  # removes it
        about = {key: value for key, value in schema.items() if key == "description"}
        return {**either(made), **about}

    def _member(self, schema: JsonSchema) -> JsonSchema:
        if self._is_group(schema):
            return self._group(schema["$ref"].removeprefix(_REF))
        if isinstance(values := schema.get("additionalProperties"), dict):
            # How many keys there are in the end depends on the module's.
            counts = ("minProperties", "maxProperties")
            merged = {key: value for key, value in schema.items() if key not in counts}
            return {**merged, "additionalProperties": self._override(values, is_entry=True)}
        for name in re.findall(f'"{_REF}([^"]+)"', json.dumps(schema)):  # a list's items are whole
            if name not in self.definitions:
                self.definitions[name] = self._whole[name]
                self._member(self._whole[name])
        return schema

    def _group(self, name: str) -> JsonSchema:
        own = f"{name}.override"
        if own not in self.definitions:
            whole = self._whole[name]
            self.definitions[own] = {
                **{key: value for key, value in whole.items() if key != "required"},
                "properties": {
                    field: self._override(schema)
                    for field, schema in whole["properties"].items()
                    if _SECRET not in schema.get("anyOf", [schema])
                },
            }
        return {"$ref": f"{_REF}{own}"}

    def _is_group(self, schema: JsonSchema) -> bool:
        return "properties" in self._whole.get(schema.get("$ref", "").removeprefix(_REF), {})


def either(schemas: list[JsonSchema]) -> JsonSchema:
    """Return the schema that allows whatever one of several schemas allows."""
    if {} in schemas:
        return {}
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _or_text(schema: JsonSchema, pattern: str, message: str) -> JsonSchema:
    """Return the schema that also allows the value as a string. Editors show the message."""
    shown = {"pattern": pattern, "patternErrorMessage": message}
    return {**schema, "type": [schema["type"], "string"], **shown}
