"""`model-config prune`: delete the parts that no release needs."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli.output import AsJson, Environment, Local, Model, Prefix, print_json


def prune(  # noqa: PLR0913 - a verb's options
    model: Model,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be deleted.")
    ] = False,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Delete the parts of large releases that no release in the history names any more.

    Nothing else is touched. Not while a deploy of the model runs: it writes the parts first.

    Example: model-config prune support_chat --dry-run
    """
    from model_config.cli.target import target

    with target(environment, prefix, local=local) as aws:
        names = aws.history().prune(model, dry_run=dry_run)
    if as_json:
        print_json(names)
        return
    for name in names:
        typer.echo(name)
    done = "would be deleted" if dry_run else "deleted"
    typer.echo(f"{len(names)} {'part' if len(names) == 1 else 'parts'} {done}.", err=True)
