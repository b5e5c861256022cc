"""`model-config rollout pause` and `resume`: freeze the share, and continue."""

from __future__ import annotations

from model_config.cli import moving
from model_config.cli.output import Environment, Local, Model, Prefix
from model_config.cli.rollout_report import print_statuses
from model_config.cli.rollouts import change_in_all, places, statuses


def pause(
    model: Model,
    *,
    environment: Environment = "dev",
    region: moving.Regions = None,
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Freeze the share until the rollout is resumed.

    Example: model-config rollout pause support_chat --environment prod
    """
    with places(environment, prefix, local=local, regions=region) as where:
        change_in_all(where, lambda rollouts: rollouts.pause(model))
        print_statuses([each for place in where for each in statuses(place, model)])


def resume(
    model: Model,
    *,
    environment: Environment = "dev",
    region: moving.Regions = None,
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Continue a paused rollout. The next step comes one interval from now.

    Example: model-config rollout resume support_chat --environment prod
    """
    with places(environment, prefix, local=local, regions=region) as where:
        change_in_all(where, lambda rollouts: rollouts.resume(model))
        print_statuses([each for place in where for each in statuses(place, model)])
