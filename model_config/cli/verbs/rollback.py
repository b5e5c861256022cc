"""`model-config rollback`: put a label back where it was."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli.output import Environment, Local, Model, Prefix
from model_config.cli.verbs.promote import print_move


def rollback(  # noqa: PLR0913 - a verb's options
    model: Model,
    *,
    label: Annotated[str, typer.Option(help="The label to put back.")] = "stable",
    release: Annotated[
        int | None,
        typer.Option(
            "--release",
            "--to",
            help="The number of the release. Default: the one with LABEL-previous.",
        ),
    ] = None,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Put a label back on the release it was on before, or on another; no value is rewritten.

    The release is verified against its digest first. Doing it twice is the same as once. Secrets
    don't go back: a reader always gets their newest text.

    Example: model-config rollback support_chat --environment prod
    """
    from model_config.cli.target import target

    with target(environment, prefix, local=local) as aws:
        move = aws.labels().rollback(model, label, release=release)
    print_move(move, environment)
