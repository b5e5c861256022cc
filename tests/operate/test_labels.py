from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.moves import prod, promote, rollback

from model_config import Reader
from model_config.format.errors import (
    AccessDeniedError,
    LabelNotFoundError,
    ModelNotFoundError,
    ReleaseError,
    ReleaseNotFoundError,
    StoreError,
    StoreUnavailableError,
    UsageError,
)
from model_config.format.names import check_label, check_movable_label

NAME = "/ai/prod/chat/release"


@pytest.fixture
def three(aws: Any) -> Any:
    """Three releases, the first one stable."""
    aws.deploy({"n": 1}, label="stable")
    aws.deploy({"n": 2})
    aws.deploy({"n": 3})
    return aws


def reset(aws: Any) -> None:
    """Put stable back on the first release, and take all other labels off."""
    for label, number in aws.labels().items():
        aws.client.unlabel_parameter_version(Name=NAME, ParameterVersion=number, Labels=[label])
    aws.client.label_parameter_version(Name=NAME, ParameterVersion=1, Labels=["stable"])


# Promote


def test_a_label_is_promoted_rolled_back_held_and_freed(three: Any) -> None:
    labels = prod(three.client)
    move = promote(labels, "chat", "stable")
    assert (move.model, move.label, move.release, move.before) == ("chat", "stable", 3, 1)
    assert move.changed
    assert {name for name, _ in three.requests} == {  # no value is written
        "GetParameterHistory", "GetParameters", "LabelParameterVersion",
    }  # fmt: skip
    assert three.labels() == {"stable": 3, "stable-previous": 1}
    assert Reader("prod", client=three.client).get("chat")["n"] == 3

    three.requests.clear()
    assert not promote(labels, "chat", "stable", release=3).changed  # twice is the same as once
    assert "LabelParameterVersion" not in {name for name, _ in three.requests}
    assert three.labels() == {"stable": 3, "stable-previous": 1}

    move = rollback(labels, "chat")
    assert (move.release, move.before, move.does_something) == (1, 3, True)
    again = rollback(labels, "chat")
    assert (again.changed, again.does_something) == (False, False)
    assert three.labels() == {"stable": 1, "stable-previous": 1}

    move = promote(labels, "chat", "stable", release=2)
    assert (move.was_held, move.ends_hold) == (True, True)
    assert three.labels() == {"stable": 2, "stable-previous": 1}  # what was rolled back to
    assert not promote(labels, "chat", "stable", release=3).was_held
    rollback(labels, "chat", release=1)  # to another than the previous one
    assert three.labels() == {"stable": 1, "stable-previous": 1}
    move = promote(labels, "chat", "stable", release=1)
    assert (move.changed, move.ends_hold) == (False, True)
    assert three.labels() == {"stable": 1}
    assert not rollback(labels, "chat", release=1).changed
    assert three.labels() == {"stable": 1, "stable-previous": 1}

    assert promote(labels, "chat", "canary").before is None
    assert three.labels() == {"stable": 1, "stable-previous": 1, "canary": 3}
    with pytest.raises(LabelNotFoundError, match=r"rollback chat --label canary --release N --env"):
        rollback(labels, "chat", "canary")
    with pytest.raises(ReleaseNotFoundError, match=r"no release 4 .*the releases are 1 to 3"):
        promote(labels, "chat", "stable", release=4)
    with pytest.raises(ModelNotFoundError, match="/ai/prod/search/release"):
        promote(labels, "search", "stable")


class Wraps:
    """A client that differs in what a test says."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


def test_a_release_is_verified_first(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable")
    aws.deploy({"n": 2}, document='{"format": 1}')
    for move in (promote, rollback):
        with pytest.raises(ReleaseError, match=f"{NAME}:2 can't be used"):
            move(prod(aws.client), "chat", "stable", release=2)
    assert aws.labels() == {"stable": 1}


def test_promote_calls_the_check_with_the_release_before_anything_moves(aws: Any) -> None:
    aws.deploy({"n": 1}, {"key": "x"})
    seen: list[Any] = []

    def refuse(release: Any) -> None:
        seen.append(release)
        raise LookupError("not today")

    with pytest.raises(LookupError):
        promote(prod(aws.client), "chat", "stable", check=refuse)
    assert (seen[0].open().config, seen[0].number) == ({"n": 1}, 1)
    assert aws.labels() == {}


def test_an_answer_that_is_refused_or_cut_short_is_an_error(loopback: Any) -> None:
    text = f"User: u is not authorized to perform: ssm:GetParameterHistory on resource: a:{NAME}"
    loopback.answers.append(loopback.refuses("AccessDeniedException", text))
    with pytest.raises(AccessDeniedError, match=f"GetParameterHistory is missing on a:{NAME};"):
        promote(prod(loopback.client()), "chat", "stable")
    # Half a history is not taken for a short one.
    loopback.answers = [loopback.says(200, {"Parameters": [{"Version": 1}]}, whole=False)]
    with pytest.raises(StoreUnavailableError, match="ssm:GetParameterHistory"):
        promote(prod(loopback.client()), "chat", "stable")


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ({"InvalidLabels": ["stable-previous"], "ParameterVersion": 1}, StoreError,
         "SSM refused the label 'stable-previous'"),
        # What botocore makes of half a reply: it doesn't say that the label moved.
        ({}, StoreUnavailableError, "ssm:LabelParameterVersion"),
        (None, StoreUnavailableError, "ssm:LabelParameterVersion"),
    ],
)  # fmt: skip
def test_a_label_that_did_not_move_is_an_error(three, answer, error, said):
    class Answers(Wraps):
        def label_parameter_version(self, **_: Any) -> Any:
            if answer is None:
                raise ValueError("half a reply")
            return answer

    with pytest.raises(error, match=said):
        promote(prod(Answers(three.client)), "chat", "stable")


class Meets(Wraps):
    """A client that lets someone else promote just before its nth request, from 1."""

    def __init__(self, aws: Any, nth: int) -> None:
        super().__init__(aws.client)
        self.aws, self.left = aws, nth

    def __getattribute__(self, name: str) -> Any:
        if name.startswith(("get_pa", "label_parameter")):  # a paginator counts too
            self.left -= 1
            if self.left == 0:
                promote(prod(self.aws.client), "chat", "stable", release=2)
        return super().__getattribute__(name)


def test_two_people_at_once_end_in_one_of_the_two_orders(three: Any) -> None:
    for nth in range(1, 6):
        move = promote(prod(Meets(three, nth)), "chat", "stable", release=3)
        assert move.before == 2, nth
        assert three.labels() == {"stable": 3, "stable-previous": 2}, nth
        reset(three)
    # At the very same moment, they leave -previous one further back.
    client = Meets(three, 6)
    promote(prod(client), "chat", "stable", release=3)
    assert client.left == 0
    assert three.labels() == {"stable": 3, "stable-previous": 1}
    reset(three)
    # Two who promote the same make one promotion.
    promote(prod(Meets(three, 5)), "chat", "stable", release=2)
    assert three.labels() == {"stable": 2, "stable-previous": 1}


def test_many_people_at_once_end_on_a_release_that_one_of_them_chose(three: Any) -> None:
    people = [
        threading.Thread(
            target=promote, args=(prod(three.client), "chat", "stable"), kwargs={"release": number}
        )
        for number in (2, 3, 2, 3)
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert three.labels()["stable"] in {2, 3}


# Secrets that are gone


def test_a_release_whose_secrets_are_gone_is_refused(aws: Any) -> None:
    aws.deploy({"n": 1}, {"key": "x"}, label="stable-previous")
    aws.deploy({"n": 2}, label="stable")
    aws.client.delete_parameter(Name="/ai/prod/chat/secrets/key")
    for move in (promote, rollback):
        with pytest.raises(ReleaseError, match="secrets that are gone: /ai/prod/chat/secrets/key"):
            move(prod(aws.client), "chat", "stable", release=1)
    assert aws.labels()["stable"] == 2


def test_secrets_are_looked_for_without_decrypting_them(aws: Any) -> None:
    aws.deploy({"n": 1}, {f"key{number}": "x" for number in range(11)})
    asked = []
    aws.client.meta.events.register(
        "provide-client-params.ssm.GetParameters", lambda params, **_: asked.append(params)
    )
    promote(prod(aws.client), "chat", "stable")
    of_secrets = [each for each in asked if "/secrets/" in each["Names"][0]]
    assert [(len(each["Names"]), each["WithDecryption"]) for each in of_secrets] == [
        (10, False),
        (1, False),
    ]


def test_where_secrets_may_not_be_looked_for_the_label_moves_with_a_note(aws: Any) -> None:
    aws.deploy({"n": 1}, {"key": "x"})

    class Denies(Wraps):
        def get_parameters(self, **wanted: Any) -> Any:
            if "/secrets/" in wanted["Names"][0]:
                code = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
                raise self.client.exceptions.ClientError(code, "GetParameters")
            return self.client.get_parameters(**wanted)

    move = promote(prod(Denies(aws.client)), "chat", "stable")
    assert "unknown whether the release's secrets exist" in move.notices[0]
    assert aws.labels() == {"stable": 1}


# The rules for labels


def test_a_label_that_cannot_be_is_refused_with_the_rule_before_aws_is_asked(three: Any) -> None:
    three.requests.clear()
    for label, rule in (
        ("", "at most 100 letters"),
        ("7", "not beginning with a digit"),
        ("1st", "not beginning with a digit"),
        ("aws-prod", 'not beginning with a digit, "aws"'),
        ("SSMlabel", 'or "ssm"'),
        ("a b", "at most 100 letters"),
        ("a:b", "at most 100 letters"),
        ("é", "at most 100 letters"),
        ("ok\n", "at most 100 letters"),
        ("x" * 101, "at most 100 letters"),
        ("latest", "always means the newest release"),
        ("LATEST", "always means the newest release"),
        ("x" * 92, "has 92 characters, and the limit is 91"),
        ("stable-previous", "each promotion to 'stable'"),
    ):
        for move in (promote, rollback):
            with pytest.raises(UsageError, match=rule):
                move(prod(three.client), "chat", label)
    assert three.requests == []


@settings(max_examples=25)
@given(label=st.from_regex(r"[b-rt-zA-RT-Z_.\-][a-zA-Z0-9_.\-]{0,90}", fullmatch=True))
def test_what_ssm_takes_is_taken(label: str) -> None:
    if label.lower().startswith("aws") or label.lower() == "latest" or label.endswith("-previous"):
        return
    check_movable_label(label)
    check_label(f"{label}-previous")


def test_a_release_that_is_full_of_labels_is_found_before_anything_moves(three: Any) -> None:
    for full in (1, 3):
        count = 10 - list(three.labels().values()).count(full)
        labels = [f"label{each}" for each in range(count)]
        three.client.label_parameter_version(Name=NAME, ParameterVersion=full, Labels=labels)
        before = three.labels()
        said = rf"release {full} has no room .*--labels label"
        with pytest.raises(UsageError, match=said) as caught:
            promote(prod(three.client), "chat", "stable", release=3)
        assert "label0, " in str(caught.value)
        assert three.labels() == before
        reset(three)
    # Room that -previous leaves is counted.
    labels = ["stable-previous", *(f"label{each}" for each in range(9))]
    three.client.label_parameter_version(Name=NAME, ParameterVersion=3, Labels=labels)
    promote(prod(three.client), "chat", "stable", release=3)
    assert three.labels()["stable"] == 3
    assert three.labels()["stable-previous"] == 1
