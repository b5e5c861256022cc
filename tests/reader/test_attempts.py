"""Attempts: who makes one, who waits for it, and what is served meanwhile."""

from __future__ import annotations

import _thread
import asyncio
import json
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import field_validator
from support.documents import Documents
from support.waiting import wait_until

from model_config import Reader
from model_config.format.errors import (
    AccessDeniedError,
    CredentialsError,
    ModelNotFoundError,
    StaleConfigurationError,
    StoreError,
    StoreUnavailableError,
)
from model_config.reader import attempts as attempts_module
from model_config.reader.attempts import JITTER, LONGEST_PAUSE, TICK
from model_config.reader.files import fallback_document
from model_config.schema import ModelConfig

AWAY = StoreUnavailableError("AWS is away")
PATIENCE = 0.05  # seconds that a renewal is waited for in tests of one that takes longer
SOON = 0.04  # seconds after which an attempt that hangs is given up
TTL = 300.0
MODELS = [f"m{number}" for number in range(50)]


DEPLOYED = Documents()
for _model in ("chat", *MODELS):
    DEPLOYED.deploy({"n": 1}, model=_model)


@pytest.fixture
def source() -> Documents:
    source = Documents()
    source.documents = {name: [*texts] for name, texts in DEPLOYED.documents.items()}
    source.labels = {**DEPLOYED.labels}
    return source


def reader_of(source: Documents, clock: Any, **settings: Any) -> Reader:
    return Reader("prod", source=source, clock=clock, **{"ttl": TTL, "max_wait": 60, **settings})


def due(source: Documents, clock: Any, **settings: Any) -> Reader:
    """Return a reader that has read "chat", whose time to live is over."""
    reader = reader_of(source, clock, **settings)
    reader.get("chat")
    clock.advance(TTL + 1)
    return reader


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """Run the same in that many threads that start together."""
    barrier = threading.Barrier(count)

    def run(_: int) -> Any:
        barrier.wait(timeout=5)
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def is_fresh(reader: Reader, model: str = "chat") -> bool:
    """Tell whether a model was renewed at this moment, without reading it."""
    [status] = [each for each in reader.status()["models"] if each["model"] == model]
    return status["state"] == "good" and status["served"]["age"] == 0


class Gate:
    """What a source waits for."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.opened.wait(timeout=20)


@pytest.fixture
def gate() -> Any:
    gate = Gate()
    yield gate
    gate.opened.set()


# Time to live


def test_a_model_is_read_once_in_its_time_to_live(source: Documents, clock: Any) -> None:
    reader = reader_of(source, clock)
    reader.get("chat")
    clock.advance(TTL * (1 - JITTER) - 0.01)
    reader.get("chat")
    assert source.requests == 1
    clock.advance(TTL * JITTER + 0.02)
    reader.get("chat")
    assert source.requests == 2
    source.error = AWAY
    clock.advance(TTL + 1)
    reader.get("chat")
    assert reader.counters() == {"hits": 1, "renewals": 2, "failures": 1, "seconds": 0}
    source.error = None
    readers = [reader_of(source, clock, max_wait=math.inf) for _ in range(80)]
    for reader in readers:
        reader.get("chat")
    source.asked.clear()
    clock.advance(TTL * (1 - JITTER / 2))
    for reader in readers:
        reader.get("chat")
    assert 15 < source.requests < 65  # jitter spreads them


def test_a_time_to_live_of_zero_asks_each_time_and_waits(source: Documents, clock: Any) -> None:
    reader = reader_of(source, clock, ttl=0, max_wait=PATIENCE)
    reader.get("chat")
    source.before = lambda: time.sleep(2 * PATIENCE)
    clock.advance(1)
    assert (reader.get("chat").age, source.requests) == (0, 2)
    source.before, source.error = lambda: None, AWAY
    clock.advance(1)
    assert [reader.get("chat").age for _ in range(2)] == [1, 1]
    assert source.requests == 4


def test_what_is_read_with_a_class_after_it_was_read_without_is_not_asked_for_again(
    source: Documents, clock: Any
) -> None:
    class Typed(ModelConfig):
        n: int

    reader = reader_of(source, clock)
    reader.preload(["chat"])
    clock.advance(1)
    chat = reader.get("chat", schema=Typed)
    assert (chat.as_model(Typed).n, chat.age, source.requests) == (1, 1, 1)
    clock.advance(TTL)
    assert reader.get("chat", schema=Typed).age == 0


# Threads


@pytest.mark.parametrize("warm", [True, False])
def test_sixteen_threads_make_one_request(source: Documents, clock: Any, *, warm: bool) -> None:
    reader = (due if warm else reader_of)(source, clock)
    source.asked.clear()
    source.before = lambda: time.sleep(PATIENCE / 2)
    assert {chat.release for chat in at_once(16, lambda: reader.get("chat"))} == {1}
    assert source.requests == 1


def test_sixteen_threads_share_one_failure_and_each_raises_its_own(
    source: Documents, clock: Any
) -> None:
    reader = reader_of(source, clock)
    source.error = ModelNotFoundError("no such model")

    def fail() -> Exception:
        with pytest.raises(ModelNotFoundError) as caught:
            reader.get("chat")
        return caught.value

    source.before = lambda: time.sleep(PATIENCE)
    errors = at_once(16, fail)
    assert {str(error) for error in errors} == {"no such model"}
    assert len({id(error) for error in [*errors, source.error]}) == 17
    assert {(error.__cause__, error.__context__) for error in errors} == {(None, None)}
    assert source.requests <= 2  # a denied rollout is left out


def test_what_waits_while_two_attempts_are_under_way_shares_the_next(
    source: Documents, clock: Any, gate: Gate
) -> None:
    reader = reader_of(source, clock)
    source.before = gate
    with ThreadPoolExecutor(22) as pool:
        reads = [pool.submit(reader.get, model) for model in MODELS[:2]]
        wait_until(lambda: source.requests == 2)
        reads += [pool.submit(reader.get, model) for model in MODELS[2:22]]
        wait_until(lambda: len(reader._attempts._waiting) == 20)
        gate.opened.set()
        assert {read.result().release for read in reads} == {1}
    # Of 20 that waited, how many come along at once is chance.
    assert source.requests < 22
    assert max(map(len, source.asked)) > len(source.asked[0])


# Nobody waits while there is something to serve


def test_of_all_reads_one_waits_for_the_renewal_and_with_a_patience_of_zero_none(
    source: Documents, clock: Any, gate: Gate
) -> None:
    reader, impatient = reader_of(source, clock), reader_of(source, clock, max_wait=0)
    reader.get("chat")
    impatient.get("chat")
    clock.advance(TTL + 1)
    source.before = gate
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(reader.get, "chat")
        wait_until(lambda: source.requests == 3)
        for each in (reader, impatient):
            assert [each.get("chat").age for _ in range(10)] == [TTL + 1] * 10
        gate.opened.set()
        assert leader.result().age == 0
    wait_until(lambda: is_fresh(impatient))
    assert source.requests == 4


def test_what_becomes_due_during_a_renewal_is_served_without_another(
    source: Documents, clock: Any, gate: Gate
) -> None:
    reader, many = reader_of(source, clock), MODELS[:10]  # more than go along
    reader.get("chat")
    clock.advance(100)
    reader.get_many(many, label="latest")
    clock.advance(TTL - 99)
    source.before, asked = gate, source.requests
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(reader.get, "chat")
        wait_until(lambda: source.requests == asked + 1)
        clock.advance(100)
        assert {reader.get(model, label="latest").age for model in many} == {TTL + 1}
        assert source.requests == asked + 1
        gate.opened.set()
        leader.result()


def test_a_read_waits_no_longer_than_it_may_and_then_nobody_waits(
    source: Documents, clock: Any, gate: Gate
) -> None:
    reader = reader_of(source, clock, max_wait=PATIENCE)
    for model in MODELS[:3]:
        reader.get(model)
    clock.advance(TTL + 1)
    source.before = gate
    began = time.monotonic()
    assert reader.get("m0").age > TTL
    assert time.monotonic() - began >= PATIENCE
    assert reader.status()["aws"]["state"] == "slow"
    began = time.monotonic()
    assert all(reader.get(model).age > TTL for model in [*MODELS[:3]] * 100)
    assert time.monotonic() - began < 1
    gate.opened.set()
    wait_until(lambda: is_fresh(reader, "m0"))
    assert source.requests == 4  # the others didn't each find out for themselves
    assert reader.status()["aws"]["state"] == "answers"


def test_many_models_have_one_wait(source: Documents, clock: Any, gate: Gate) -> None:
    reader = reader_of(source, clock, max_wait=PATIENCE)
    reader.get_many(MODELS)
    clock.advance(TTL + 1)
    source.before = gate
    waits = []
    real = _thread.allocate_lock

    class Lock:
        def __init__(self) -> None:
            self.lock = real()
            self.release = self.lock.release

        def acquire(self, *, timeout: float = -1) -> bool:
            if threading.current_thread() is threading.main_thread() and timeout > 0:
                waits.append(timeout)
            return self.lock.acquire(timeout=timeout)

    attempts_module._thread = SimpleNamespace(
        allocate_lock=Lock, get_ident=_thread.get_ident, start_new_thread=_thread.start_new_thread
    )
    try:
        assert all(chat.age > TTL for chat in reader.get_many(MODELS).values())
    finally:
        attempts_module._thread = _thread
    assert waits == [PATIENCE]


def test_after_a_failure_renewals_run_behind_the_reads_until_one_succeeds(
    source: Documents, clock: Any, gate: Gate
) -> None:
    reader = due(source, clock)
    source.error = AWAY
    assert reader.get("chat").age == TTL + 1
    clock.advance(LONGEST_PAUSE)
    source.before, source.error = gate, None
    assert {reader.get("chat").age for _ in range(5)} == {TTL + 1 + LONGEST_PAUSE}
    gate.opened.set()
    wait_until(lambda: is_fresh(reader))
    clock.advance(TTL + 1)
    assert reader.get("chat").age == 0  # and now one read waits again


def test_one_models_failure_is_all_models_pause(source: Documents, clock: Any) -> None:
    reader = reader_of(source, clock)
    models = MODELS[:8]
    reader.get_many(models)
    clock.advance(TTL + 1)
    source.error, asked = AWAY, source.requests
    for _ in range(3):
        assert all(reader.get(model).age > TTL for model in models)
    assert source.requests == asked + 1
    source.error = None
    clock.advance(LONGEST_PAUSE)
    wait_until(lambda: all(reader.get(model).age == 0 for model in models))
    assert source.requests == asked + 3


def test_what_is_due_soon_comes_along_if_it_takes_no_request_more(
    source: Documents, clock: Any
) -> None:
    reader = reader_of(source, clock)
    for model in MODELS[:7]:
        reader.get(model)
    clock.advance(TTL - 100)
    reader.get("chat")
    clock.advance(100)
    asked = source.requests
    reader.get("m0")
    assert source.requests == asked + 2  # 14 names
    assert not is_fresh(reader, "chat")  # not due before half its time to live has passed
    for _ in range(10):
        clock.advance(TTL * (1 - JITTER))
        for model in MODELS[:5]:
            reader.get(model)
    assert source.requests < asked + 2 + 10 * 2


def test_without_a_thread_to_be_had_the_read_renews_itself(
    source: Documents, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", no_thread)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    reader = due(source, clock)
    assert reader.get("chat").age == 0
    assert asyncio.run(reader.aget("m0")).release == 1


def test_refresh_waits_and_ignores_every_pause(source: Documents, clock: Any) -> None:
    reader = reader_of(source, clock)
    reader.get("chat")
    clock.advance(1)
    reader.refresh()
    assert is_fresh(reader)
    source.error = AWAY
    clock.advance(1)
    reader.refresh()
    assert reader.get("chat").age == 1
    source.error = None
    reader.refresh()
    assert is_fresh(reader)


# Whatever goes wrong


@pytest.mark.parametrize("max_wait", [60, math.inf])
def test_the_last_good_reading_goes_on_being_served(
    source: Documents, clock: Any, max_wait: float
) -> None:
    reader = reader_of(source, clock, max_wait=max_wait)
    reader.get("chat")
    for error in (
        AWAY,
        ModelNotFoundError("gone"),
        FileNotFoundError("/var/run/token"),
        ZeroDivisionError(),
        SystemExit(1),
        asyncio.CancelledError(),
        GeneratorExit(),
    ):
        source.error = error
        clock.advance(1e6)
        asked = source.requests
        for _ in range(50):
            assert reader.get("chat").age == 1e6
        assert source.requests - asked <= 2
        [status] = reader.status()["models"]
        assert (status["state"], status["failed"]["failures"]) == ("stale", 1)
        source.error = None
        clock.advance(LONGEST_PAUSE)
        wait_until(lambda: reader.get("chat").age == 0)


def test_a_source_that_answers_with_no_mapping_fails_the_attempt(clock: Any) -> None:
    for answer in (None, 5, ["/ai/prod/chat/release"]):
        odd: Any = SimpleNamespace(get=lambda _, it=answer: it, close=lambda: None)
        with pytest.raises(StoreError, match=r"an unexpected error: (Type|Value)Error"):
            Reader("prod", source=odd, clock=clock).get("chat")


def test_a_validator_that_raises_what_no_exception_is_fails_the_renewal(
    source: Documents, clock: Any
) -> None:
    class Exits(ModelConfig):
        n: int

        @field_validator("n")
        @classmethod
        def check(cls, n: int) -> int:
            if n > 1:
                raise SystemExit(n)
            return n

    reader = reader_of(source, clock)
    reader.get("chat", schema=Exits)
    source.deploy({"n": 2})
    clock.advance(TTL + 1)
    asked = source.requests
    for _ in range(50):
        assert reader.get("chat", schema=Exits).release == 1
    assert source.requests - asked <= 3


def test_pauses_grow_with_each_failure_and_are_drawn_anew(source: Documents, clock: Any) -> None:
    reader, pauses = due(source, clock, max_wait=math.inf), []
    source.error = AWAY
    for _ in range(40):
        reader.get("chat")
        pauses.append(reader.status()["aws"]["asked_again_in"])
        clock.advance(pauses[-1] + 0.01)
    assert source.requests == 41
    assert pauses[0] <= 2
    assert max(pauses[:5]) <= 32
    assert 40 < max(pauses) <= LONGEST_PAUSE
    assert 15 < sum(pauses[6:]) / 34 < 45
    assert len(set(pauses)) > 35  # to a millisecond, two may be alike


def test_a_cold_outage_fails_at_once_until_it_is_asked_about_again(
    source: Documents, clock: Any
) -> None:
    source.error = ZeroDivisionError("division by zero")  # that nobody foresaw
    with pytest.raises(StoreError, match="unexpected error: ZeroDivisionError: division by zero"):
        reader_of(source, clock).get("chat")
    reader = reader_of(source, clock)
    source.asked.clear()
    source.error = AWAY
    for _ in range(5):
        with pytest.raises(StoreUnavailableError, match="AWS is away"):
            reader.get("chat")
    with pytest.raises(
        StoreUnavailableError, match=r"no request was made: the last one failed 0.0 s"
    ):
        reader.get("m0")
    assert source.requests == 1
    source.error = None
    clock.advance(LONGEST_PAUSE)
    assert reader.get("chat").release == 1


def test_after_one_failed_renewal_a_model_not_yet_read_is_still_asked_for(
    source: Documents, clock: Any
) -> None:
    reader = due(source, clock)
    source.error = AWAY
    reader.get("chat")
    wait_until(lambda: reader.status()["aws"]["state"] == "away")
    source.error = None
    assert [reader.get(model).release for model in MODELS[:20]] == [1] * 20


def test_a_refusal_is_remembered_for_a_second_or_two(source: Documents, clock: Any) -> None:
    reader = reader_of(source, clock)
    source.error = ModelNotFoundError("no such model")
    for _ in range(100):
        with pytest.raises(ModelNotFoundError, match="no such model"):
            reader.get("chat")
        clock.advance(0.0099)
    assert source.requests == 1
    source.error = None
    clock.advance(1.02)
    assert reader.get("chat").release == 1


def test_what_is_refused_though_it_was_good_is_asked_for_ever_less_often(
    source: Documents, clock: Any
) -> None:
    reader = due(source, clock, max_wait=math.inf)
    source.error, asked = ModelNotFoundError("the label is gone"), source.requests
    for _ in range(600):
        reader.get("chat")
        clock.advance(1)
    assert 8 <= source.requests - asked <= 12
    assert reader.status()["aws"]["state"] == "answers"


def test_a_role_that_is_denied_altogether_makes_few_requests(source: Documents, clock: Any) -> None:
    reader = reader_of(source, clock, max_wait=math.inf)
    reader.get_many(MODELS)
    clock.advance(TTL + 1)
    source.asked.clear()
    source.error = AccessDeniedError("not allowed")
    for _ in range(1_000):
        for model in MODELS[::7]:
            reader.get(model)
        clock.advance(0.01)
    assert source.requests <= 30  # three a second
    source.error = None
    clock.advance(TTL)
    reader.get_many(MODELS)
    assert all(reader.get(model).age == 0 for model in MODELS)


def test_failures_of_names_that_nobody_asks_for_again_are_forgotten(
    source: Documents, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts_module, "KEPT_FAILURES", 10)
    reader = reader_of(source, clock, max_wait=math.inf)
    source.error = ModelNotFoundError("no such model")
    for number in range(40):
        with pytest.raises(ModelNotFoundError):
            reader.get(f"made-up-{number}")
        clock.advance(1)
    assert len(reader.status()["models"]) <= 12


def test_max_stale_ends_the_serving_of_an_old_reading(source: Documents, clock: Any) -> None:
    reader = reader_of(source, clock, max_stale=1_000, max_wait=math.inf)
    reader.get("chat")
    source.error = AWAY
    clock.advance(999)
    assert reader.get("chat").age == 999
    clock.advance(1.1)  # sooner than the next attempt would be
    for _ in range(3):
        with pytest.raises(StaleConfigurationError, match=r"1,000 s ago.*allows 1,000.*away"):
            reader.get("chat")
    assert source.requests <= 3
    source.error = None
    clock.advance(LONGEST_PAUSE)
    assert reader.get("chat").age == 0
    reader = reader_of(source, clock, max_stale=1_000, max_wait=PATIENCE)
    reader.get("chat")
    clock.advance(1_001)
    source.before = lambda: time.sleep(2 * PATIENCE)
    assert reader.get("chat").age == 0  # what is too old is waited for


def with_fallback(source: Documents, clock: Any, **settings: Any) -> Reader:
    built = reader_of(source, clock).get_many(MODELS[:3])
    source.asked.clear()
    fallback = json.loads(fallback_document(built.values()))
    return reader_of(source, clock, fallback=fallback, **settings)


def test_a_cold_start_with_fallbacks_takes_one_attempt_for_all(
    source: Documents, clock: Any
) -> None:
    reader = with_fallback(source, clock)
    source.error = AWAY
    assert all(reader.get(model).from_fallback for model in MODELS[:3] * 2)
    assert source.requests == 1
    source.error = None
    clock.advance(LONGEST_PAUSE)
    wait_until(lambda: not any(reader.get(model).from_fallback for model in MODELS[:3]))


# Whatever hangs


def set_deadline(reader: Reader, seconds: float) -> None:
    """Set when attempts are given up: a short one is for those that hang, others may take long."""
    reader._attempts.times = reader._attempts.times._replace(deadline=seconds)


def test_an_attempt_that_hangs_is_given_up_at_its_deadline(
    source: Documents, clock: Any, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    reader = due(source, clock, max_wait=0)
    source.before = gate
    set_deadline(reader, SOON)
    assert reader.get("chat").age == TTL + 1
    wait_until(lambda: reader.status()["aws"]["state"] == "away")
    assert source.closed == 1
    wait_until(lambda: f"no answer within {SOON} s, so the attempt was given up" in caplog.text)
    set_deadline(reader, 20)
    source.before = lambda: None
    clock.advance(LONGEST_PAUSE)
    reader.get("chat")
    wait_until(lambda: is_fresh(reader))  # while the first still hangs
    assert len(reader.status()["aws"]["hanging"]) == 1


def test_a_read_with_nothing_to_serve_waits_until_the_deadline_and_no_longer(
    source: Documents, clock: Any, gate: Gate
) -> None:
    too_old = reader_of(source, clock, max_stale=1_000)
    too_old.get("chat")
    clock.advance(1_001)
    fallback, empty = with_fallback(source, clock), reader_of(source, clock)
    source.before = gate
    for reader in (too_old, fallback, empty):
        set_deadline(reader, SOON)
    assert fallback.get("m0").from_fallback
    with pytest.raises(StoreUnavailableError, match="given up"):
        empty.get("chat")
    with pytest.raises(StaleConfigurationError, match="given up"):
        too_old.get("chat")


def test_at_most_two_attempts_hang_and_the_next_begins_when_one_ends(
    source: Documents, clock: Any
) -> None:
    gates = [Gate(), Gate()]
    reader = reader_of(source, clock, max_wait=0)
    reader.get("chat")
    set_deadline(reader, SOON)
    for number, gate in enumerate(gates):
        clock.advance(TTL + 1)
        source.before = gate
        reader.get("chat")
        wait_until(lambda n=number: len(reader.status()["aws"].get("hanging", [])) == n + 1)
    set_deadline(reader, 20)
    source.before, asked = lambda: None, source.requests
    clock.advance(TTL + 1)
    assert all(reader.get("chat").age > TTL for _ in range(100))
    with pytest.raises(StoreUnavailableError, match="no request was made"):
        reader.get("m0")
    assert reader.refresh() is None
    assert source.requests == asked
    gates[0].opened.set()
    wait_until(lambda: len(reader.status()["aws"]["hanging"]) == 1)

    def is_renewed() -> bool:
        clock.advance(TICK)  # what hung may have let reads be served at once, for two of these
        return reader.get("chat").age < TTL

    wait_until(is_renewed)
    assert reader.get("m0").release == 1
    gates[1].opened.set()


def test_a_source_whose_close_hangs_too_is_given_up_all_the_same(
    source: Documents, clock: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts_module, "TICK", 0.01)
    source.close = source.before = gate  # type: ignore[method-assign]
    reader = reader_of(source, clock)
    set_deadline(reader, SOON)
    with pytest.raises(StoreUnavailableError, match="given up"):
        reader.get("chat")


def test_the_time_of_a_freeze_counts_as_one_second(
    source: Documents, clock: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = due(source, clock, max_wait=0)
    looks: list[float] = []

    def monotonic() -> float:
        looks.append(3_600.0 * len(looks))  # each look is an hour after the one before
        return looks[-1]

    monkeypatch.setattr(attempts_module, "TICK", 0.001)
    monkeypatch.setattr(
        attempts_module, "time", SimpleNamespace(monotonic=monotonic, sleep=time.sleep)
    )
    source.before = gate
    reader.get("chat")
    wait_until(lambda: len(looks) > 20)
    assert "hanging" not in reader.status()["aws"]
    gate.opened.set()
    wait_until(lambda: is_fresh(reader))


def test_callbacks_that_take_their_time_hold_no_attempt_back(
    source: Documents, clock: Any, gate: Gate
) -> None:
    reader = reader_of(source, clock)
    called: list[str] = []

    def callback(_: Any, new: Any) -> None:
        called.append(new.model)
        gate()
        called.append(f"{new.model} {reader.get(new.model).release}")  # it may read

    reader.on_change(callback)
    for model in MODELS[:2]:
        reader.get(model)
        source.deploy({"n": 2}, model=model)
        clock.advance(TTL + 1)
        assert reader.get(model).release == 2
    wait_until(lambda: len(called) == 2)
    assert reader.get("m7").release == 1
    assert "hanging" not in reader.status()["aws"]
    gate.opened.set()
    wait_until(lambda: sorted(called) == ["m0", "m0 2", "m1", "m1 2"])


# asyncio


def test_a_wait_in_a_loop_ends_like_any_other(source: Documents, clock: Any, gate: Gate) -> None:
    reader = reader_of(source, clock, max_wait=PATIENCE)
    assert asyncio.run(reader.aget("chat")).release == 1
    clock.advance(TTL + 1)
    source.before = gate
    assert asyncio.run(reader.aget("chat")).age == TTL + 1  # it waits no longer than it may
    gate.opened.set()
    wait_until(lambda: is_fresh(reader))
    source.before, source.error = lambda: None, ModelNotFoundError("gone")
    with pytest.raises(ModelNotFoundError):
        asyncio.run(reader.aget("another"))


def test_a_cancelled_wait_cancels_nobody_elses(source: Documents, clock: Any, gate: Gate) -> None:
    reader = reader_of(source, clock)
    source.before = gate

    async def read() -> list[Any]:
        reads = [asyncio.create_task(reader.aget("chat")) for _ in range(3)]
        await asyncio.sleep(0.02)
        reads[0].cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        return await asyncio.gather(*reads, return_exceptions=True)

    cancelled, *others = asyncio.run(read())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert [chat.release for chat in others] == [1, 1]


def test_a_loop_that_ends_first_is_not_missed(source: Documents, clock: Any, gate: Gate) -> None:
    reader = reader_of(source, clock)
    source.before = gate

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.aget("chat"), timeout=0.02)

    asyncio.run(give_up())
    gate.opened.set()
    wait_until(lambda: reader.status()["models"] and is_fresh(reader))


def test_broken_credentials_are_not_tried_again(loopback: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", loopback.url)
    loopback.answers.append(loopback.refuses("ExpiredTokenException", "expired"))
    with pytest.raises(CredentialsError):
        Reader("prod").get("chat")
    assert loopback.asked == 1
