"""`model-config new`: one more model."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli import options
from model_config.cli.context import current_project
from model_config.files import write_new_files
from model_config.format.errors import UsageError
from model_config.scaffold import Kind

PANEL = options.Panel.PROJECT


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The model's name.", show_default=False)
    ],
    *,
    kind: Annotated[Kind, typer.Option(help="The class it is of.")] = "chat",
) -> None:
    """Add a model to the project: its module, and for a chat model the file of its prompt.

    Example: model-config new ticket_sorter --kind chat
    """
    from model_config.plan.registry import MODULE_NAME
    from model_config.scaffold.project import module_files

    project = current_project()
    if not MODULE_NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" can\'t be the name of a model, which is that of its file: a letter, then '
            'letters, digits and "_"'
        )
    contents = module_files(name, kind)
    write_new_files(project.root, contents)
    for path in contents:
        typer.echo(f"Wrote {path}.")
    typer.echo("Edit it, then: model-config validate && model-config schema")
