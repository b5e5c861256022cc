"""`model-config prune`: delete parts that no release needs."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli import options, output
from model_config.cli.context import project_or_none
from model_config.format.errors import UsageError
from model_config.format.text import plural

PANEL = options.Panel.OPERATE


def prune(
    model: options.Model,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be deleted.")
    ] = False,
    gone: Annotated[
        bool, typer.Option("--gone", help="Delete all parts of a model that was removed.")
    ] = False,
    target: options.Target,
    as_json: options.AsJson = False,
) -> None:
    """Delete parts of large releases that no release in the history uses any more.

    Don't run it during a deploy of the model: a deploy writes the parts before the release that
    names them.

    Example: model-config prune support_chat --dry-run
    """
    from model_config.operate.releases import unneeded_parts

    project = project_or_none()
    if gone and project and model in project.model_names():
        raise UsageError(
            f"{model} is a model of this project, so a running deploy may need its parts: "
            "--gone is for a model whose module was removed"
        )
    with target.open() as aws:
        names = unneeded_parts(aws.ssm, aws.path, model, gone=gone)
        if not dry_run:
            aws.ssm.delete(names)
    if as_json:
        output.print_json(names)
        return
    for name in names:
        typer.echo(name)
    done = "would be deleted" if dry_run else "deleted"
    typer.echo(f"{plural(len(names), 'part')} {done}.", err=True)
