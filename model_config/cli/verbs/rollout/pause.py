"""`model-config rollout pause` and `resume`: freeze the share, and continue."""

from __future__ import annotations

from model_config.cli.options import Environment, Local, Model, Prefix, Regions
from model_config.cli.rollout_report import print_statuses
from model_config.cli.rollouts import change_in_all, rollouts_by_region, statuses


def pause(
    model: Model,
    *,
    environment: Environment = "dev",
    region: Regions = None,
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Freeze the share until the rollout is resumed.

    Example: model-config rollout pause support_chat --environment prod
    """
    with rollouts_by_region(environment, prefix, local=local, regions=region) as by_region:
        change_in_all(by_region, lambda rollouts: rollouts.pause(model))
        print_statuses(statuses(by_region, model))


def resume(
    model: Model,
    *,
    environment: Environment = "dev",
    region: Regions = None,
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Continue a paused rollout. The next step comes one interval from now.

    Example: model-config rollout resume support_chat --environment prod
    """
    with rollouts_by_region(environment, prefix, local=local, regions=region) as by_region:
        change_in_all(by_region, lambda rollouts: rollouts.resume(model))
        print_statuses(statuses(by_region, model))
