"""A rollout's plan: the `plan` in its document, and its progress at a given time."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from model_config.format.errors import UsageError
from model_config.format.rollout import Rollout, Step

#: Before the first step; until an interval after the last one; paused; after that.
Phase: TypeAlias = Literal["scheduled", "running", "paused", "due"]


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    percents: tuple[float, ...]
    interval: timedelta  #: Between two steps, and between the last one and the finish.
    paused: bool = False
    reason: str | None = None  #: The reason given at the start.

    def to_json(self) -> dict[str, Any]:
        return {
            "percents": list(self.percents),
            "interval": int(self.interval.total_seconds()),
            "paused": self.paused,
            **({"reason": self.reason} if self.reason else {}),
        }


def plan_of(rollout: Rollout) -> RolloutPlan:
    """Return a rollout's plan, or one derived from its steps if the document has no usable one."""
    given, begin = rollout.plan, max(rollout.steps[-1].at, utc_now())
    # It may have been written by hand, or by another program.
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        percents, interval = tuple(given["percents"]), timedelta(seconds=given["interval"])
        has_end = begin <= begin + (len(percents) + 1) * interval
        if has_end and all(0 <= percent <= 100 for percent in percents):  # noqa: PLR2004
            return RolloutPlan(percents, interval, given["paused"] is True, given.get("reason"))
    return RolloutPlan(tuple(step.percent for step in rollout.steps), timedelta(0))


def utc_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def steps_from(percents: Sequence[float], begin: datetime, interval: timedelta) -> tuple[Step, ...]:
    return tuple(Step(begin + n * interval, percent) for n, percent in enumerate(percents))


def next_step(rollout: Rollout, now: datetime) -> Step | None:
    return next((step for step in rollout.steps if step.at > now), None)


def due_at(rollout: Rollout) -> datetime | None:
    """Return when a rollout is due to be finished, or None if it is paused or only for units."""
    plan, last = plan_of(rollout), rollout.steps[-1]
    return last.at + plan.interval if last.percent and not plan.paused else None


def phase(rollout: Rollout, now: datetime) -> Phase:
    if plan_of(rollout).paused:
        return "paused"
    if rollout.steps[0].at > now:
        return "scheduled"
    due = due_at(rollout)
    return "due" if due and due <= now else "running"


def paused(rollout: Rollout, now: datetime) -> Rollout:
    past = tuple(step for step in rollout.steps if step.at <= now)
    if not past:
        raise UsageError(
            "the rollout has not started, so it has no share to freeze: abort it, and start it "
            "again later"
        )
    return replace(rollout, steps=past, plan=replace(plan_of(rollout), paused=True).to_json())


def resumed(rollout: Rollout, now: datetime) -> Rollout:
    plan = replace(plan_of(rollout), paused=False)
    missing = plan.percents[len(rollout.steps) :]
    to_come = steps_from(missing, now + plan.interval, plan.interval)
    return replace(rollout, steps=(*rollout.steps, *to_come), plan=plan.to_json())
