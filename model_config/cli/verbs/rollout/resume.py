"""`model-config rollout resume`: go on."""

from __future__ import annotations

from model_config.cli import moving
from model_config.cli.output import Environment, Local, Model, Prefix
from model_config.cli.rollout_report import print_statuses
from model_config.cli.rollouts import change_in_all, places, statuses


def resume(
    model: Model,
    *,
    environment: Environment = "dev",
    region: moving.Regions = None,
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Let a paused rollout go on: its next step comes after its usual time, counted from now.

    Example: model-config rollout resume support_chat --environment prod
    """
    with places(environment, prefix, local=local, regions=region) as where:
        change_in_all(where, lambda rollouts: rollouts.resume(model))
        print_statuses([each for place in where for each in statuses(place, model)])
