"""Turns the exception that a model module raised into findings."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model_config import schema
from model_config.format.errors import Finding
from model_config.plan.messages import message_of, nearest
from model_config.schema import Group
from model_config.schema.annotations import subclasses_in


def findings_of(
    error: BaseException, model: str, path: Path, names: Mapping[str, object]
) -> Iterator[Finding]:
    """Yield each invalid value in a model's module, or the reason why it can't be imported.

    Args:
        error: the exception that the module raised.
        model: the model's name.
        path: the module's file.
        names: the module's globals at that time.
    """
    file, line = f"{path.parent.name}/{path.name}", _line_of(error, path)
    if not isinstance(error, ValidationError):
        problem = f"the module can't be imported: {type(error).__name__}: {error}"
        yield Finding(model, problem, "correct the module", file=file, line=line)
        return
    for detail in error.errors():
        problem, fix = _problem_of(detail, error.title, names)
        where = "/".join((model, error.title, *map(str, detail["loc"])))
        yield Finding(where, problem, fix, file=file, line=line)


def _problem_of(
    detail: Mapping[str, Any], title: str, names: Mapping[str, object]
) -> tuple[str, str]:
    """Return the problem and its fix."""
    if detail["type"] == "extra_forbidden":
        *path, field = map(str, detail["loc"])
        if group := _group_at(path, title, names):
            return f"{group.__name__} has no field of that name", nearest(field, group.model_fields)
    return message_of(detail), "correct the value in the module"


def _group_at(path: Sequence[str], title: str, names: Mapping[str, object]) -> type[Group] | None:
    """Return the class of the group at a path in the class of that name, if only one fits."""
    classes = subclasses_in(names.get(title, getattr(schema, title, None)), Group)
    for field in path:
        fields = classes[0].model_fields if len(classes) == 1 else {}
        classes = subclasses_in(fields[field].annotation, Group) if field in fields else []
    return classes[0] if len(classes) == 1 else None


def _line_of(error: BaseException, path: Path) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return lines[-1] if lines else None
