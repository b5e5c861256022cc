"""What a promotion or a rollback leaves in the rollout parameter, and what it does to a rollout."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from support.moves import prod, promote, rollback

from model_config.format.errors import AccessDeniedError, UsageError
from model_config.format.rollout import (
    EMPTY,
    Moved,
    Rollout,
    RolloutDocument,
    Step,
    read_rollout,
    write_rollout,
)

ROLLOUT = "/ai/prod/chat/rollout"
UNDER_WAY = Rollout(
    "stable", 2, 1, "0" * 16, (Step(datetime(2026, 1, 1, tzinfo=UTC), 5),), plan={"a": 1}
)


def put(aws: Any, text: str = EMPTY) -> None:
    aws.client.put_parameter(Name=ROLLOUT, Value=text, Type="String", Overwrite=True)


def document(aws: Any) -> RolloutDocument:
    return read_rollout(aws.client.get_parameter(Name=ROLLOUT)["Parameter"]["Value"])


def history(aws: Any) -> int:
    return len(aws.client.get_parameter_history(Name=ROLLOUT)["Parameters"])


@pytest.fixture
def three(aws: Any) -> Any:
    """Three releases, the first one stable, and a rollout parameter."""
    aws.deploy({"n": 1}, label="stable")
    aws.deploy({"n": 2})
    aws.deploy({"n": 3})
    put(aws)
    return aws


@pytest.fixture
def rolling(three: Any) -> Any:
    """The same with a rollout of release 2 to stable under way."""
    put(three, write_rollout(RolloutDocument(rollout=UNDER_WAY)))
    return three


def denied(client: Any, operation: str) -> Any:
    """A client that may not do one thing to a rollout parameter."""

    class Denies:
        def __getattr__(self, name: str) -> Any:
            return self.ask if name == operation else getattr(client, name)

        def ask(self, **wanted: Any) -> Any:
            if "/rollout" in json.dumps(wanted):
                code = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
                raise client.exceptions.ClientError(code, operation)
            return getattr(client, operation)(**wanted)

    return Denies()


# The record


def test_a_promotion_a_rollback_and_a_hold_are_recorded_with_their_reason(three: Any) -> None:
    asked: list[Any] = []
    three.client.meta.events.register(
        "provide-client-params.ssm.PutParameter", lambda params, **_: asked.append(params)
    )
    place = prod(three.client)
    promote(place, "chat", "stable", reason="shorter answers")
    assert document(three).moved == Moved("stable", 3, 1, "shorter answers", held=False)
    promote(place, "chat", "stable")
    assert history(three) == 2  # what changes nothing is not recorded
    rollback(place, "chat")
    assert document(three).moved == Moved("stable", 1, 3, held=True)
    promote(place, "chat", "stable", release=1, reason="free again")
    assert document(three).moved == Moved("stable", 1, 1, "free again", held=False)
    rollback(place, "chat", release=1, reason="keep it")
    assert document(three).moved == Moved("stable", 1, 1, "keep it", held=True)
    assert promote(place, "chat", "canary").notices == []
    assert document(three).moved == Moved("canary", 3, None, held=False)
    kept = three.client.get_parameter(Name=ROLLOUT)["Parameter"]
    assert (kept["Type"], kept["Version"]) == ("String", 6)
    assert {each["Tier"] for each in asked} == {"Standard"}


def test_a_move_that_was_never_recorded_is_recorded_when_it_is_made_again(three: Any) -> None:
    label = three.client.label_parameter_version
    label(Name="/ai/prod/chat/release", ParameterVersion=2, Labels=["stable"])
    label(Name="/ai/prod/chat/release", ParameterVersion=1, Labels=["stable-previous"])
    promote(prod(three.client), "chat", "canary")
    promote(prod(three.client), "chat", "stable", release=2, reason="again")
    assert document(three).moved == Moved("stable", 2, 1, "again", held=False)


def test_a_write_whose_answer_was_lost_is_nobody_elses(three: Any) -> None:
    class Loses:
        lost = False

        def __getattr__(self, name: str) -> Any:
            return getattr(three.client, name)

        def put_parameter(self, **wanted: Any) -> Any:
            answer = three.client.put_parameter(**wanted)
            if not self.lost:
                self.lost = True
                raise ConnectionClosedError(endpoint_url="https://ssm")
            return answer

    assert promote(prod(Loses()), "chat", "stable").notices == []
    assert document(three).moved == Moved("stable", 3, 1, held=False)


@pytest.mark.parametrize("operation", ["put_parameter", "get_parameters"])
def test_without_the_permission_the_label_moves_and_the_missing_record_is_told(three, operation):
    move = promote(prod(denied(three.client, operation)), "chat", "stable")
    assert three.labels()["stable"] == 3
    assert "move is not recorded: ssm:" in move.notices[0]
    assert history(three) == 1


def test_a_document_that_is_not_understood_is_left_and_one_that_is_missing_is_not_made(three: Any):
    put(three, '{"format": 2}')
    move = promote(prod(three.client), "chat", "stable")
    assert "update the model-config package" in move.notices[0]
    assert history(three) == 2
    three.client.delete_parameter(Name=ROLLOUT)
    move = promote(prod(three.client), "chat", "stable", release=2)
    assert "The move is not recorded: the model has no rollout parameter" in move.notices[0]
    assert three.labels()["stable"] == 2
    with pytest.raises(three.client.exceptions.ParameterNotFound):
        document(three)


def test_who_writes_over_somebody_elses_record_is_told(three: Any) -> None:
    class Meets:
        def __getattr__(self, name: str) -> Any:
            if name == "put_parameter":
                put(three)
            return getattr(three.client, name)

    move = promote(prod(Meets()), "chat", "stable")
    assert "versions 2 to 2 are theirs" in move.notices[0]
    assert document(three).moved == Moved("stable", 3, 1, held=False)


def test_a_reason_that_cannot_be_recorded_is_refused_before_anything_moves(rolling: Any) -> None:
    for reason, problem in (
        ("x" * 501, "has 501 characters; the maximum is 500"),
        ("", "not empty"),
        (" ", "not empty"),
        ("two\nlines", "one line of plain text"),
        ("\x1b[2J", "plain text"),
    ):
        with pytest.raises(UsageError, match=problem):
            promote(prod(rolling.client), "chat", "canary", reason=reason)
    assert rolling.labels() == {"stable": 1}
    # The longest has room beside a rollout.
    promote(prod(rolling.client), "chat", "canary", reason="é" * 500)
    assert document(rolling).moved == Moved("canary", 3, None, "é" * 500, held=False)
    assert document(rolling).rollout == UNDER_WAY


# A rollout under way


def test_a_promotion_to_another_release_than_the_candidate_is_refused(rolling: Any) -> None:
    for release in (1, 3, None):
        said = r"rollout of release 2 to stable .* under way"
        with pytest.raises(UsageError, match=said) as caught:
            promote(prod(rolling.client), "chat", "stable", release=release)
        assert "`model-config rollout finish chat --environment prod`" in str(caught.value)
        assert "`model-config rollout abort chat --environment prod`" in str(caught.value)
    assert rolling.labels() == {"stable": 1}


def test_a_promotion_to_the_candidate_finishes_the_rollout(rolling: Any) -> None:
    promote(prod(rolling.client), "chat", "stable", release=2)
    assert document(rolling) == RolloutDocument(Moved("stable", 2, 1, held=False))
    assert rolling.labels() == {"stable": 2, "stable-previous": 1}


def test_a_rollback_aborts_the_rollout(rolling: Any) -> None:
    for release, before in ((1, 1), (3, 1)):
        put(rolling, write_rollout(RolloutDocument(rollout=UNDER_WAY)))
        rollback(prod(rolling.client), "chat", release=release)
        assert document(rolling) == RolloutDocument(Moved("stable", release, before, held=True))
        assert rolling.labels() == {"stable": release, "stable-previous": release}


def test_a_rollout_that_the_label_has_left_hinders_nothing_and_goes(rolling: Any) -> None:
    three = rolling.client.label_parameter_version
    three(Name="/ai/prod/chat/release", ParameterVersion=3, Labels=["stable"])
    promote(prod(rolling.client), "chat", "stable", release=1)
    assert document(rolling).rollout is None


def test_a_rollback_that_moves_nothing_and_cannot_abort_the_rollout_fails(rolling: Any) -> None:
    labels = prod(denied(rolling.client, "put_parameter"))
    with pytest.raises(AccessDeniedError):
        rollback(labels, "chat", release=1)
    assert document(rolling).rollout == UNDER_WAY
    with pytest.raises(AccessDeniedError, match="can't be ended, so nothing has moved"):
        rollback(labels, "chat", release=3)
    assert rolling.labels() == {"stable": 1}
