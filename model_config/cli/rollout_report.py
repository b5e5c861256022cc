"""How rollouts are printed: their plans, their progress, and the changes made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from model_config.cli.commands import to_paste
from model_config.cli.output import print_table, time_text
from model_config.format.rollout import Rollout
from model_config.format.text import visible, who
from model_config.operate.rollouts.plan import due_at, next_step, phase, plan_of

if TYPE_CHECKING:
    from model_config.operate.rollouts.history import Written
    from model_config.operate.rollouts.parameter import RolloutChange
    from model_config.operate.target import Target


@dataclass(frozen=True, slots=True)
class Status:
    """A rollout and its progress.

    Attributes:
        place: the environment and region.
        model: the model's name.
        rollout: the rollout.
        started: the parameter version that it started with.
        is_over: whether the label has moved since, which ended the rollout.
        now: the time for which the progress is computed.
    """

    place: Target
    model: str
    rollout: Rollout
    started: Written
    is_over: bool
    now: datetime


def print_plan(status: Status) -> None:
    """Print the plan of a rollout: its shares and their times."""
    rollout, plan = status.rollout, plan_of(status.rollout)
    typer.echo(
        f"{status.place.where(status.model)}: release {rollout.release} is rolled out to the "
        f"readers of {rollout.label}, who have release {rollout.before}."
    )
    print_table(
        ["from", "share"],
        [(f"{time_text(step.at)} UTC", f"{step.percent:g} %") for step in rollout.steps],
    )
    if due := due_at(rollout):
        typer.echo(f"It is due to be finished at {time_text(due)} UTC.")
    else:
        later = ", ".join(f"{percent:g}" for percent in plan.percents[len(rollout.steps) :])
        typer.echo(
            f"`rollout watch` takes the steps to {later} %, each at the earliest "
            f"{plan.every.total_seconds() / 60:g} minutes after the one before."
        )
    command = f"`model-config rollout abort {status.model}{status.place.region_option}`"
    typer.echo(f"Stop it with: {to_paste(command)}")


def aborted(where: str, change: RolloutChange) -> str:
    """Return a message that a rollout was aborted, and when all readers follow."""
    rollout = change.stored.document.rollout
    if rollout is None:
        return f"{where}: the invalid document is replaced."
    return (
        f"{where}: the rollout of release {rollout.release} is aborted. Within "
        f"{rollout.poll_seconds} seconds all readers of {rollout.label} get release "
        f"{rollout.before} again."
    )


def print_statuses(found: Sequence[Status]) -> None:
    """Print the progress of rollouts, one on each line."""
    print_table(
        ["model", "label", "release", "from", "share", "phase", "next", "started", "by", "reason"],
        [_cells(each) for each in found],
        wrap=True,
    )


def status_as_json(status: Status) -> dict[str, Any]:
    """Return a rollout's progress for --json."""
    rollout, plan = status.rollout, plan_of(status.rollout)
    step, due = next_step(rollout, status.now), due_at(rollout)
    return {
        "model": status.model,
        "environment": status.place.environment,
        "region": status.place.region,
        "label": rollout.label,
        "release": rollout.release,
        "from": rollout.before,
        "phase": _phase(status),
        "percent": rollout.percent(status.now),
        "next": {"at": step.at.isoformat(), "percent": step.percent} if step else None,
        "due": due.isoformat() if due else None,
        "steps": [{"at": step.at.isoformat(), "percent": step.percent} for step in rollout.steps],
        "percents": list(plan.percents),
        "watched": plan.watched,
        "poll_seconds": rollout.poll_seconds,
        "started_at": status.started.at.astimezone(UTC).isoformat(),
        "started_by": status.started.by,
        "reason": plan.reason,
    }


def _cells(status: Status) -> list[str]:
    rollout = status.rollout
    return [
        status.place.where(status.model),
        rollout.label,
        str(rollout.release),
        str(rollout.before),
        f"{rollout.percent(status.now):g} %",
        _phase(status),
        _next(status),
        f"{time_text(status.started.at)} UTC",
        who(status.started.by),
        visible(plan_of(rollout).reason or ""),
    ]


def _phase(status: Status) -> str:
    return "over" if status.is_over else phase(status.rollout, status.now)


def _next(status: Status) -> str:
    rollout = status.rollout
    if plan_of(rollout).paused or status.is_over:
        return ""
    if step := next_step(rollout, status.now):
        return f"{step.percent:g} % at {time_text(step.at)} UTC"
    due = due_at(rollout)
    return f"to be finished at {time_text(due)} UTC" if due else ""
