from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
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


# Promote


def test_promote_moves_a_label_to_the_newest_and_remembers_the_one_before(three: Any) -> None:
    move = promote(prod(three.client), "chat", "stable")
    assert (move.model, move.label, move.release, move.before) == ("chat", "stable", 3, 1)
    assert move.changed
    assert three.labels() == {"stable": 3, "stable-previous": 1}
    assert Reader("prod", client=three.client).get("chat")["n"] == 3


def test_the_first_promotion_has_no_previous(aws: Any) -> None:
    aws.deploy({"n": 1})
    assert promote(prod(aws.client), "chat", "canary").before is None
    assert aws.labels() == {"canary": 1}


def test_promoting_twice_is_the_same_as_once(three: Any) -> None:
    promote(prod(three.client), "chat", "stable", release=2)
    three.requests.clear()
    again = promote(prod(three.client), "chat", "stable", release=2)
    assert not again.changed
    assert "LabelParameterVersion" not in {name for name, _ in three.requests}
    assert three.labels() == {"stable": 2, "stable-previous": 1}


def test_each_promotion_writes_no_value(three: Any) -> None:
    promote(prod(three.client), "chat", "stable")
    assert {name for name, _ in three.requests} == {
        "GetParameterHistory",
        "GetParameters",
        "LabelParameterVersion",
    }


class Breaks:
    """A client that fails from the given call to label_parameter_version on, from 1."""

    def __init__(self, client: Any, at: int) -> None:
        self.client, self.at, self.calls = client, at, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def label_parameter_version(self, **wanted: Any) -> Any:
        self.calls += 1
        if 0 < self.at <= self.calls:
            raise ValueError("half a reply")
        return self.client.label_parameter_version(**wanted)


@pytest.mark.parametrize("at", [1, 2])
def test_a_promotion_that_broke_off_is_completed_by_doing_it_again(three: Any, at: int) -> None:
    with pytest.raises(StoreUnavailableError):
        promote(prod(Breaks(three.client, at)), "chat", "stable")
    assert three.labels()["stable"] == 1
    promote(prod(three.client), "chat", "stable")
    assert three.labels() == {"stable": 3, "stable-previous": 1}


def test_promote_verifies_the_release_first(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable")
    aws.deploy({"n": 2}, document='{"format": 1}')
    with pytest.raises(ReleaseError, match=f"{NAME}:2 can't be used"):
        promote(prod(aws.client), "chat", "stable")
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


@pytest.mark.parametrize("release", [4, 99])
def test_a_release_that_is_not_there_cannot_be_promoted(three: Any, release: int) -> None:
    with pytest.raises(
        ReleaseNotFoundError, match=f"no release {release} .*the releases are 1 to 3"
    ):
        promote(prod(three.client), "chat", "stable", release=release)


def test_a_model_that_is_not_there_cannot_be_promoted(aws: Any) -> None:
    with pytest.raises(ModelNotFoundError, match="/ai/prod/chat/release"):
        promote(prod(aws.client), "chat", "stable")


def test_who_may_not_is_told_which_permission_is_missing(loopback: Any) -> None:
    text = f"User: u is not authorized to perform: ssm:GetParameterHistory on resource: a:{NAME}"
    loopback.answers.append(loopback.refuses("AccessDeniedException", text))
    with pytest.raises(AccessDeniedError, match=f"GetParameterHistory is missing on a:{NAME};"):
        promote(prod(loopback.client()), "chat", "stable")


def test_half_a_history_is_not_taken_for_a_short_one(loopback: Any) -> None:
    loopback.answers.append(loopback.says(200, {"Parameters": [{"Version": 1}]}, whole=False))
    with pytest.raises(StoreUnavailableError, match="ssm:GetParameterHistory"):
        promote(prod(loopback.client()), "chat", "stable")


def test_a_label_that_ssm_refuses_after_all_is_an_error(three: Any) -> None:
    class Refuses(Breaks):
        def label_parameter_version(self, **wanted: Any) -> Any:
            return {"InvalidLabels": wanted["Labels"], "ParameterVersion": 1}

    with pytest.raises(StoreError, match="SSM refused the label 'stable-previous'"):
        promote(prod(Refuses(three.client, 0)), "chat", "stable")


def test_an_answer_that_does_not_say_the_label_moved_is_an_error(three: Any) -> None:
    class Garbles(Breaks):
        def label_parameter_version(self, **_: Any) -> Any:
            return {}  # what botocore makes of half a reply

    with pytest.raises(StoreUnavailableError, match="ssm:LabelParameterVersion"):
        promote(prod(Garbles(three.client, 0)), "chat", "stable")


class Meets(Breaks):
    """A client that lets someone else promote just before its nth request, from 1."""

    def __init__(self, aws: Any, nth: int) -> None:
        super().__init__(aws.client, at=0)
        self.aws, self.left = aws, nth

    def __getattribute__(self, name: str) -> Any:
        if name.startswith(("get_pa", "label_parameter")):  # a paginator counts too
            self.left -= 1
            if self.left == 0:
                promote(prod(self.aws.client), "chat", "stable", release=2)
        return super().__getattribute__(name)


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_two_people_at_once_end_in_one_of_the_two_orders(three: Any, nth: int) -> None:
    move = promote(prod(Meets(three, nth)), "chat", "stable", release=3)
    assert move.before == 2
    assert three.labels() == {"stable": 3, "stable-previous": 2}


def test_two_people_at_the_very_same_moment_leave_previous_one_further_back(three: Any) -> None:
    client = Meets(three, 6)
    promote(prod(client), "chat", "stable", release=3)
    assert client.left == 0
    assert three.labels() == {"stable": 3, "stable-previous": 1}


def test_two_people_who_promote_the_same_make_one_promotion(three: Any) -> None:
    promote(prod(Meets(three, 5)), "chat", "stable", release=2)
    assert three.labels() == {"stable": 2, "stable-previous": 1}


def test_many_people_at_once_end_on_a_release_that_one_of_them_chose(three: Any) -> None:
    people = [
        threading.Thread(
            target=promote,
            args=(prod(three.client), "chat", "stable"),
            kwargs={"release": number},
        )
        for number in (2, 3, 2, 3)
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert three.labels()["stable"] in {2, 3}


# Roll back


def test_rollback_puts_the_label_back_and_twice_is_the_same_as_once(three: Any) -> None:
    labels = prod(three.client)
    promote(labels, "chat", "stable")
    move = rollback(labels, "chat")
    assert (move.release, move.before, move.does_something) == (1, 3, True)
    assert three.labels() == {"stable": 1, "stable-previous": 1}
    again = rollback(labels, "chat")
    assert (again.changed, again.does_something) == (False, False)
    assert three.labels() == {"stable": 1, "stable-previous": 1}


def test_every_rollback_leaves_label_and_previous_on_its_target(aws: Any) -> None:
    for number in range(1, 9):
        aws.deploy({"n": number})
    labels = prod(aws.client)
    for number in (6, 7, 8):
        promote(labels, "chat", "stable", release=number)
    rollback(labels, "chat", release=5)
    assert aws.labels() == {"stable": 5, "stable-previous": 5}


def test_a_rollback_to_the_release_that_the_label_is_on_holds_it_there(three: Any) -> None:
    labels = prod(three.client)
    promote(labels, "chat", "stable", release=2)
    assert not rollback(labels, "chat", release=2).changed
    assert three.labels() == {"stable": 2, "stable-previous": 2}


@pytest.mark.parametrize("at", [1, 2])
def test_a_rollback_that_broke_off_is_completed_by_doing_it_again(three: Any, at: int) -> None:
    labels = prod(three.client)
    promote(labels, "chat", "stable", release=2)
    with pytest.raises(StoreUnavailableError):
        rollback(prod(Breaks(three.client, at)), "chat", release=3)
    rollback(labels, "chat", release=3)
    assert three.labels() == {"stable": 3, "stable-previous": 3}


def test_a_persons_promotion_moves_a_held_label_and_says_so(three: Any) -> None:
    labels = prod(three.client)
    promote(labels, "chat", "stable")
    rollback(labels, "chat")
    move = promote(labels, "chat", "stable", release=2)
    assert (move.was_held, move.ends_hold) == (True, True)
    # It remembers what was rolled back to.
    assert three.labels() == {"stable": 2, "stable-previous": 1}
    assert not promote(labels, "chat", "stable", release=3).was_held


def test_promoting_the_very_release_that_is_held_ends_the_hold(three: Any) -> None:
    labels = prod(three.client)
    promote(labels, "chat", "stable")
    rollback(labels, "chat")
    move = promote(labels, "chat", "stable", release=1)
    assert (move.changed, move.ends_hold) == (False, True)
    assert three.labels() == {"stable": 1}


def test_rollback_without_a_previous_says_how_to_name_one(three: Any) -> None:
    with pytest.raises(LabelNotFoundError, match=r"rollback chat --label stable --release N --env"):
        rollback(prod(three.client), "chat")


def test_rollback_verifies_the_release_too(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable", document="{}")
    aws.deploy({"n": 2})
    promote(prod(aws.client), "chat", "stable")
    with pytest.raises(ReleaseError):
        rollback(prod(aws.client), "chat")
    assert aws.labels()["stable"] == 2


# Secrets that are gone


@pytest.mark.parametrize("move", [promote, rollback])
def test_a_release_whose_secrets_are_gone_is_refused(aws: Any, move: Any) -> None:
    aws.deploy({"n": 1}, {"key": "x"}, label="stable-previous")
    aws.deploy({"n": 2}, label="stable")
    aws.client.delete_parameter(Name="/ai/prod/chat/secrets/key")
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

    class Denies(Breaks):
        def get_parameters(self, **wanted: Any) -> Any:
            if "/secrets/" in wanted["Names"][0]:
                code = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
                raise self.client.exceptions.ClientError(code, "GetParameters")
            return self.client.get_parameters(**wanted)

    move = promote(prod(Denies(aws.client, 0)), "chat", "stable")
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


@given(label=st.from_regex(r"[b-rt-zA-RT-Z_.\-][a-zA-Z0-9_.\-]{0,90}", fullmatch=True))
def test_what_ssm_takes_is_taken(label: str) -> None:
    if label.lower().startswith("aws") or label.lower() == "latest" or label.endswith("-previous"):
        return
    check_movable_label(label)
    check_label(f"{label}-previous")


@pytest.mark.parametrize("full", [1, 3])
def test_a_release_that_is_full_of_labels_is_found_before_anything_moves(
    three: Any, full: int
) -> None:
    number = len([on for on in three.labels().values() if on == full])
    for each in range(10 - number):
        three.client.label_parameter_version(
            Name=NAME, ParameterVersion=full, Labels=[f"label{each}"]
        )
    before = three.labels()
    with pytest.raises(UsageError, match=rf"release {full} has no room .*--labels label") as caught:
        promote(prod(three.client), "chat", "stable", release=3)
    assert "label0, " in str(caught.value)
    assert three.labels() == before


def test_room_that_previous_leaves_is_counted(three: Any) -> None:
    labels = ["stable-previous", *(f"label{each}" for each in range(9))]
    three.client.label_parameter_version(Name=NAME, ParameterVersion=3, Labels=labels)
    promote(prod(three.client), "chat", "stable", release=3)
    assert three.labels()["stable"] == 3
    assert three.labels()["stable-previous"] == 1
