"""Readers during a rollout: who gets which release, and what it costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.documents import Documents

from model_config import Reader
from model_config.format.errors import UsageError
from model_config.format.rollout import Rollout, RolloutDocument, Step, bucket, write_rollout
from model_config.reader.readings import DENIED
from model_config.schema import ModelConfig

RELEASE, ROLLOUT = "/ai/prod/chat/release", "/ai/prod/chat/rollout"
SALT = "0123456789abcdef"
KEYS = [f"user-{number}" for number in range(500)]


class Typed(ModelConfig):
    """What an application reads into."""

    n: int


@pytest.fixture
def source() -> Documents:
    """Release 1 is stable, release 2 a candidate, and no rollout is under way."""
    source = Documents()
    source.deploy({"n": 1}, {"key": "one"})
    source.deploy({"n": 2}, {"key": "two", "other": "more"}, promote=False)
    source.put(ROLLOUT, '{"format":1}')
    return source


def start(source: Documents, clock: Any, *steps: tuple[float, float], **changes: Any) -> None:
    """Write a rollout with a share from so many seconds from now on."""
    now = datetime.fromtimestamp(clock.wall(), UTC)
    plan = {"label": "stable", "release": 2, "before": 1, "salt": SALT}
    made = tuple(Step(now + timedelta(seconds=at), percent) for at, percent in steps)
    rollout = Rollout(**{**plan, "steps": made, **changes})
    source.put(ROLLOUT, write_rollout(RolloutDocument(rollout=rollout)))


def reader_of(source: Documents, clock: Any) -> Reader:
    """Return a reader that renews in the reading thread."""
    return Reader("prod", source=source, clock=clock, max_wait=float("inf"))


def started(source: Documents, clock: Any, *steps: tuple[float, float], **changes: Any) -> Reader:
    start(source, clock, *steps, **changes)
    return reader_of(source, clock)


def served(reader: Reader, **asked: Any) -> set[str]:
    """Return the keys that get release 2."""
    return {key for key in KEYS if reader.get("chat", key=key, **asked).release == 2}


# Who gets what


def test_a_share_of_units_gets_the_candidate_and_the_share_only_grows(
    source: Documents, clock: Any
) -> None:
    start(source, clock, (0, 5), (1_000, 25), (2_000, 50), (3_000, 100))
    reader, other = reader_of(source, clock), reader_of(source, clock)
    shares = []
    for _ in range(4):
        shares.append(served(reader))
        assert served(other) == shares[-1]
        clock.advance(1_000)
    assert shares[0] == {key for key in KEYS if bucket(SALT, key) < 500}
    assert 10 < len(shares[0]) < 40
    assert shares[0] < shares[1] < shares[2] < shares[3] == set(KEYS)
    assert served(reader) == set(KEYS)
    clock.day -= 4_000  # a wall clock that was ahead is corrected, which takes the steps back
    assert served(reader) == shares[0]


def test_a_configuration_tells_which_side_it_is(source: Documents, clock: Any) -> None:
    reader = reader_of(source, clock)
    assert reader.get("chat", key="user-1").rollout is None
    start(source, clock, (0, 50), (9_000, 100))
    reader.refresh()  # which finds its begin at once
    [status] = reader.status()["models"]
    assert status["served"]["rollout"] == {"candidate": 2, "percent": 50, "problem": None}
    read = [reader.get("chat", key=key) for key in KEYS]
    sides = {each.release: each.rollout for each in read}
    assert sides == {1: "control", 2: "candidate"}
    candidate = next(each for each in read if each.release == 2)
    assert candidate.label == "stable"
    assert candidate.secrets["other"].reveal() == "more"
    assert candidate.attributes()["feature_flag.result.variant"] == "candidate"


def test_before_its_first_step_everybody_is_control(source: Documents, clock: Any) -> None:
    reader = started(source, clock, (60, 100))
    assert served(reader) == set()
    assert reader.get("chat").rollout == "control"
    clock.advance(59)
    assert served(reader) == set()
    clock.advance(1)  # and nothing has to be asked for
    source.asked.clear()
    assert served(reader) == set(KEYS)


def test_named_units_are_given_a_release_whatever_their_bucket(
    source: Documents, clock: Any
) -> None:
    inside = next(key for key in KEYS if bucket(SALT, key) < 500)
    reader = started(source, clock, (60, 0), (120, 5), units={"qa": 2, inside: 1})
    assert served(reader) == set()
    assert reader.get("chat", key="qa").release == 1  # not before the first step
    clock.advance(60)
    assert reader.get("chat", key="qa").rollout == "candidate"
    clock.advance(60)
    assert served(reader) == {key for key in KEYS if bucket(SALT, key) < 500} - {inside}
    assert reader.get("chat", key=inside).rollout == "control"


def test_a_step_in_any_year_is_one(source: Documents, clock: Any) -> None:
    for year, release in ((1, 2), (9999, 1)):
        reader = started(source, clock, steps=(Step(datetime(year, 1, 1, tzinfo=UTC), 100),))
        assert reader.get("chat", key="user-1").release == release


def test_a_release_deleted_and_made_anew_is_another_candidate(
    source: Documents, clock: Any
) -> None:
    reader = started(source, clock, (0, 100))
    assert reader.get("chat", key="user-1")["n"] == 2
    source.documents[RELEASE].clear()
    source.deploy({"n": 1})
    assert source.deploy({"n": 22}, promote=False) == 2
    clock.advance(31)
    assert reader.get("chat", key="user-1")["n"] == 22


def test_without_a_key_a_reader_is_one_unit_of_its_own(source: Documents, clock: Any) -> None:
    start(source, clock, (0, 50))
    readers = [reader_of(source, clock) for _ in range(64)]
    releases = [reader.get("chat").release for reader in readers]
    assert {1, 2} == set(releases)
    assert [reader.get("chat").release for reader in readers] == releases


def test_only_reads_by_its_label_take_part(source: Documents, clock: Any) -> None:
    source.labels[f"{RELEASE}:canary"] = 1
    reader = started(source, clock, (0, 100))
    wanted: list[tuple[dict[str, Any], int]] = [({"label": "canary"}, 1), ({"label": "latest"}, 2)]
    for asked, expected in [*wanted, ({"release": 1}, 1)]:
        chat = reader.get("chat", key="user-1", **asked)
        assert (chat.release, chat.rollout) == (expected, None)


def test_what_is_no_rollout_any_more_is_none_within_the_time_to_live(
    source: Documents, clock: Any
) -> None:
    reader = reader_of(source, clock)

    def follow() -> None:
        start(source, clock, (0, 100))
        clock.advance(30)
        assert reader.get("chat", key="user-1").release == 2

    def follows_none(release: int) -> None:
        clock.advance(30)
        chat = reader.get("chat", key="user-1")
        assert (chat.release, chat.rollout) == (release, None)

    follow()
    followed = source.documents[ROLLOUT][-1][0]  # whatever its other parts are
    source.put(ROLLOUT, followed.replace('"rollout"', '"moved":{"label":7},"rollout"', 1))
    clock.advance(30)
    assert reader.get("chat", key="user-1").release == 2
    for text in ("nonsense", "[]", '{"format":2}', '{"format":1,"rollout":{}}', '{"format":1}'):
        follow()
        source.put(ROLLOUT, text)
        follows_none(1)
    follow()
    del source.documents[ROLLOUT]  # by hand
    follows_none(1)
    follow()
    source.labels[f"{RELEASE}:stable"] = source.deploy({"n": 3}, promote=False)
    follows_none(3)


# Requests


def test_a_rollout_costs_one_request_when_it_starts_and_none_after(
    source: Documents, clock: Any
) -> None:
    reader = reader_of(source, clock)
    reader.get("chat")
    source.asked.clear()
    clock.advance(301)
    reader.get("chat")
    assert source.asked == [[f"{RELEASE}:stable", ROLLOUT, "/ai/prod/chat/secrets/key"]]
    start(source, clock, (0, 50))
    clock.advance(301)
    source.asked.clear()
    reader.get("chat")
    assert source.asked[1:] == [[f"{RELEASE}:2"], ["/ai/prod/chat/secrets/other"]]
    for _ in range(3):
        source.asked.clear()
        clock.advance(31)
        served(reader)
        assert len(source.asked) == 1
        assert sorted(source.asked[0][2:]) == [
            "/ai/prod/chat/secrets/key",
            "/ai/prod/chat/secrets/other",
        ]
    source.put("/ai/prod/chat/secrets/other", "rotated")
    clock.advance(31)
    sides = {(it := reader.get("chat", key=key)).release: it for key in KEYS}
    assert sides[2].secrets["other"].reveal() == "rotated"
    source.labels[f"{RELEASE}:stable"] = 2  # finished
    source.asked.clear()
    clock.advance(31)
    assert (reader.get("chat").release, reader.get("chat").rollout) == (2, None)
    assert len(source.asked) == 1


# A candidate that can't be used


@pytest.mark.parametrize(
    ("document", "error"), [("{", "ReleaseError"), (None, "ReleaseNotFoundError")]
)
def test_a_candidate_that_cannot_be_read_is_not_served(
    source: Documents,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
    document: str | None,
    error: str,
) -> None:
    candidate = 9 if document is None else source.deploy({}, document=document, promote=False)
    reader = started(source, clock, (0, 100), release=candidate)
    for _ in range(3):
        chat = reader.get("chat", key="user-1")
        assert (chat.release, chat.rollout) == (1, None)
        clock.advance(31)
    assert len(caplog.records) == 1
    assert f"release {candidate}, the candidate of a rollout, can't be used" in caplog.text
    [status] = reader.status()["models"]
    assert status["state"] == "good"
    assert status["served"]["rollout"]["candidate"] == candidate
    assert status["served"]["rollout"]["problem"]["error"] == error


def test_a_candidate_is_made_once_and_not_served_to_a_class_that_refuses_it(
    source: Documents, clock: Any
) -> None:
    reader = started(source, clock, (0, 100))
    first = reader.get("chat", key="user-1", schema=Typed).as_model(Typed)
    assert first.n == 2
    clock.advance(31)
    assert reader.get("chat", key="user-2", schema=Typed).as_model(Typed) is first
    candidate = source.deploy({"n": "many"}, promote=False)
    start(source, clock, (0, 100), release=candidate)
    clock.advance(31)
    assert reader.get("chat", key="user-1", schema=Typed).release == 1
    assert reader.get("chat", key="user-1").release == candidate


# An older reader policy


def test_a_policy_that_denies_rollouts_costs_one_request_in_ten_minutes(
    source: Documents, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    start(source, clock, (0, 100))
    source.denied = {ROLLOUT}
    reader = reader_of(source, clock)
    assert reader.get("chat", key="user-1").release == 1
    assert [ROLLOUT in names for names in source.asked[:2]] == [True, False]
    source.asked.clear()
    clock.advance(301)
    reader.get("chat")
    assert [ROLLOUT in names for names in source.asked] == [False]
    source.asked.clear()
    clock.advance(DENIED)
    reader.get("chat")
    assert [ROLLOUT in names for names in source.asked] == [True, False]
    assert len(caplog.records) == 1
    assert f"no permission to read {ROLLOUT}, so rollouts of chat are ignored" in caplog.text
    source.denied = set()
    clock.advance(DENIED)
    assert reader.get("chat", key="user-1").release == 2


# on_change


def test_a_readers_own_id_changing_hands_is_told_at_the_step(source: Documents, clock: Any) -> None:
    changes: list[int] = []
    reader = started(source, clock, (0, 0.01), (10, 100))
    reader.on_change(lambda _, new: changes.append(new.release))
    reader.get("chat")
    changes.clear()  # one in ten thousand ids is in the first share
    asked = len(source.asked)
    clock.advance(12)
    reader.get("chat", key="user-1")  # another's share changes nothing
    assert changes == []
    for _ in range(3):
        assert reader.get("chat").release == 2
    assert (changes, len(source.asked)) == ([2], asked)
    [chat] = reader.status()["models"]
    assert chat["served"]["release"] == 2
    clock.advance(31)
    assert reader.get("chat").release == 2
    assert (changes, len(source.asked)) == ([2], asked + 1)
    source.put(ROLLOUT, '{"format":1}')
    clock.advance(31)
    assert (reader.get("chat").release, changes) == (1, [2, 1])


# Bad keys


@pytest.mark.parametrize("rolled_out", [True, False])
def test_a_key_is_any_text_that_is_short_enough(
    source: Documents, clock: Any, *, rolled_out: bool
) -> None:
    if rolled_out:
        start(source, clock, (0, 100))
    reader = reader_of(source, clock)
    for key in ("x" * 1_024, "é" * 512, "😀" * 256, "\x00"):
        assert reader.get("chat", key=key).release == 1 + rolled_out
    refused: list[tuple[Any, str]] = [
        ("", "key is empty"),
        (7, "must be a str, such as a user's id, not int"),
        ("x" * 1_025, "key has 1,025 bytes"),
        ("é" * 513, "key has 1,026 bytes"),
        ("\ud800", "half of a surrogate pair"),
    ]
    for key, problem in refused:
        with pytest.raises(UsageError, match=problem):
            reader.get("chat", key=key)
        with pytest.raises(UsageError, match=problem):
            reader.get_many(["chat"], key=key)


def test_a_candidate_is_promoted_while_the_labels_release_cannot_be_used(
    source: Documents, clock: Any
) -> None:
    reader = started(source, clock, (0, 50))
    reader.get("chat")
    gone = source.documents.pop("/ai/prod/chat/secrets/key")
    reader.refresh()
    assert reader.status()["models"][0]["failed"]["error"] == "SecretUnavailableError"
    source.documents["/ai/prod/chat/secrets/key"] = gone
    source.put(ROLLOUT, '{"format":1}')
    source.labels[f"{RELEASE}:stable"] = 2
    reader.refresh()
    assert reader.status()["models"][0]["failed"] is None
    assert reader.get("chat").release == 2
