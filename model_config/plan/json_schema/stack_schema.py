"""A JSON Schema for a project's stack files, with which editors complete and check them.

It allows what `validate` allows, and also what a schema can't refuse: values that break a class's
own validators or the limits of SSM, a misspelled namespace, a merged dict with too many or too few
keys, and conflicts between two settings or two stacks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from model_config.plan.json_schema.docstrings import attribute_docs
from model_config.plan.json_schema.override_schema import OverrideSchemas
from model_config.plan.json_schema.value_schema import (
    JsonSchema,
    alternatives,
    described,
    either,
    nullable,
    properties_of,
    value_schema,
)
from model_config.plan.regions import REGIONS
from model_config.plan.registry import Modules
from model_config.plan.secrets import secret_fields
from model_config.plan.settings import Settings
from model_config.plan.stack_config import NAMESPACE

_SECRET = {
    "description": "A secret: `pulumi config set --secret` writes it.",
    "errorMessage": "set a secret with `pulumi config set --secret`",
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}


# A known region, unless the stack's file skips the check.
_REGION = {
    "if": {
        "properties": {"aws:skipRegionValidation": {"enum": [True, "true"]}},
        "required": ["aws:skipRegionValidation"],
    },
    "else": {
        "properties": {
            "aws:region": {
                "anyOf": [
                    {"enum": sorted(REGIONS), "errorMessage": "not a region of AWS"},
                    {"type": ["string", "null"], "maxLength": 0},
                ]
            }
        }
    },
}


def stack_schema(modules: Modules) -> JsonSchema:
    """Return the JSON Schema of a project's stack files, in draft 7, which editors support.

    None of the project's modules may be broken.
    """
    overrides = OverrideSchemas()
    models = {name: overrides.of_model(model.config) for name, model in modules.models.items()}
    settings, project = _settings(models), modules.project.name
    secrets = dict.fromkeys(secret_fields(modules.models.values()), _SECRET)
    properties = {_key(name): schema for name, schema in (secrets | settings).items()}
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


def _key(name: str) -> str:
    return f"{NAMESPACE}:{name}"


def _settings(models: Mapping[str, JsonSchema]) -> dict[str, JsonSchema]:
    """Return the schema of each setting. Only a map may be null."""
    schemas, docs = properties_of(Settings.model_json_schema()), attribute_docs(Settings)
    settings: dict[str, JsonSchema] = {}
    for name, field in Settings.model_fields.items():
        given = schemas[str(field.alias)]
        schema = either([value_schema(each) for each in alternatives(given)])
        schema = nullable(schema) if schema["type"] == "object" else schema
        settings[str(field.alias)] = described(schema, given, docs.get(name))
    settings["models"]["items"] = {"enum": sorted(models)}
    settings["overrides"] |= {"properties": dict(models), "additionalProperties": False}
    return settings


def _only_if_chosen(model: str) -> JsonSchema:
    """Return a schema that refuses overrides for a model that the stack leaves out."""
    leaves_out = {"type": "array", "not": {"contains": {"const": model}}}
    return {
        "if": {"properties": {_key("models"): leaves_out}, "required": [_key("models")]},
        "then": {"properties": {_key("overrides"): {"properties": {model: False}}}},
    }
