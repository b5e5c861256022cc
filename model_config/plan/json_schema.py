"""The JSON Schema of a project's stack files, for editors."""

import json
import re
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from model_config.format.errors import InvalidConfigurationError
from model_config.plan import aws, checks
from model_config.plan.project import NAMESPACE
from model_config.plan.registry import Modules
from model_config.plan.settings import Settings
from model_config.schema import ModelConfig

JsonSchema: TypeAlias = dict[str, Any]

#: The schema's file. Its folder keeps it out of the top of the project.
SCHEMA_FILE = ".editor/stack.schema.json"

_COMMENT = "# yaml-language-server: $schema="
_REF = "#/definitions/"
_NULL: JsonSchema = {"type": "null"}
_SECRET: JsonSchema = {
    "description": "A secret: `pulumi config set --secret` writes it.",
    "errorMessage": "set a secret with `pulumi config set --secret`",
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
_SKIPS = "aws:skipRegionValidation"
_KNOWN = {"enum": sorted(aws.REGIONS), "errorMessage": "not a region of AWS"}
_EMPTY = {"type": ["string", "null"], "maxLength": 0}
_REGION: JsonSchema = {
    "if": {"properties": {_SKIPS: {"enum": [True, "true"]}}, "required": [_SKIPS]},
    "else": {"properties": {"aws:region": {"anyOf": [_KNOWN, _EMPTY]}}},
}


def summary(kind: type) -> str:
    """Return the first paragraph of a class's own docstring."""
    return cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def attribute_docs(kind: type) -> dict[str, str]:
    """Return the descriptions of attributes in the docstrings of a class and its base classes."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        _, _, section = cleandoc(base.__doc__ or "").partition("\n\nAttributes:\n")
        attributes = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", section, re.MULTILINE)
        docs |= {name: " ".join(text.split()) for name, text in attributes}
    return docs


class _StackFileSchema(GenerateJsonSchema):
    """Describes values as they stand in stack files.

    `pulumi config set` writes numbers and booleans as strings. Titles, which repeat names, and the
    classes' defaults, which a module may replace, are left out.
    """

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchema:
        return _or_text(super().int_schema(schema), r"^-?[0-9]+$", "write an integer")

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchema:
        pattern = r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"
        return _or_text(super().float_schema(schema), pattern, "write a number")

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchema:
        return _or_text(super().bool_schema(schema), "^(true|false)$", "write true or false")

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchema:
        made = super().dict_schema(schema)  # which allows any value under a key of another pattern
        for pattern, values in made.pop("patternProperties", {}).items():
            made["propertyNames"] = {**made.get("propertyNames", {}), "pattern": pattern}
            made["additionalProperties"] = values
        return made

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchema:
        kind, made = schema["cls"], super().model_schema(schema)
        docs = attribute_docs(kind)
        for name, field in kind.model_fields.items():
            if name in docs:
                made["properties"][field.alias or name].setdefault("description", docs[name])
        del made["title"]
        return {**made, "description": summary(kind)}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchema:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 -- pydantic's signature
        return False


def _or_text(schema: JsonSchema, pattern: str, message: str) -> JsonSchema:
    shown = {"pattern": pattern, "patternErrorMessage": message}
    return {**schema, "type": [schema["type"], "string"], **shown}


class _Overrides:
    def __init__(self, kinds: Iterable[type[ModelConfig]]) -> None:
        self._roots, made = models_json_schema(
            [(kind, "validation") for kind in dict.fromkeys(kinds)],
            ref_template=f"{_REF}{{model}}",
            schema_generator=_StackFileSchema,
        )
        self._whole: dict[str, JsonSchema] = made.get("$defs", {})
        self.definitions: dict[str, JsonSchema] = {}

    def of(self, kind: type[ModelConfig]) -> JsonSchema:
        return _either([self._member(self._roots[kind, "validation"]), _NULL])

    def _override(self, schema: JsonSchema, *, is_entry: bool = False) -> JsonSchema:
        members = schema.get("anyOf", [schema])
        values = [member for member in members if member != _NULL]
        groups = [member for member in values if self._is_group(member)]
        maps = [member for member in values if member.get("type") == "object"]
        made = [self._member(member) for member in values]
        if groups and _NULL in members:
            made.append({"const": False, "description": "Switches the group off."})
        elif _NULL in members or (values and len(groups) + len(maps) == len(values)):
            made.append(_NULL)
        if is_entry and _NULL not in made:
            made.append(_NULL)  # removes it
        about = {"description": schema["description"]} if "description" in schema else {}
        return {**_either(made), **about}

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
                    if {"not": {}} not in schema.get("anyOf", [schema])  # SecretRef's own
                },
            }
        return {"$ref": f"{_REF}{own}"}

    def _is_group(self, schema: JsonSchema) -> bool:
        return "properties" in self._whole.get(schema.get("$ref", "").removeprefix(_REF), {})


def _either(schemas: list[JsonSchema]) -> JsonSchema:
    if {} in schemas:
        return {}
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def stale_files(modules: Modules) -> dict[Path, str]:
    """Return the new text of each file that isn't up to date, or raise broken modules' findings."""
    if modules.broken:
        raise InvalidConfigurationError(chain.from_iterable(modules.broken.values()))
    file = modules.project.root / SCHEMA_FILE
    text = json.dumps(stack_schema(modules), indent=2, ensure_ascii=False) + "\n"
    is_current = file.is_file() and file.read_text(encoding="utf-8") == text
    stale = {} if is_current else {file: text}
    for stack in modules.project.stack_names():
        file = modules.project.stack_file(stack)
        text = file.read_bytes().decode() if file.is_file() else _COMMENT
        if _COMMENT not in text:
            stale[file] = f"{_COMMENT}{SCHEMA_FILE}\n{text}"
    return stale


def stack_schema(modules: Modules) -> JsonSchema:
    # In draft 7, which editors support.
    kinds = {name: type(model.config) for name, model in modules.models.items()}
    overrides = _Overrides(kinds.values())
    models = {name: overrides.of(kind) for name, kind in kinds.items()}
    settings, project = _settings(models), modules.project.name
    secrets = dict.fromkeys(checks.secret_fields(modules.models.values()), _SECRET)
    properties = {f"{NAMESPACE}:{name}": schema for name, schema in (secrets | settings).items()}
    # A key without a namespace belongs to the project, and so has an effect only if the project is
    # called as the namespace is.
    ignored = "|".join([NAMESPACE, *settings])
    other = "[^:]+:" if project == NAMESPACE else rf"(?!({re.escape(project)}:)?({ignored})$)"
    config = {
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": {f"^(?!{NAMESPACE}:){other}": {}},
        "additionalProperties": False,
        "allOf": [_REGION, *map(_only_if_chosen, models)],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": ["object", "null"],
        "properties": {"config": config},
        "definitions": overrides.definitions,
    }


def _settings(models: Mapping[str, JsonSchema]) -> dict[str, JsonSchema]:
    settings: dict[str, JsonSchema] = {}
    schema = Settings.model_json_schema(schema_generator=_StackFileSchema)
    for name, given in schema["properties"].items():
        description = given.pop("description")
        (value,) = (member for member in given.get("anyOf", [given]) if member != _NULL)
        settings[name] = {"description": description, **value}
    settings["models"]["items"] = {"enum": sorted(models)}
    settings["overrides"] |= {"properties": dict(models), "additionalProperties": False}
    for name in ("overrides", "tags"):  # only a map may be null
        settings[name]["type"] = ["object", "null"]
    return settings


def _only_if_chosen(model: str) -> JsonSchema:
    models, overrides = f"{NAMESPACE}:models", f"{NAMESPACE}:overrides"
    leaves_out = {"type": "array", "not": {"contains": {"const": model}}}
    return {
        "if": {"properties": {models: leaves_out}, "required": [models]},
        "then": {"properties": {overrides: {"properties": {model: False}}}},
    }
