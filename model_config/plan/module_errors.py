"""Turns the exception that a model module raised into findings."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from model_config import schema
from model_config.format.errors import Finding
from model_config.plan.field_problems import problems_of
from model_config.plan.locations import ModuleSource
from model_config.schema import Group


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
    file = f"{path.parent.name}/{path.name}"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    line = frames[-1].lineno if frames else None
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line = error.lineno
    if not isinstance(error, ValidationError):
        problem = f"the module can't be imported: {type(error).__name__}: {error}"
        yield Finding(model, problem, _how_to_import(error, path), file=file, line=line)
        return
    source = ModuleSource.read(path)
    call = source.call(frames[-1]) if source and frames else None
    above = source.path(call) if source and call else None
    kind = names.get(error.title, getattr(schema, error.title, None))
    group = kind if isinstance(kind, type) and issubclass(kind, Group) else None
    for wrong in problems_of(error, group):
        where = (model, *((error.title,) if above is None else above), *wrong.path)
        if source and call:
            line = source.line(call, wrong.path)
        fix = wrong.fix or "correct the value in the module"
        yield Finding("/".join(where), wrong.text, fix, file=file, line=line)


def _how_to_import(error: BaseException, path: Path) -> str:
    name = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and (path.parent / f"{name}.py").is_file():
        private = name if name.startswith("_") else f"_{name}"
        rename = f", and rename {name}.py to {private}.py" if name != private else ""
        return f"write `from {path.parent.name}.{private} import ...`{rename}"
    return "correct the module"
