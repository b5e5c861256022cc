"""`model-config prune`: delete parts that no release needs."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli.context import project_or_none
from model_config.cli.options import AsJson, Environment, Local, Model, Panel, Prefix
from model_config.cli.output import print_json
from model_config.format.errors import UsageError
from model_config.format.text import plural

PANEL = Panel.OPERATE


def prune(  # noqa: PLR0913 - a verb's options
    model: Model,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be deleted.")
    ] = False,
    gone: Annotated[
        bool, typer.Option("--gone", help="Delete all parts of a model that was removed.")
    ] = False,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Delete parts of large releases that no release in the history uses any more.

    Don't run it during a deploy of the model: a deploy writes the parts before the release that
    names them.

    Example: model-config prune support_chat --dry-run
    """
    from model_config.cli.target import target
    from model_config.operate.releases import unneeded_parts

    if gone:
        _refuse_a_model_of_this_project(model)
    with target(environment, prefix, local=local) as aws:
        names = unneeded_parts(aws.ssm, aws.path, model, gone=gone)
        if not dry_run:
            aws.ssm.delete(names)
    if as_json:
        print_json(names)
        return
    for name in names:
        typer.echo(name)
    done = "would be deleted" if dry_run else "deleted"
    typer.echo(f"{plural(len(names), 'part')} {done}.", err=True)


def _refuse_a_model_of_this_project(model: str) -> None:
    """Refuse --gone for a model of this project, whose parts a running deploy may need."""
    project = project_or_none()
    if project and model in project.model_names():
        raise UsageError(
            f"{model} is a model of this project, so a running deploy may need its parts: "
            "--gone is for a model whose module was removed"
        )
