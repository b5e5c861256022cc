"""What a rollout says at a time, and what is done about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_config.format.errors import UsageError
from model_config.format.rollout import Rollout, RolloutDocument, Step
from model_config.format.rollout_document import read_rollout, write_rollout
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
from model_config.operate.rollout_watch import decide

BEGIN = datetime(2026, 12, 1, 10, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
PLAN = RolloutPlan((5, 25, 100), HALF_HOUR, bake=timedelta(hours=1), reason="why")
QUIET = {"errors": "OK", "latency": "OK"}


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def rollout(*, watched: bool = False) -> Rollout:
    plan = replace(PLAN, watched=watched)
    steps = steps_from(plan.percents, BEGIN, plan.every)
    steps = steps[:1] if watched else steps
    return Rollout("stable", 8, 7, "0" * 16, steps, plan=plan.to_json())


plans = st.builds(
    RolloutPlan,
    percents=st.lists(st.integers(1, 100), min_size=1, unique=True).map(sorted).map(tuple),
    every=st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    bake=st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    watched=st.booleans(),
    paused=st.booleans(),
    waits_since=st.none() | st.just(BEGIN),
    reason=st.none() | st.text(min_size=1, max_size=9).filter(str.isprintable),
)


@given(plan=plans)
def test_a_plan_comes_back_from_the_document(plan: RolloutPlan) -> None:
    written = replace(rollout(), plan=plan.to_json())
    text = write_rollout(RolloutDocument(rollout=written))
    found = read_rollout(text).rollout
    assert found is not None
    assert plan_of(found) == plan


def test_a_document_without_a_plan_has_the_one_of_its_steps() -> None:
    bare = replace(rollout(), plan={"percents": "nonsense"})
    assert plan_of(bare).percents == (5, 25, 100)
    assert phase(bare, at(70)) == "due"


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(-1, "scheduled"), (0, "running"), (59, "running"), (60, "baking"), (119, "baking"),
     (120, "due")],
)  # fmt: skip
def test_the_phases_of_a_rollout(minutes: float, expected: str) -> None:
    assert phase(rollout(), at(minutes)) == expected


def test_the_next_step_and_the_end_are_known() -> None:
    assert next_step(rollout(), at(-5)) == Step(BEGIN, 5)
    assert next_step(rollout(), at(30)) == Step(at(60), 100)
    assert next_step(rollout(), at(60)) is None
    assert due_at(rollout()) == at(120)


def test_a_paused_rollout_keeps_its_share_for_ever() -> None:
    kept = paused(rollout(), at(31))
    assert phase(kept, at(32)) == "paused"
    assert kept.percent(at(100_000)) == 25
    assert due_at(kept) is None


def test_a_rollout_that_has_not_begun_cannot_be_paused() -> None:
    with pytest.raises(UsageError, match="has not started"):
        paused(rollout(), at(-1))


def test_a_resumed_rollout_takes_the_next_step_after_its_usual_time() -> None:
    again = resumed(paused(rollout(), at(31)), at(300))
    assert again.percent(at(329)) == 25
    assert next_step(again, at(300)) == Step(at(330), 100)
    assert due_at(again) == at(390)
    assert not plan_of(again).paused


def test_pausing_and_resuming_after_the_last_step_bakes_anew() -> None:
    again = resumed(paused(rollout(), at(100)), at(300))
    assert again.steps == rollout().steps
    assert (phase(again, at(359)), phase(again, at(360))) == ("baking", "due")


# Watching


@pytest.mark.parametrize(
    ("minutes", "action"), [(0, "wait"), (29, "wait"), (30, "step"), (1000, "step")]
)
def test_a_watcher_takes_the_step_that_is_due_and_one_at_a_time(
    minutes: float, action: str
) -> None:
    found = decide(rollout(watched=True), QUIET, at(minutes))
    assert found.action == action
    assert found.step == (Step(at(minutes), 25) if action == "step" else None)


def test_a_step_that_was_taken_late_makes_the_next_one_late() -> None:
    late = replace(rollout(watched=True), steps=(Step(BEGIN, 5), Step(at(100), 25)))
    assert decide(late, QUIET, at(129)).action == "wait"
    assert decide(late, QUIET, at(130)).step == Step(at(130), 100)


def test_a_watcher_finishes_after_the_bake() -> None:
    last = replace(rollout(watched=True), steps=steps_from((5, 25, 100), BEGIN, HALF_HOUR))
    assert decide(last, QUIET, at(119)).action == "wait"
    assert decide(last, QUIET, at(120)).action == "finish"


@pytest.mark.parametrize("watched", [True, False])
def test_an_alarm_aborts_any_rollout(*, watched: bool) -> None:
    found = decide(rollout(watched=watched), {**QUIET, "errors": "ALARM"}, at(1000))
    assert (found.action, found.message) == ("abort", "in alarm: errors")


def test_an_alarm_aborts_a_paused_rollout_too() -> None:
    assert decide(paused(rollout(), at(31)), {"errors": "ALARM"}, at(40)).action == "abort"


def test_without_data_nothing_goes_on() -> None:
    found = decide(rollout(watched=True), {**QUIET, "latency": "INSUFFICIENT_DATA"}, at(1000))
    assert (found.action, found.message) == ("wait", "no step without data: latency")


def test_a_paused_rollout_is_left_as_it_is() -> None:
    assert decide(paused(rollout(watched=True), at(1)), QUIET, at(1000)).action == "wait"


def test_after_a_pause_a_watcher_waits_for_the_usual_time() -> None:
    again = resumed(paused(rollout(watched=True), at(1)), at(300))
    assert decide(again, QUIET, at(329)).action == "wait"
    assert decide(again, QUIET, at(330)).step == Step(at(330), 25)


def test_a_rollout_that_grows_by_itself_gets_no_step_from_a_watcher() -> None:
    assert decide(rollout(), QUIET, at(45)).action == "wait"


def test_without_a_rollout_there_is_nothing_to_do() -> None:
    assert decide(None, {"errors": "ALARM"}, at(0)).action == "none"
