"""`model-config rollout abort`: give all readers the label's release again."""

from __future__ import annotations

import typer

from model_config.cli.options import Environment, Local, Model, Prefix, Reason, Regions
from model_config.cli.rollout_report import aborted
from model_config.cli.rollouts import change_in_all, rollouts_by_region


def abort(  # noqa: PLR0913 - a verb's options
    model: Model,
    *,
    reason: Reason = None,
    environment: Environment = "dev",
    region: Regions = None,
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """End a rollout: all readers get the label's release again. The label doesn't move.

    It also replaces an invalid rollout document.

    Example: model-config rollout abort support_chat --environment prod
    """
    with rollouts_by_region(environment, prefix, local=local, regions=region) as by_region:
        for one, change in change_in_all(by_region, lambda rollouts: rollouts.abort(model, reason)):
            typer.echo(aborted(one.target.where(model), change))
