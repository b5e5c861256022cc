"""`model-config promote`: put a label on a release, once it is verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli.output import Environment, Local, Model, Prefix

if TYPE_CHECKING:
    from model_config.operate.moves import Move
    from model_config.reader.configuration import Configuration


def promote(  # noqa: PLR0913 - a verb's options
    model: Model,
    *,
    label: Annotated[
        str, typer.Option("--label", "--to", help="The label to move, such as stable or canary.")
    ] = "stable",
    release: Annotated[
        int | None, typer.Option(help="The number of the release. Default: the newest.")
    ] = None,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Put a label on a release: its readers get that release from then on.

    The release is read back first and verified against its digest and against the model's class in
    this project. The label's former release keeps it as LABEL-previous, for `rollback`.

    Example: model-config promote support_chat --environment prod
    """
    from model_config.cli.target import target

    check = _schema_check(model)
    with target(environment, prefix, local=local) as aws:
        move = aws.labels().promote(model, label, release=release, check=check)
    print_move(move, environment)
    if move.changed and move.before:
        option = "" if label == "stable" else f" --label {label}"
        typer.echo(f"Go back with: model-config rollback {model}{option} -e {environment}")


def print_move(move: Move, environment: str) -> None:
    """Print where a label went."""
    where = f"{move.model} in {environment}"
    if not move.changed:
        typer.echo(f"{where}: {move.label} is on release {move.release} already, nothing moved.")
        return
    before = f"release {move.before}" if move.before else "no release"
    typer.echo(f"{where}: {move.label} is on release {move.release} now, before on {before}.")


def _schema_check(model: str) -> Callable[[Configuration], object] | None:
    """Return what builds the configuration with the class that the model is written in now."""
    from model_config.cli.project import project_or_none
    from model_config.plan.registry import read_modules

    project = project_or_none()
    modules = read_modules(project) if project else None
    if modules and model in modules.models:
        schema = type(modules.models[model].config)
        return lambda configuration: configuration.as_model(schema)
    findings = modules.broken.get(model, ()) if modules else ()
    why = "can't be read" if findings else "isn't in this project"
    typer.echo(f"The release is not checked against a schema: {model}'s module {why}.", err=True)
    for finding in findings:
        typer.echo(str(finding), err=True)
    return None
