"""The JSON Schema of a project's stack files, with which editors complete and check them.

What `validate` allows, it allows. It can't refuse all that `validate` refuses: values that break a
class's own validators or the limits of SSM, numbers in quotation marks that are out of range,
fields that a new group lacks, a misspelled namespace, and conflicts between settings or stacks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.json_schema.override_schema import (
    NULL,
    JsonSchema,
    OverrideSchemas,
    StackFileSchema,
)
from model_config.plan.project import Project
from model_config.plan.regions import REGIONS
from model_config.plan.registry import Modules
from model_config.plan.secrets import secret_fields
from model_config.plan.settings import Settings
from model_config.plan.stack_config import NAMESPACE

#: The schema's file, beside the stack files.
SCHEMA_FILE = "stack.schema.json"

_SCHEMA_COMMENT = "# yaml-language-server: $schema="
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


def stale_files(modules: Modules) -> dict[Path, str]:
    """Return the new text of each file that is not up to date.

    Raises:
        InvalidConfigurationError: a module is broken, so its fields are unknown.
    """
    if modules.broken:
        raise InvalidConfigurationError(each for found in modules.broken.values() for each in found)
    file = modules.project.root / SCHEMA_FILE
    text = json.dumps(stack_schema(modules), indent=2, ensure_ascii=False) + "\n"
    schema = {} if file.is_file() and file.read_text(encoding="utf-8") == text else {file: text}
    return schema | dict(_stack_files(modules.project))


def _stack_files(project: Project) -> Iterator[tuple[Path, str]]:
    """Yield each stack file that names no schema, with the text that names this one."""
    for stack in project.stack_names():
        file = project.stack_file(stack)
        text = file.read_bytes().decode() if file.is_file() else _SCHEMA_COMMENT
        if _SCHEMA_COMMENT not in text:
            yield file, f"{_SCHEMA_COMMENT}{SCHEMA_FILE}\n{text}"


def stack_schema(modules: Modules) -> JsonSchema:
    """Return the JSON Schema of a project's stack files, in draft 7, which editors support.

    None of the project's modules may be broken.
    """
    kinds = {name: type(model.config) for name, model in modules.models.items()}
    overrides = OverrideSchemas(kinds.values())
    models = {name: overrides.of(kind) for name, kind in kinds.items()}
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
    settings: dict[str, JsonSchema] = {}
    schema = Settings.model_json_schema(schema_generator=StackFileSchema)
    for name, given in schema["properties"].items():
        about = {"description": given.pop("description")}
        (value,) = (member for member in given.get("anyOf", [given]) if member != NULL)
        settings[name] = {**about, **value}
    settings["models"]["items"] = {"enum": sorted(models)}
    settings["overrides"] |= {"properties": dict(models), "additionalProperties": False}
    for name in ("overrides", "tags"):
        settings[name]["type"] = ["object", "null"]
    return settings


def _only_if_chosen(model: str) -> JsonSchema:
    """Return a schema that refuses overrides for a model that the stack leaves out."""
    leaves_out = {"type": "array", "not": {"contains": {"const": model}}}
    return {
        "if": {"properties": {_key("models"): leaves_out}, "required": [_key("models")]},
        "then": {"properties": {_key("overrides"): {"properties": {model: False}}}},
    }
