"""Keeps up to date the JSON Schema with which editors complete and check stack files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.json_schema.stack_schema import stack_schema
from model_config.plan.project import Project
from model_config.plan.registry import Modules

#: The schema's file, beside the stack files.
SCHEMA_FILE = "stack.schema.json"

_SCHEMA_COMMENT = "# yaml-language-server: $schema="


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
