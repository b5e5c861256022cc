"""`model-config schema`: write a JSON Schema of the stack files for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli import options
from model_config.cli.context import current_project, to_paste
from model_config.files import write_file

PANEL = options.Panel.PROJECT


def schema(
    *,
    check: Annotated[bool, "Write nothing; exit with 1 if it is out of date."] = False,
) -> None:
    """Write a JSON Schema of the stack files, generated from this project's models, for editors.

    The schema is .editor/stack.schema.json, and each stack file names it in its first line. Commit
    both: the schema contains names, types and ranges, and no values. Run this command again when a
    model's class, its secrets or the list of models changes.

    Example: model-config schema
    """
    from model_config.plan.json_schema import SCHEMA_FILE, stale_files
    from model_config.plan.registry import read_modules

    project = current_project()
    stale = stale_files(read_modules(project))
    names = ", ".join(file.relative_to(project.root).as_posix() for file in stale)
    if check and stale:
        message = f"{SCHEMA_FILE} is out of date. `model-config schema` writes {names}."
        typer.echo(to_paste(message))
        raise typer.Exit(1)
    for file, text in stale.items():
        file.parent.mkdir(exist_ok=True)
        write_file(file, text, private=False)
    typer.echo(f"Wrote {names}." if stale else f"{SCHEMA_FILE} is up to date.")
