"""What lets an editor complete and check a project's stack files: a schema that they name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.project import Project
from model_config.plan.registry import Modules
from model_config.plan.stack_schema import stack_schema

#: The schema's file, beside the stack files.
SCHEMA_FILE = "stack.schema.json"

_NAMES_A_SCHEMA = "# yaml-language-server: $schema="


def stale_files(modules: Modules) -> dict[Path, str]:
    """Return what is to be written, by file; nothing where all of it is up to date.

    Args:
        modules: the project's modules.

    Raises:
        InvalidConfigurationError: a module is broken, and so nobody knows what it takes.
    """
    if modules.broken:
        raise InvalidConfigurationError(each for found in modules.broken.values() for each in found)
    file = modules.project.root / SCHEMA_FILE
    text = json.dumps(stack_schema(modules), indent=2, ensure_ascii=False) + "\n"
    schema = {} if file.is_file() and file.read_text(encoding="utf-8") == text else {file: text}
    return schema | dict(_stack_files(modules.project))


def _stack_files(project: Project) -> Iterator[tuple[Path, str]]:
    """Yield each stack file that names no schema, with the text that names ours."""
    for stack in project.stack_names():
        file = project.stack_file(stack)
        text = file.read_bytes().decode() if file.is_file() else _NAMES_A_SCHEMA
        if _NAMES_A_SCHEMA not in text:
            yield file, f"{_NAMES_A_SCHEMA}{SCHEMA_FILE}\n{text}"
