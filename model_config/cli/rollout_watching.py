"""One check of a rollout's alarms, and the action that follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from model_config.cli import moving
from model_config.cli.rollout_report import aborted
from model_config.cli.schema_check import schema_checks

if TYPE_CHECKING:
    from model_config.cli.rollouts import RegionRollouts
    from model_config.operate.rollouts.watch import Action


def watch_once(place: RegionRollouts, model: str, alarms: Sequence[str]) -> Action:
    """Read a rollout and its alarms, take the action that follows, print it and return it.

    Raises:
        UsageError: an alarm doesn't exist, or the model has no rollout parameter.
        StoreError: AWS is unavailable or refuses.
    """
    from model_config.operate.clients import aws_client
    from model_config.operate.rollouts.parameter import under_way
    from model_config.operate.rollouts.rollouts import utc_now
    from model_config.operate.rollouts.watch import alarm_states, decide

    where = place.target.where(model)
    states = alarm_states(aws_client("cloudwatch", place.target.labels().store.region), alarms)
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
        moving.make([moving.Planned(place.target, place.target.labels(), move)])
    return found.action
