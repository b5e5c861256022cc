"""A rollout's page: its plan and its progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from model_config.format.rollout import Rollout as RolloutDocument
from model_config.format.rollout import Step
from model_config.format.text import who
from model_config.operate.rollouts.history import Event, Written, events, started
from model_config.operate.rollouts.plan import Phase, due_at, next_step, phase, plan_of
from model_config.web.pages import Page, model_page, releases_page
from model_config.web.views.curve import Curve, curve


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A rollout that is under way.

    Attributes:
        by: who started it, at `since`, which is None if it is unknown.
        due: when it is due to be finished, or None if that is unknown.
        compare: the page that compares the two releases.
    """

    document: RolloutDocument
    phase: Phase
    percent: float
    since: datetime | None
    by: str
    reason: str | None
    next: Step | None
    due: datetime | None
    is_watched: bool
    curve: Curve
    compare: Page


@dataclass(frozen=True, slots=True)
class Rollout:
    """The rollouts of a model.

    Attributes:
        under_way: the rollout that is under way, or None.
        events: the past changes, newest first.
        problem: why the document is invalid, or None.
    """

    model: str
    stack: str
    model_page: Page
    under_way: UnderWay | None
    events: tuple[Event, ...]
    problem: str | None


def rollout(  # noqa: PLR0913 - all that is known of a rollout
    stack: str,
    model: str,
    *,
    current: RolloutDocument | None,
    history: Sequence[Written],
    problem: str | None,
    now: datetime,
) -> Rollout:
    """Return a rollout's page.

    Args:
        current: the rollout that is under way.
        history: the versions of the rollout parameter, oldest first.
        problem: why the newest version is invalid.
    """
    changes = [each for each in events(list(history)) if "rollout" in each.what]
    under_way = _under_way(stack, model, current, history, now) if current else None
    return Rollout(model, stack, model_page(stack, model), under_way, tuple(changes), problem)


def _under_way(
    stack: str, model: str, current: RolloutDocument, history: Sequence[Written], now: datetime
) -> UnderWay:
    plan, begun = plan_of(current), started(list(history), current) if history else None
    return UnderWay(
        document=current,
        phase=phase(current, now),
        percent=current.percent(now),
        since=begun.at if begun else None,
        by=who(begun.by) if begun else "-",
        reason=plan.reason,
        next=None if plan.paused else next_step(current, now),
        due=due_at(current),
        is_watched=plan.watched,
        curve=curve(current, now),
        compare=releases_page(stack, model, current.before, current.release),
    )
