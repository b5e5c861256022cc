"""`model-config unlabel`: take a label off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import moving, options

if TYPE_CHECKING:
    from model_config.operate.labels import Move

PANEL = options.Panel.RELEASE


def unlabel(
    model: options.Model,
    label: Annotated[
        str, typer.Argument(help="The label to take off.", autocompletion=options.complete_label)
    ],
    *,
    reason: options.Reason = None,
    target: options.TargetInRegions,
) -> None:
    """Take a label and its LABEL-previous off, such as a canary's that has ended.

    A reader that asks for the label gets an error from then on. A label with a rollout stays: abort
    the rollout first. No release is deleted.

    Example: model-config unlabel support_chat canary --environment prod
    """
    from model_config.operate import labels

    with target.open() as places:
        moves = moving.verified(
            ((place, model) for place in places),
            lambda place, name: labels.prepare_unlabel(place, name, label, reason=reason),
        )
        moving.make_all(moves, labels.unlabel, _print_taken_off)


def _print_taken_off(move: Move) -> None:
    typer.echo(f"{move.where}: {move.label} is taken off release {move.release}.")
    moving.print_notices(move)
