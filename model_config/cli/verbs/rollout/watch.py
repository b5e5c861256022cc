"""`model-config rollout watch`: take the next step, or abort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import moving
from model_config.cli.options import Environment, Local, Model, Prefix
from model_config.cli.rollout_report import aborted
from model_config.cli.rollouts import RegionRollouts, rollouts_by_region
from model_config.cli.schema_check import schema_checks

if TYPE_CHECKING:
    from model_config.operate.rollouts.watch import Action


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

    Run it every few minutes. While all alarms are OK and have data, it takes the next step of a
    rollout that was started with --watched, and finishes it at its end. If one is in the state
    ALARM, it aborts any rollout of the model and exits with 1. If it stops running, the share
    stays.

    Example: model-config rollout watch support_chat --alarm chat-errors --environment prod
    """
    regions = [region] if region else None
    with rollouts_by_region(environment, prefix, local=local, regions=regions) as (one,):
        if _watch_once(one, model, alarm) == "abort":
            raise typer.Exit(1)


def _watch_once(place: RegionRollouts, model: str, alarms: Sequence[str]) -> Action:
    """Read a rollout and its alarms, take the action that follows, print it and return it."""
    from model_config.operate.clients import aws_client
    from model_config.operate.rollouts.parameter import under_way
    from model_config.operate.rollouts.rollouts import utc_now
    from model_config.operate.rollouts.watch import alarm_states, decide

    where = place.target.where(model)
    states = alarm_states(aws_client("cloudwatch", place.target.labels.store.region), alarms)
    stored, releases = place.rollouts.current(model)
    found = decide(under_way(stored.document, releases), states, utc_now())
    typer.echo(f"{where}: {found.message}.")
    if found.action == "abort":
        change = place.rollouts.abort(model, found.message)
        place.rollouts.write(change)
        typer.echo(aborted(where, change))
    elif found.step is not None:
        place.rollouts.write(place.rollouts.advance(model, found.step))
    elif found.action == "finish":
        move = place.rollouts.finish(model, check=schema_checks()(model), reason=found.message)
        moving.make([moving.Planned(place.target, move)])
    return found.action
