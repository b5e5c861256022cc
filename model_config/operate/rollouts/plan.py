"""A rollout's plan: the `plan` in its document, and its progress at a given time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from model_config.format.errors import UsageError
from model_config.format.rollout import Rollout, Step

#: The phases of a rollout: before its first step; with steps to come; paused; after its last step;
#: after its bake time.
Phase: TypeAlias = Literal["scheduled", "running", "paused", "baking", "due"]


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """The part of a rollout that only the command line uses.

    Attributes:
        percents: the shares, in increasing order.
        every: the interval between two steps.
        bake: the time between the last step and the finish.
        watched: whether each step after the first waits for `rollout watch`.
        paused: whether the rollout is paused.
        waits_since: when the interval before the next step began, if later than the last step.
        reason: the reason given at the start.
    """

    percents: tuple[float, ...]
    every: timedelta
    bake: timedelta
    watched: bool = False
    paused: bool = False
    waits_since: datetime | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as it is stored in the document."""
        since = self.waits_since
        return {
            "percents": list(self.percents),
            "every_seconds": int(self.every.total_seconds()),
            "bake_seconds": int(self.bake.total_seconds()),
            "watched": self.watched,
            "paused": self.paused,
            **({"waits_since": since.isoformat(timespec="seconds")} if since else {}),
            **({"reason": self.reason} if self.reason else {}),
        }


def plan_of(rollout: Rollout) -> RolloutPlan:
    """Return a rollout's plan, or one derived from its steps if the document has none."""
    given: Mapping[str, Any] = rollout.plan
    try:
        since = given.get("waits_since")
        return RolloutPlan(
            percents=tuple(given["percents"]),
            every=timedelta(seconds=given["every_seconds"]),
            bake=timedelta(seconds=given["bake_seconds"]),
            watched=given["watched"] is True,
            paused=given["paused"] is True,
            waits_since=datetime.fromisoformat(since) if since else None,
            reason=given.get("reason"),
        )
    except (KeyError, TypeError, ValueError):  # written by hand, or by another program
        percents = tuple(step.percent for step in rollout.steps)
        return RolloutPlan(percents, timedelta(0), timedelta(0))


def steps_from(percents: Sequence[float], begin: datetime, every: timedelta) -> tuple[Step, ...]:
    """Return a step for each share, the first at the given time and the others at intervals."""
    return tuple(Step(begin + number * every, percent) for number, percent in enumerate(percents))


def next_step(rollout: Rollout, now: datetime) -> Step | None:
    """Return the next step, or None if no step is left.

    In a watched rollout, its time is the earliest at which a watcher may take it.
    """
    plan = plan_of(rollout)
    if to_come := [step for step in rollout.steps if step.at > now]:
        return to_come[0]
    missing = plan.percents[len(rollout.steps) :]
    return Step(_waits_since(rollout, plan) + plan.every, missing[0]) if missing else None


def due_at(rollout: Rollout) -> datetime | None:
    """Return when a rollout is due to be finished, or None if that is not known yet."""
    plan = plan_of(rollout)
    if plan.paused or len(rollout.steps) < len(plan.percents):
        return None
    return max(rollout.steps[-1].at, _waits_since(rollout, plan)) + plan.bake


def phase(rollout: Rollout, now: datetime) -> Phase:
    """Return a rollout's phase."""
    due = due_at(rollout)
    if plan_of(rollout).paused:
        return "paused"
    if rollout.steps[0].at > now:
        return "scheduled"
    if due is None or rollout.steps[-1].at > now:
        return "running"
    return "due" if due <= now else "baking"


def paused(rollout: Rollout, now: datetime) -> Rollout:
    """Return the rollout paused: with its current share, and no further steps.

    Raises:
        UsageError: it has no share yet.
    """
    past = tuple(step for step in rollout.steps if step.at <= now)
    if not past:
        raise UsageError(
            "the rollout has not started, so it has no share to freeze: abort it, and start it "
            "again later"
        )
    return replace(rollout, steps=past, plan=replace(plan_of(rollout), paused=True).to_json())


def resumed(rollout: Rollout, now: datetime) -> Rollout:
    """Return the rollout resumed: with its further steps, the next one after an interval."""
    plan = replace(plan_of(rollout), paused=False, waits_since=now)
    missing = plan.percents[len(rollout.steps) :]
    to_come = () if plan.watched else steps_from(missing, now + plan.every, plan.every)
    return replace(rollout, steps=(*rollout.steps, *to_come), plan=plan.to_json())


def _waits_since(rollout: Rollout, plan: RolloutPlan) -> datetime:
    last = rollout.steps[-1].at
    return max(last, plan.waits_since) if plan.waits_since else last
