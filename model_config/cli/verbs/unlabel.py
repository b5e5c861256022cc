"""`model-config unlabel`: take a label off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import moving
from model_config.cli.options import (
    Environment,
    Local,
    Model,
    Panel,
    Prefix,
    Reason,
    Regions,
    complete_label,
)

if TYPE_CHECKING:
    from model_config.operate.labels import Move

PANEL = Panel.RELEASE


def unlabel(  # noqa: PLR0913 - a verb's options
    model: Model,
    label: Annotated[
        str, typer.Argument(help="The label to take off.", autocompletion=complete_label)
    ],
    *,
    reason: Reason = None,
    environment: Environment = "dev",
    region: Regions = None,
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Take a label and its LABEL-previous off, such as a canary's that has ended.

    A reader that asks for the label gets an error from then on. A label with a rollout stays: abort
    the rollout first. No release is deleted.

    Example: model-config unlabel support_chat canary --environment prod
    """
    from model_config.cli.target import targets
    from model_config.operate import labels

    with targets(environment, prefix, local=local, regions=region) as places:
        moves = moving.verified(
            ((place, model) for place in places),
            lambda place, name: labels.prepare_unlabel(place, name, label, reason=reason),
        )
        moving.make_all(moves, labels.unlabel, _print_taken_off)


def _print_taken_off(move: Move) -> None:
    typer.echo(f"{move.where}: {move.label} is taken off release {move.release}.")
    moving.print_notices(move)
