"""Classes that an application reads into, and callbacks that tell it of changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.documents import Documents
from support.waiting import wait_until

from model_config import Configuration, Reader
from model_config.format.errors import SchemaMismatchError, StoreUnavailableError, UsageError
from model_config.reader.files import fallback_document
from model_config.schema import ModelConfig


class Old(ModelConfig):
    """What an application knows that was not updated."""

    n: int
    tags: list[str] | None = None


class New(ModelConfig):
    """What one knows that was."""

    n: int
    mood: str = "calm"


VALUES = {"n": 1, "tags": ["a"]}
REFUSED = {"n": "many"}


@pytest.fixture
def source() -> Documents:
    source = Documents()
    source.deploy(VALUES, {"key": "old"})
    return source


def reader_of(source: Documents, clock: Any, **settings: Any) -> Reader:
    """Return a reader that renews in the reading thread."""
    return Reader("prod", source=source, clock=clock, max_wait=float("inf"), **settings)


# schema=


def test_the_instance_is_made_once_and_lives_through_renewals(
    source: Documents, clock: Any
) -> None:
    reader = reader_of(source, clock)
    first = reader.get("chat", schema=Old).as_model(Old)
    assert first == Old(n=1, tags=["a"])
    assert reader.get("chat", schema=Old).as_model(Old) is first
    clock.advance(301)
    assert reader.get("chat", schema=Old).age == 0
    assert reader.get("chat", schema=Old).as_model(Old) is first


def test_a_release_that_the_class_refuses_is_a_failed_renewal(
    source: Documents, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    reader = reader_of(source, clock)
    reader.get("chat", schema=Old)
    reader.get("chat", schema=New)
    reader.get("chat")
    source.deploy({"n": 2, "tags": "not a list"}, {"key": "rotated"})
    clock.advance(301)
    for _ in range(3):
        kept = reader.get("chat", schema=Old)
        assert (kept.release, kept.as_model(Old).n) == (1, 1)
    assert kept.secrets["key"].reveal() == "rotated"
    assert reader.get("chat", schema=New).release == 2  # another class takes it
    assert reader.get("chat").release == 2
    assert len(caplog.records) == 1
    assert "tags: Input should be a valid list" in caplog.text
    statuses = {str(each["asked_for"]): each for each in reader.status()["models"]}
    refused = statuses["{'label': 'stable', 'schema': 'Old'}"]
    assert (refused["state"], refused["served"]["release"]) == ("stale", 1)
    assert statuses["{'label': 'stable'}"]["state"] == "good"
    source.deploy({"n": 3}, {"key": "rotated"})
    clock.advance(301)
    assert reader.get("chat", schema=Old).release == 3


def test_a_first_read_that_does_not_fit_raises(source: Documents, clock: Any) -> None:
    source.deploy(REFUSED)
    reader = reader_of(source, clock)
    for _ in range(2):
        with pytest.raises(SchemaMismatchError, match="release 2 of chat in prod"):
            reader.get("chat", schema=Old)
    assert len(source.asked) == 1


def test_a_fallback_that_does_not_fit_is_not_served(source: Documents, clock: Any) -> None:
    source.deploy(REFUSED)
    built = reader_of(source, clock).get("chat")
    fallback = json.loads(fallback_document([built]))
    source.error = StoreUnavailableError("away")
    reader = reader_of(source, clock, fallback=fallback)
    assert reader.get("chat").from_fallback
    with pytest.raises(StoreUnavailableError):
        reader.get("chat", schema=Old)


# on_change


Change = tuple[Configuration, Configuration]


def watched(reader: Reader) -> list[Change]:
    changes: list[Change] = []
    reader.on_change(lambda old, new: changes.append((old, new)))
    return changes


def test_a_new_release_and_a_rotated_secret_are_told(source: Documents, clock: Any) -> None:
    reader = reader_of(source, clock)
    changes = watched(reader)
    reader.get("chat")
    clock.advance(301)
    reader.get("chat")
    assert changes == []
    source.deploy({"n": 2}, {"key": "old"})
    clock.advance(301)
    reader.get("chat")
    [(old, new)] = changes
    assert (old.release, new.release, new.model) == (1, 2, "chat")
    source.put("/ai/prod/chat/secrets/key", "rotated")
    clock.advance(301)
    reader.get("chat")
    old, new = changes[1]
    assert (old.release, new.release) == (2, 2)
    assert (old.secrets["key"].reveal(), new.secrets["key"].reveal()) == ("old", "rotated")
    source.deploy({"n": 3}, {"key": "again"}, document="{")
    clock.advance(301)
    reader.get("chat")
    old, new = changes[2]
    assert (new.release, new.secrets["key"].reveal()) == (2, "again")
    assert len(changes) == 3


@pytest.mark.parametrize("max_wait", [60, float("inf")])
def test_a_callback_that_raises_hurts_nobody_and_is_logged(
    source: Documents, clock: Any, caplog: pytest.LogCaptureFixture, max_wait: float
) -> None:
    reader = Reader("prod", source=source, clock=clock, max_wait=max_wait)

    def fail(*_: Configuration) -> None:
        raise SystemExit(1)

    def fail_otherwise(_: Configuration, new: Configuration) -> None:
        raise ZeroDivisionError(new.release)

    reader.on_change(fail)
    reader.on_change(fail_otherwise)
    changes = watched(reader)
    reader.get("chat")
    source.deploy({"n": 2})
    clock.advance(301)
    assert reader.get("chat").release == 2
    wait_until(lambda: len(changes) == 1)
    assert "a callback of on_change failed for <Configuration chat" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_what_is_no_function_is_refused(source: Documents, clock: Any) -> None:
    with pytest.raises(UsageError, match="a function of two configurations, not int"):
        reader_of(source, clock).on_change(5)  # type: ignore[arg-type]


def test_from_a_fallback_to_the_real_one_is_a_change(source: Documents, clock: Any) -> None:
    fallback = json.loads(fallback_document([reader_of(source, clock).get("chat")]))
    source.error = StoreUnavailableError("away")
    reader = reader_of(source, clock, fallback=fallback)
    changes = watched(reader)
    assert reader.get("chat").from_fallback
    source.error = None
    clock.advance(61)
    assert not reader.get("chat").from_fallback
    [(old, new)] = changes
    assert (old.from_fallback, new.from_fallback) == (True, False)
    source.error = StoreUnavailableError("away")
    clock.advance(301)
    assert not reader.get("chat").from_fallback  # it was not a cold start
