"""What a rollout says at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_config.format.errors import UsageError
from model_config.format.rollout import Rollout, RolloutDocument, Step, read_rollout, write_rollout
from model_config.operate.rollout_plan import (
    RolloutPlan,
    due_at,
    next_step,
    paused,
    phase,
    plan_of,
    resumed,
    steps_from,
)

BEGIN = datetime(2026, 12, 1, 10, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
PLAN = RolloutPlan((5, 25, 100), HALF_HOUR, reason="why")


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def rollout() -> Rollout:
    steps = steps_from(PLAN.percents, BEGIN, PLAN.interval)
    return Rollout("stable", 8, 7, "0" * 16, steps, plan=PLAN.to_json())


plans = st.builds(
    RolloutPlan,
    percents=st.lists(st.integers(1, 100), min_size=1, unique=True).map(sorted).map(tuple),
    interval=st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    paused=st.booleans(),
    reason=st.none() | st.text(min_size=1, max_size=9).filter(str.isprintable),
)


@settings(max_examples=25)
@given(plan=plans)
def test_a_plan_comes_back_from_the_document(plan: RolloutPlan) -> None:
    written = replace(rollout(), plan=plan.to_json())
    text = write_rollout(RolloutDocument(rollout=written))
    found = read_rollout(text).rollout
    assert found is not None
    assert plan_of(found) == plan


@pytest.mark.parametrize(
    "unusable", [{"percents": "abc"}, {"percents": [None]}, {"interval": 1e300}, {"interval": 6e13}]
)
def test_a_document_without_a_usable_plan_has_the_one_of_its_steps(unusable: Any) -> None:
    bare = replace(rollout(), plan=PLAN.to_json() | unusable)
    assert plan_of(bare).percents == (5, 25, 100)
    assert phase(bare, at(70)) == "due"


def test_the_phases_the_next_step_and_the_end_are_known() -> None:
    for minutes, expected in (
        (-1, "scheduled"), (0, "running"), (60, "running"), (89, "running"), (90, "due"),
    ):  # fmt: skip
        assert phase(rollout(), at(minutes)) == expected
    assert next_step(rollout(), at(-5)) == Step(BEGIN, 5)
    assert next_step(rollout(), at(30)) == Step(at(60), 100)
    assert next_step(rollout(), at(60)) is None
    assert due_at(rollout()) == at(90)


def test_a_paused_rollout_keeps_its_share_for_ever() -> None:
    kept = paused(rollout(), at(31))
    assert phase(kept, at(32)) == "paused"
    assert kept.percent(at(100_000)) == 25
    assert due_at(kept) is None
    with pytest.raises(UsageError, match="has not started"):
        paused(rollout(), at(-1))


def test_a_resumed_rollout_takes_the_next_step_after_its_usual_time() -> None:
    again = resumed(paused(rollout(), at(31)), at(300))
    assert again.percent(at(329)) == 25
    assert next_step(again, at(300)) == Step(at(330), 100)
    assert due_at(again) == at(360)
    assert not plan_of(again).paused


def test_a_rollout_that_is_resumed_after_its_last_step_is_due_as_before_the_pause() -> None:
    again = resumed(paused(rollout(), at(70)), at(300))
    assert again.steps == rollout().steps
    assert due_at(again) == at(90)
