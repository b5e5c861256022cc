"""A rollout's page: its plan as a curve, and its progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from model_config.format.rollout import Rollout, Step
from model_config.operate.record import events, read_stored, started, under_way
from model_config.operate.releases import read_releases
from model_config.operate.rollout_plan import due_at, next_step, plan_of, steps_from
from model_config.operate.ssm import Watch
from model_config.web.model import history_of
from model_config.web.pages import Content
from model_config.web.site import Site, notices_of

WIDTH, HEIGHT = 640, 200
#: The number of times on the axis.
_TICKS = 4


def rollout(site: Site, watch: Watch, stack: str, name: str) -> Content:
    """Read a model's rollout and the previous ones."""
    path, now = site.environment(stack).path, datetime.now(UTC)
    with site.view_of(stack, watch) as ssm:
        releases = read_releases(ssm, path, name, documents=False)
        stored = read_stored(ssm, path, name)
        history, problems = history_of(ssm, path, name)
        notices = (*notices_of(stack, ssm), *problems)
    current = under_way(stored.document, releases) if stored else None
    values = {
        "stack": stack,
        "model": name,
        "problem": stored.problem if stored else None,
        "events": [event for event in events(history or []) if "rollout" in event.what],
        "rollout": current,
        "plan": plan_of(current) if current else None,
        "begun": started(history, current) if history and current else None,
        "next": next_step(current, now) if current else None,
        "due": due_at(current) if current else None,
        "curve": curve(current, now) if current else None,
    }
    return Content("rollout", f"Rollout of {name} in {stack}", values, notices)


class Point(NamedTuple):
    """A drawn step."""

    x: float
    y: float
    step: Step
    is_past: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """A drawn rollout: the share of readers over time.

    Attributes:
        line: the whole plan, as an SVG path.
        past: the area below the past steps, as an SVG path.
        now: the present, as an x coordinate.
        ticks: the times on the axis, with their x coordinates.
    """

    line: str
    past: str
    now: float
    points: tuple[Point, ...]
    ticks: tuple[tuple[float, datetime], ...]
    width: int = WIDTH
    height: int = HEIGHT


def curve(rollout: Rollout, now: datetime) -> Curve:
    """Return the drawing of a rollout. A paused one's steps are drawn at their earliest time."""
    plan = plan_of(rollout)
    missing = plan.percents[len(rollout.steps) :]
    earliest = max(rollout.steps[-1].at + plan.interval, now)
    steps = rollout.steps + steps_from(missing, earliest, plan.interval)
    begin = steps[0].at
    end = max(due_at(rollout) or steps[-1].at, steps[-1].at, now)
    span = max(end - begin, timedelta(seconds=1))

    def x(at: datetime) -> float:
        return round((at - begin) / span * WIDTH, 1)

    points = tuple(
        Point(x(step.at), round(HEIGHT - step.percent / 100 * HEIGHT, 1), step, step.at <= now)
        for step in steps
    )
    present = max(x(now), 0)
    return Curve(
        line=f"M0 {HEIGHT}{''.join(f'H{p.x}V{p.y}' for p in points)}H{WIDTH}",
        past=f"M0 {HEIGHT}{''.join(f'H{p.x}V{p.y}' for p in points if p.is_past)}"
        f"H{present}V{HEIGHT}Z",
        now=present,
        points=points,
        ticks=tuple(
            (round(n / (_TICKS - 1) * WIDTH, 1), begin + n / (_TICKS - 1) * span)
            for n in range(_TICKS)
        ),
    )
