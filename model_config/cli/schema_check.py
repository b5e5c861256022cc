"""Whether a release is valid for its model's current class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import typer

from model_config.cli.project import project_or_none

if TYPE_CHECKING:
    from model_config.plan.registry import Modules
    from model_config.reader.configuration import Configuration


def schema_checks() -> Callable[[str], Callable[[Configuration], object] | None]:
    """Return a function from a model's name to its check. The project's modules are imported once.

    If a model can't be checked, the function prints why and returns None.
    """
    from model_config.plan.registry import read_modules

    project = project_or_none()
    return partial(_schema_check, read_modules(project) if project else None)


def _schema_check(modules: Modules | None, model: str) -> Callable[[Configuration], object] | None:
    if modules and model in modules.models:
        schema = type(modules.models[model].config)
        return lambda configuration: configuration.as_model(schema)
    findings = modules.broken.get(model, ()) if modules else ()
    why = "can't be read" if findings else "isn't in this project"
    typer.echo(f"The release is not checked against a schema: {model}'s module {why}.", err=True)
    for finding in findings:
        typer.echo(str(finding), err=True)
    return None
