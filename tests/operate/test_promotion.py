"""The promotion that a pipeline makes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.moves import prod, promote, rollback

from model_config.format.errors import SchemaMismatchError
from model_config.format.rollout import EMPTY, Moved, Rollout, RolloutDocument, Step, write_rollout
from model_config.operate.promotion import Promotion, promote_changed
from model_config.operate.record import events, read_history
from model_config.operate.rollout_plan import RolloutPlan
from model_config.operate.rollouts import NewRollout


@pytest.fixture
def two(aws: Any) -> Any:
    """Two models with two releases each, the first one stable."""
    for model in ("chat", "search"):
        aws.deploy({"n": 1}, model=model, label="stable")
        aws.deploy({"n": 2}, model=model)
        put(aws, model, EMPTY)
    return aws


def put(aws: Any, model: str, text: str) -> None:
    name = f"/ai/prod/{model}/rollout"
    aws.client.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)


def promoted(
    aws: Any, before: Mapping[str, int], after: Mapping[str, int], **options: Any
) -> dict[str, Promotion]:
    labels = prod(aws.client)
    return {each.model: each for each in promote_changed(labels, before, after, **options)}


def test_what_the_deploy_changed_is_promoted_unless_it_is_held(two: Any) -> None:
    two.deploy({"n": 1}, model="new")
    after = {"chat": 2, "search": 2, "new": 1}
    found = promoted(two, {"chat": 1, "search": 2}, after)
    assert {model: each.outcome for model, each in found.items()} == {
        "chat": "promoted", "new": "promoted",
    }  # fmt: skip
    assert found["chat"].message == "chat: stable moved from release 1 to 2"
    assert (two.labels("search"), two.labels("new")) == ({"stable": 1}, {"stable": 1})
    # A run that is started again promotes the same.
    (again,) = promoted(two, {"chat": 1}, {"chat": 2}).values()
    assert again.outcome == "already there"
    assert two.labels() == {"stable": 2, "stable-previous": 1}
    # An old one undoes no newer promotion.
    (left,) = promoted(two, {}, {"chat": 1}).values()
    assert left.outcome == "newer"
    assert two.labels()["stable"] == 2
    # A held label is left, and the others go on.
    rollback(prod(two.client), "chat", release=1)
    found = promoted(two, {"chat": 1, "search": 1}, {"chat": 2, "search": 2})
    assert {model: each.outcome for model, each in found.items()} == {
        "chat": "held", "search": "promoted",
    }  # fmt: skip
    assert found["chat"].was_left
    assert "chat: stable is held on release 1 by a rollback" in found["chat"].message
    assert "`model-config promote chat --environment prod --label stable --release 2`" in (
        found["chat"].message
    )
    assert two.labels("chat") == {"stable": 1, "stable-previous": 1}
    # Nor does a run end the hold on its own release.
    rollback(prod(two.client), "chat", release=2)
    (left,) = promoted(two, {"chat": 1}, {"chat": 2}).values()
    assert (left.outcome, left.message) == (
        "held",
        "chat: stable is held on release 2 by a rollback, and stays held",
    )
    assert two.labels() == {"stable": 2, "stable-previous": 2}


def test_a_rollback_while_the_release_is_checked_stays_with_its_previous(two: Any) -> None:
    two.deploy({"n": 3})
    promote(prod(two.client), "chat", "stable", release=2)
    held = {"stable": 1, "stable-previous": 1}
    found = promoted(
        two, {}, {"chat": 3}, check_of=lambda model: lambda _: rollback(prod(two.client), model)
    )
    assert (found["chat"].outcome, two.labels()) == ("held", held)


def break_off(aws: Any) -> None:
    """Make the first of a promotion's two requests, from release 2 to release 3."""
    aws.deploy({"n": 3})
    name = "/ai/prod/chat/release"
    aws.client.label_parameter_version(Name=name, ParameterVersion=2, Labels=["stable-previous"])


def test_a_promotion_that_was_interrupted_is_told_from_a_hold_and_left(two: Any) -> None:
    promote(prod(two.client), "chat", "stable")
    break_off(two)
    (left,) = promoted(two, {"chat": 2}, {"chat": 3}).values()
    assert (left.outcome, left.was_left) == ("interrupted", True)
    assert left.message == (
        "chat: a promotion of stable from release 2 was interrupted, so release 3 was not "
        "promoted. To complete it: "
        "`model-config promote chat --environment prod --label stable --release 3`"
    )
    assert two.labels() == {"stable": 2, "stable-previous": 2}
    move = promote(prod(two.client), "chat", "stable", release=3)
    assert (move.was_interrupted, move.was_held, move.ends_hold) == (True, False, False)
    assert two.labels() == {"stable": 3, "stable-previous": 2}


def test_an_interrupted_promotion_can_be_taken_back_and_where_it_is_not_known_is_a_hold(two: Any):
    promote(prod(two.client), "chat", "stable")
    break_off(two)
    for recorded in (
        Moved("stable", 2, 3, held=True),  # a rollback
        Moved("stable", 2, 1),  # by a version that didn't say
        Moved("canary", 2, 1, held=False),  # the newest record is another label's
        Moved("stable", 1, None, held=False),  # later moves were not recorded
        None,
    ):
        put(two, "chat", write_rollout(RolloutDocument(recorded)))
        (left,) = promoted(two, {"chat": 2}, {"chat": 3}).values()
        assert left.outcome == "held", recorded
        assert "stable is held on release 2 by a rollback" in left.message, recorded
    put(two, "chat", write_rollout(RolloutDocument(Moved("stable", 2, 1, held=False))))
    move = promote(prod(two.client), "chat", "stable", release=2)
    assert (move.does_something, move.was_interrupted) == (True, True)
    assert two.labels() == {"stable": 2}


def test_a_rollout_under_way_is_left_but_for_its_own_candidate(two: Any) -> None:
    two.deploy({"n": 3})
    begin = Step(datetime(2026, 1, 1, tzinfo=UTC), 5)
    rollout = Rollout("stable", 2, 1, "0" * 16, (begin,))
    put(two, "chat", write_rollout(RolloutDocument(rollout=rollout)))
    (left,) = promoted(two, {"chat": 2}, {"chat": 3}).values()
    assert left.outcome == "rollout"
    assert "a rollout of release 2 to stable is under way" in left.message
    assert two.labels()["stable"] == 1
    (finished,) = promoted(two, {"chat": 1}, {"chat": 2}).values()
    assert finished.outcome == "promoted"
    promote(prod(two.client), "chat", "canary", release=1)
    canary = Rollout("canary", 2, 1, "0" * 16, (begin,))
    put(two, "chat", write_rollout(RolloutDocument(rollout=canary)))
    plan = RolloutPlan((5, 100), timedelta(minutes=30))
    new = NewRollout("stable", plan, datetime.now(UTC))
    (left,) = promoted(two, {"chat": 2}, {"chat": 3}, rollout=new).values()
    assert left.outcome == "rollout"
    assert "a rollout of release 2 to canary is under way" in left.message


def test_a_first_promotion_that_was_killed_is_recorded_where_the_others_are_rolled_out(
    two: Any,
) -> None:
    two.deploy(
        {"n": 1}, model="new", label="stable"
    )  # the label moved, and then the run was killed
    put(two, "new", EMPTY)
    plan = RolloutPlan((5, 100), timedelta(minutes=30))
    (found,) = promoted(
        two, {}, {"new": 1}, rollout=NewRollout("stable", plan, datetime.now(UTC))
    ).values()
    assert found.outcome == "already there"
    (written, *_) = events(read_history(prod(two.client).ssm, "/ai/prod", "new"))
    assert written.what == "stable moved from no release to 1"


def test_what_fails_for_one_model_keeps_no_other_from_being_promoted(two: Any) -> None:
    def check_of(model: str) -> Any:
        def refuse(_: object) -> None:
            raise SchemaMismatchError("too hot")

        return refuse if model == "chat" else None

    two.client.delete_parameter(Name="/ai/prod/search/rollout")
    after = {"chat": 2, "gone": 4, "search": 2}
    found = promoted(two, {}, after, check_of=check_of, reason="run 7")
    assert [each.outcome for each in found.values()] == ["failed", "failed", "promoted"]
    assert found["chat"].message == "chat: stable could not be moved to release 2: too hot"
    assert two.labels("search")["stable"] == 2
    assert "no rollout parameter" in found["search"].notices[0]
    new = NewRollout("stable", RolloutPlan((5, 100), timedelta(minutes=30)), datetime.now(UTC))
    found = promoted(two, {}, {"a_gone": 4, "chat": 2}, rollout=new)
    assert [each.outcome for each in found.values()] == ["failed", "rolled out"]
