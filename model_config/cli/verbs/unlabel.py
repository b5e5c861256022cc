"""`model-config unlabel`: take a label off."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli import moving, options

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
    from model_config.operate.labels import prepare_unlabel

    moving.move_labels(
        target,
        lambda _: [model],
        lambda place, name: prepare_unlabel(place, name, label, reason=reason),
    )
