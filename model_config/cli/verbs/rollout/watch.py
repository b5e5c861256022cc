"""`model-config rollout watch`: take the next step, or abort."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli.options import Environment, Local, Model, Prefix
from model_config.cli.rollout_watching import watch_once
from model_config.cli.rollouts import rollouts_by_region


def watch(  # noqa: PLR0913 - a verb's options
    model: Model,
    *,
    alarm: Annotated[
        list[str],
        typer.Option("--alarm", help="A CloudWatch alarm's name; up to five times."),
    ],
    environment: Environment = "dev",
    region: Annotated[
        str | None, typer.Option(help="The region of the rollout and its alarms.")
    ] = None,
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Check a rollout and its alarms once: take the step that is due, or abort.

    Run it by_region few minutes. While all alarms are OK and have data, it takes the next step of a
    rollout that was started with --watched, and finishes it at its end. If one is in the state
    ALARM, it aborts any rollout of the model and exits with 1. If it stops running, the share
    stays.

    Example: model-config rollout watch support_chat --alarm chat-errors --environment prod
    """
    regions = [region] if region else None
    with rollouts_by_region(environment, prefix, local=local, regions=regions) as (one,):
        if watch_once(one, model, alarm) == "abort":
            raise typer.Exit(1)
