"""Draws a rollout's plan: the share of readers over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from model_config.format.rollout import Rollout, Step
from model_config.operate.rollouts.plan import due_at, plan_of, steps_from

WIDTH, HEIGHT = 640, 200


@dataclass(frozen=True, slots=True)
class Point:
    """A drawn step."""

    x: float
    y: float
    step: Step
    is_past: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """A drawn rollout.

    Attributes:
        line: the whole plan, as an SVG path.
        past: the area below the past steps, as an SVG path.
        now: the present, as an x coordinate.
    """

    width: int
    height: int
    line: str
    past: str
    now: float
    percent: float
    points: tuple[Point, ...]


def curve(rollout: Rollout, now: datetime) -> Curve:
    """Return the drawing of a rollout.

    The steps of a watched or a paused rollout are drawn at their earliest time.
    """
    steps = _steps(rollout, now)
    begin = steps[0].at
    end = max(due_at(rollout) or steps[-1].at, steps[-1].at, now)
    span = max((end - begin) / timedelta(seconds=1), 1)

    def x(at: datetime) -> float:
        return round((at - begin) / timedelta(seconds=1) / span * WIDTH, 1)

    def y(percent: float) -> float:
        return round(HEIGHT - percent / 100 * HEIGHT, 1)

    percent = rollout.percent(now)
    present = min(max(x(now), 0), WIDTH)
    line = f"M0 {HEIGHT}" + "".join(f"H{x(step.at)}V{y(step.percent)}" for step in steps)
    taken = [step for step in steps if step.at <= now]
    past = f"M0 {HEIGHT}" + "".join(f"H{x(step.at)}V{y(step.percent)}" for step in taken)
    points = tuple(Point(x(s.at), y(s.percent), s, s.at <= now) for s in steps)
    return Curve(
        WIDTH,
        HEIGHT,
        f"{line}H{WIDTH}",
        f"{past}H{present}V{HEIGHT}Z",
        present,
        percent,
        points,
    )


def _steps(rollout: Rollout, now: datetime) -> tuple[Step, ...]:
    plan = plan_of(rollout)
    missing = plan.percents[len(rollout.steps) :]
    begin = max(rollout.steps[-1].at + plan.every, now)
    return rollout.steps + steps_from(missing, begin, plan.every)
