"""What a long outage costs: memory, requests, log lines; and what it must not."""

from __future__ import annotations

import gc
import json
import logging
import tracemalloc
import weakref
from typing import Any

import pytest
from support.documents import Documents
from support.waiting import wait_until

from model_config import Reader
from model_config.format.errors import (
    AccessDeniedError,
    CredentialsError,
    ModelNotFoundError,
    SecretUnavailableError,
    StaleConfigurationError,
    StoreUnavailableError,
)
from model_config.reader.attempts import LONGEST_PAUSE
from model_config.reader.report import REPEAT

LOGGER = "model_config.reader"


def documents(**models: dict[str, Any]) -> Documents:
    source = Documents()
    for model, config in models.items():
        source.deploy(config, model=model)
    return source


def inline(source: Any, clock: Any, **settings: Any) -> Reader:
    """Return a reader without threads, whose log is the same each time."""
    return Reader("prod", source=source, clock=clock, max_wait=float("inf"), **settings)


# Memory


class Request:
    """What an application holds while it reads."""


def test_many_failed_renewals_cost_no_memory(clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)  # it would keep each line
    models = [f"model_{number}" for number in range(10)]
    source = documents(**{model: {"n": 1} for model in models})
    reader = inline(source, clock)
    reader.preload(models)

    def fail() -> None:
        ballast = bytearray(20_000)  # held by this frame, and so by a traceback of the error
        raise StoreUnavailableError(f"away, with {len(ballast)} bytes")

    source.before = fail

    def renew(times: int) -> None:
        for number in range(times):
            clock.advance(LONGEST_PAUSE)
            reader.refresh(models[number % 10])
        source.asked.clear()
        gc.collect()

    renew(20)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    renew(100)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert reader.counters()["failures"] == 120
    assert grown < 10_000


def test_no_object_of_a_caller_stays_alive(clock: Any) -> None:
    seen = []

    def handle(reader: Reader) -> None:
        request = Request()
        seen.append(weakref.ref(request))
        try:
            reader.get("chat")
        except Exception as caught:  # noqa: BLE001 - whatever it is, the application goes on
            del caught

    for error in (StoreUnavailableError("away"), ModelNotFoundError("gone"), ZeroDivisionError()):
        for is_warm in (True, False):
            source = documents(chat={"n": 1})
            reader = Reader("prod", source=source, clock=clock, max_wait=60)
            if is_warm:
                reader.get("chat")
                clock.advance(301)
            source.error = error
            handle(reader)
    gc.collect()
    assert [request() for request in seen] == [None] * 6


def test_with_expired_credentials_one_client_is_made_in_each_pause(
    loopback: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", loopback.url)
    loopback.answers[:] = [loopback.holds({"n": 1})]
    reader = Reader("prod", clock=clock, max_wait=60)
    reader.get("chat")
    loopback.answers[:] = [loopback.refuses("ExpiredTokenException", "expired")]
    made = []
    opened = type(reader._source)._open
    monkeypatch.setattr(type(reader._source), "_open", lambda self: made.append(1) or opened(self))
    clock.advance(301)
    for _ in range(50):
        reader.get("chat")
    wait_until(lambda: reader.status()["aws"]["state"] == "away")
    assert len(made) <= 1
    before = len(made), loopback.asked
    for _ in range(200):
        reader.get("chat")
    assert (len(made), loopback.asked) == before


# The log


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOGGER)
    return caplog


def lines(log: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.levelname} {record.getMessage()}" for record in log.records]


def test_an_outage_is_logged_when_it_begins_changes_goes_on_and_ends(
    log: pytest.LogCaptureFixture, clock: Any
) -> None:
    source = documents(chat={"n": 1}, embed={"n": 2})
    reader = inline(source, clock)

    def outage(seconds: float) -> None:
        for _ in range(int(seconds / LONGEST_PAUSE)):
            clock.advance(LONGEST_PAUSE)
            reader.get("chat")
            reader.get("embed")

    outage(300)
    source.error = StoreUnavailableError("throttled")
    outage(300)
    source.error = CredentialsError("expired")
    outage(REPEAT + 120)
    source.error = None
    outage(300)
    begins, changes, goes_on, ends = lines(log)
    assert begins.startswith("WARNING AWS can't be reached. <Configuration chat in prod: release 1")
    assert "is still served, " in begins
    assert begins.endswith("throttled")
    assert changes.endswith("expired")
    assert goes_on.endswith("expired")
    assert ends.startswith("INFO AWS answers again, after ")


def test_a_refusal_of_one_model_is_logged_for_that_model(
    log: pytest.LogCaptureFixture, clock: Any
) -> None:
    source = documents(chat={"n": 1})
    reader = inline(source, clock)
    reader.get("chat")
    with pytest.raises(ModelNotFoundError):
        reader.get("never_there")
    assert lines(log) == []
    source.documents.clear()
    for _ in range(5):
        clock.advance(301)
        reader.get("chat")
    source.deploy({"n": 2})
    clock.advance(301)
    assert reader.get("chat")["n"] == 2
    begins, goes_on, goes_on_again, ends = lines(log)
    assert "<Configuration chat in prod: release 1 (stable)> is still served, " in begins
    assert "there is no release of chat in prod" in begins
    assert goes_on != begins != goes_on_again
    assert ends.startswith("INFO <Configuration chat in prod: release 1 (stable)> can be renewed")


def test_a_handler_of_the_log_may_read_a_configuration(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = documents(chat={"n": 1})
    reader = Reader("prod", source=source, clock=clock, max_wait=60)
    reader.get("chat")
    seen = []

    class Handler(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            seen.append(reader.get("chat")["n"])
            raise RuntimeError("a handler's own trouble")

    logger = logging.getLogger(LOGGER)
    monkeypatch.setattr(logger, "handlers", [Handler()])
    source.error = StoreUnavailableError("away")
    clock.advance(301)
    assert reader.get("chat")["n"] == 1
    wait_until(lambda: seen == [1])


# Secrets that are gone, or denied


def test_a_secret_that_is_gone_is_kept_and_one_rotates_although_the_release_cannot_be_used(
    clock: Any,
) -> None:
    source = documents()
    source.deploy({"n": 1}, {"key": "old"})
    reader = inline(source, clock)
    reader.get("chat")
    there = source.documents.pop("/ai/prod/chat/secrets/key")
    clock.advance(301)
    assert reader.get("chat").secrets["key"].reveal() == "old"
    source.documents["/ai/prod/chat/secrets/key"] = there
    source.deploy({"n": 2}, {"key": "rotated"}, document="{")
    clock.advance(301)
    chat = reader.get("chat")
    assert (chat["n"], chat.secrets["key"].reveal()) == (1, "rotated")
    assert reader.status()["models"][0]["state"] == "stale"
    assert chat.age == 602


def test_a_role_without_secrets_reads_the_rest(clock: Any) -> None:
    source = documents()
    source.deploy({"n": 1}, {"key": "text"})
    source.denied = {"/ai/prod/chat/secrets/key"}
    with pytest.raises(AccessDeniedError):
        inline(source, clock).get("chat")
    chat = inline(source, clock, secrets=False).get("chat")
    assert chat["n"] == 1
    with pytest.raises(SecretUnavailableError, match="secrets=False"):
        chat.secrets["key"].reveal()
    clock.advance(301)
    assert len(source.asked[-1]) == 2


def test_the_status_is_data_that_json_takes(clock: Any) -> None:
    source = documents(chat={"n": 1})
    reader = inline(source, clock, max_stale=1_000, ttl=300)
    reader.get("chat")
    clock.advance(100)
    status = reader.status()
    [chat] = json.loads(json.dumps(status))["models"]
    assert status["environment"] == "prod"
    assert status["aws"] == {"state": "answers"}
    assert 170 <= chat.pop("asked_again_in") <= 200
    assert chat == {
        "model": "chat",
        "asked_for": {"label": "stable"},
        "state": "good",
        "served": {
            "release": 1,
            "digest": reader.get("chat").digest,
            "from_fallback": False,
            "since": "2027-01-15T08:16:40.000+00:00",
            "age": 100,
            "rollout": None,
        },
        "failed": None,
    }
    source.error = StoreUnavailableError("away")
    clock.advance(300)
    reader.get("chat")
    status = json.loads(json.dumps(reader.status()))
    assert status["aws"]["state"] == "away"
    assert status["aws"]["problem"] == {"error": "StoreUnavailableError", "text": "away"}
    [chat] = status["models"]
    assert (chat["state"], chat["served"]["release"], chat["served"]["age"]) == ("stale", 1, 400)
    assert chat["failed"] == {
        "since": "2027-01-15T08:23:20.000+00:00",
        "failures": 1,
        "error": "StoreUnavailableError",
        "text": "away",
    }
    clock.advance(1_000)
    with pytest.raises(StaleConfigurationError, match="max_stale allows"):
        reader.get("chat")
    [chat] = json.loads(json.dumps(reader.status()))["models"]
    assert (chat["state"], chat["served"]) == ("too old", None)
    with pytest.raises(StoreUnavailableError):
        Reader("prod", source=source, clock=clock, max_wait=60).get("chat")
