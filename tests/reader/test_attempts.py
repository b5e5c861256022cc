from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.waiting import wait_until

from model_config.format.errors import (
    CredentialsError,
    ModelNotFoundError,
    StaleConfigurationError,
    StoreError,
    StoreUnavailableError,
)
from model_config.reader.cache.breaker import LONGEST_PAUSE, Away, Slow
from model_config.reader.cache.cache import Cache
from model_config.reader.cache.memory import JITTER
from model_config.reader.settings import Times

AWAY = StoreUnavailableError("AWS is away")
PATIENCE = 0.05  # seconds that a renewal is waited for in tests of one that takes longer


class Source:
    """What a cache loads: a number that counts up, or the error it is told to raise."""

    def __init__(self) -> None:
        self.loads: list[Any] = []
        self.requests = 0
        self.error: BaseException | None = None
        self.before: Callable[[], object] = lambda: None
        self.fallbacks: dict[str, str] = {}
        self.lasts = False
        self.landed_with: list[Any] = []

    def prefetched(self, _: Any) -> Source:
        self.requests += 1
        return self

    def load(self, key: str, last: Any) -> Any:
        self.loads.append(last)
        number = len(self.loads)
        self.before()
        if self.error:
            raise self.error
        return f"{key}{number}"

    def fallback_for(self, key: str) -> str | None:
        return self.fallbacks.get(key)

    def lifetime(self, _: str) -> float:
        return math.inf if self.lasts else self.ttl

    def landed(self, _: str, state: Any) -> None:
        self.landed_with.append(state)


@pytest.fixture
def source() -> Source:
    return Source()


def cache_of(source: Source, clock: Any, **settings: Any) -> Cache[str, str]:
    attempts = settings.pop("attempts", 1)
    times = Times(**{"ttl": 300.0, "max_stale": math.inf, "max_wait": 60, **settings})
    source.ttl = times.ttl
    return Cache(source, times, clock, source, attempts=attempts)


def get(cache: Cache[str, str], key: str = "k") -> str:
    """Read as the reader does."""
    found = cache.fresh(key)
    return found if found is not None else cache.renew(key)


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """Run the same in that many threads that start together."""
    barrier = threading.Barrier(count)

    def run(_: int) -> Any:
        barrier.wait(timeout=5)
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


# Time to live


def test_a_value_is_loaded_once_in_its_time_to_live(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    assert get(cache) == "k1"
    clock.advance(300 * (1 - JITTER) - 0.01)
    assert get(cache) == "k1"
    clock.advance(300 * JITTER + 0.02)
    assert get(cache) == "k2"
    assert source.loads == [None, "k1"]
    assert cache.counters() == {"hits": 1, "renewals": 2, "failures": 0, "seconds": 0}


def test_jitter_spreads_the_renewals_of_many(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    for number in range(200):
        get(cache, f"k{number}")
    clock.advance(300 * (1 - JITTER / 2))
    due = sum(cache.fresh(f"k{number}") is None for number in range(200))
    assert 50 < due < 150


def test_a_time_to_live_of_zero_asks_each_time_and_waits(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, ttl=0, max_wait=PATIENCE)
    source.before = lambda: time.sleep(2 * PATIENCE)
    assert [get(cache), get(cache), get(cache)] == ["k1", "k2", "k3"]
    source.error = AWAY
    assert [get(cache), get(cache)] == ["k3", "k3"]
    assert len(source.loads) == 5


def test_what_lasts_is_never_asked_for_again(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    source.lasts = True
    get(cache)
    clock.advance(1e12)
    assert get(cache) == "k1"


# Threads


@pytest.mark.parametrize("warm", [True, False])
def test_sixteen_threads_make_one_load(source: Source, clock: Any, *, warm: bool) -> None:
    cache = cache_of(source, clock)
    if warm:
        get(cache)
        clock.advance(301)
        source.loads.clear()
    source.before = lambda: time.sleep(PATIENCE / 2)
    assert at_once(16, lambda: get(cache)) == ["k1"] * 16
    assert len(source.loads) == 1


def test_sixteen_threads_share_one_failure_and_each_raises_its_own(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock)
    source.error = ModelNotFoundError("no such model")

    def fail() -> Exception:
        with pytest.raises(ModelNotFoundError) as caught:
            get(cache)
        return caught.value

    source.before = lambda: time.sleep(0.05)
    errors = at_once(16, fail)
    assert {str(error) for error in errors} == {"no such model"}
    assert len({id(error) for error in [*errors, source.error]}) == 17
    assert len(source.loads) == 1


def test_two_keys_do_not_wait_for_each_other(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    both_load = threading.Barrier(2)
    source.before = lambda: both_load.wait(timeout=5)  # passes only if both are loading at once
    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(lambda key: get(cache, key), "ab"))) == 2


def test_an_interrupted_load_leaves_nobody_waiting(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    source.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        get(cache)
    source.error = None
    assert get(cache) == "k2"


def test_one_interrupted_thread_does_not_interrupt_those_that_wait(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock)
    leads, go = threading.Event(), threading.Event()

    def interrupt() -> None:
        if len(source.loads) == 1:
            leads.set()
            go.wait(timeout=5)
            raise KeyboardInterrupt

    source.before = interrupt
    with ThreadPoolExecutor(5) as pool:
        interrupted = pool.submit(get, cache)
        assert leads.wait(timeout=5)
        waiting = [pool.submit(get, cache) for _ in range(4)]
        time.sleep(0.05)
        go.set()
        assert [each.result() for each in waiting] == ["k2"] * 4
        assert isinstance(interrupted.exception(), KeyboardInterrupt)


# Nobody waits while there is something to serve


def test_of_all_reads_one_waits_for_the_renewal(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    get(cache)
    clock.advance(301)
    go = threading.Event()
    source.before = lambda: go.wait(timeout=5)
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(get, cache)
        wait_until(lambda: len(source.loads) == 2)
        assert [get(cache) for _ in range(10)] == ["k1"] * 10
        go.set()
        assert leader.result() == "k2"
    assert len(source.loads) == 2


def test_a_read_waits_no_longer_than_it_may_and_then_nobody_waits(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock, max_wait=PATIENCE)
    for key in "abc":
        get(cache, key)
    clock.advance(301)
    go = threading.Event()
    source.before = lambda: go.wait(timeout=5)
    began = time.monotonic()
    assert get(cache, "a") == "a1"
    assert time.monotonic() - began >= PATIENCE
    assert isinstance(cache.breaker.state, Slow)
    assert [get(cache, "b"), get(cache, "c"), get(cache, "a")] == ["b2", "c3", "a1"]
    go.set()
    wait_until(lambda: cache.fresh("a") == "a4")
    assert source.requests == 4  # the others didn't each find out for themselves
    assert cache.breaker.answers


def test_with_a_patience_of_zero_no_read_waits(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, max_wait=0)
    get(cache)
    clock.advance(301)
    go = threading.Event()
    source.before = lambda: go.wait(timeout=5)
    assert [get(cache) for _ in range(10)] == ["k1"] * 10
    go.set()
    wait_until(lambda: cache.fresh("k") == "k2")
    assert len(source.loads) == 2


def test_after_a_failure_renewals_run_behind_the_reads_until_one_succeeds(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock)
    get(cache)
    clock.advance(301)
    source.error = AWAY
    assert get(cache) == "k1"
    clock.advance(LONGEST_PAUSE)
    go = threading.Event()
    source.before, source.error = lambda: go.wait(timeout=5), None
    assert [get(cache) for _ in range(5)] == ["k1"] * 5
    go.set()
    wait_until(lambda: cache.fresh("k") == "k3")
    clock.advance(301)
    assert get(cache) == "k4"  # and now one read waits again


def test_one_models_failure_is_all_models_pause(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    keys = "abcdefgh"
    values = [get(cache, key) for key in keys]
    clock.advance(301)
    source.error = AWAY
    assert [get(cache, key) for key in keys] == values
    assert source.requests == 9
    assert all(cache.fresh(key) for key in keys)  # which takes no lock until the pause ends
    source.error = None
    clock.advance(LONGEST_PAUSE)

    def renewed() -> bool:
        return all(get(cache, key) not in values for key in keys)

    wait_until(renewed)
    assert source.requests == 11


def test_what_is_due_soon_comes_along(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    for key in "abcdefg":
        get(cache, key)
    clock.advance(200)
    get(cache, "late")
    assert source.requests == 8
    clock.advance(100)
    get(cache, "a")
    assert source.requests == 9
    assert len(source.loads) == 13
    assert cache.fresh("late") == "late8"  # not due before half its time to live has passed
    for _ in range(20):
        clock.advance(300 * (1 - JITTER))
        for key in "abcde":
            get(cache, key)
    assert source.requests < 9 + 20 * 2


def test_what_waits_for_aws_comes_along_with_the_first_attempt(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, max_wait=math.inf)
    for key in "abcde":
        get(cache, key)
    clock.advance(300)
    source.error = AWAY
    for key in "abcde":  # each is put off to the end of another pause
        get(cache, key)
        clock.advance(20)
    source.error, source.requests = None, 0
    clock.advance(LONGEST_PAUSE)
    get(cache, "c")
    assert source.requests == 1
    assert all(cache.fresh(key) not in {f"{key}{n}" for n in range(6)} for key in "abcde")


def test_a_few_attempts_at_once_are_enough(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, max_wait=0)
    keys = [f"k{number}-" for number in range(100)]
    for key in keys:
        get(cache, key)
    clock.advance(301)
    source.loads.clear()
    go = threading.Event()
    source.before = lambda: go.wait(timeout=5)
    for key in keys:
        get(cache, key)
    wait_until(lambda: len(source.loads) == 10)
    time.sleep(0.02)
    assert len(source.loads) == 10
    go.set()


def test_without_a_thread_to_be_had_the_request_renews_itself(
    source: Source, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_of(source, clock)
    get(cache)
    clock.advance(301)

    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    assert get(cache) == "k2"


def test_asking_always_waits_and_ignores_every_pause(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    get(cache)
    assert cache.renew("k", always=True) == "k2"
    source.error = AWAY
    assert cache.renew("k", always=True) == "k2"
    source.error = None
    assert cache.renew("k", always=True) == "k4"
    assert get(cache) == "k4"


# Outages


@pytest.mark.parametrize(
    "error",
    [AWAY, ModelNotFoundError("gone"), FileNotFoundError("/var/run/token"), ZeroDivisionError()],
)
def test_the_last_good_value_goes_on_being_served_whatever_goes_wrong(
    source: Source, clock: Any, error: Exception
) -> None:
    cache = cache_of(source, clock)
    get(cache)
    source.error = error
    clock.advance(1e6)
    assert get(cache) == "k1"
    source.error = None
    clock.advance(LONGEST_PAUSE)
    assert get(cache) in {"k1", "k3"}  # behind the read
    wait_until(lambda: cache.fresh("k") == "k3")
    assert source.loads == [None, "k1", "k1"]


def test_an_error_nobody_foresaw_is_told_on_a_first_read(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    source.error = ZeroDivisionError("division by zero")
    with pytest.raises(StoreError, match="unexpected error: ZeroDivisionError: division by zero"):
        get(cache)


def test_pauses_grow_with_each_failure_and_are_drawn_anew(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    get(cache)
    source.error = AWAY
    clock.advance(301)
    pauses = []
    for _ in range(40):
        get(cache)
        wait_until(lambda: isinstance(cache.breaker.state, Away) and not cache.breaker.state.trying)
        wait_until(lambda: cache.fresh("k") is not None)
        pauses.append(cache.breaker.state.ask_at - clock())
        clock.advance(pauses[-1] + 0.001)  # at the very end, seconds since 1970 are too coarse
    assert len(source.loads) == 41
    assert pauses[0] <= 2
    assert max(pauses[:5]) <= 32
    assert 40 < max(pauses) <= LONGEST_PAUSE
    assert 15 < sum(pauses[6:]) / 34 < 45
    assert len(set(pauses)) == 40


def test_a_cold_outage_fails_at_once_until_it_is_asked_about_again(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock)
    source.error = AWAY
    for _ in range(5):
        with pytest.raises(StoreUnavailableError, match="AWS is away"):
            get(cache)
    with pytest.raises(
        StoreUnavailableError, match=r"no request was made: the last one failed 0.0 s"
    ):
        get(cache, "another")
    assert len(source.loads) == 1
    source.error = None
    clock.advance(LONGEST_PAUSE)
    assert get(cache) == "k2"


def test_a_read_with_nothing_else_to_get_asks_a_few_times(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, attempts=3)

    def recover() -> None:
        source.error = AWAY if len(source.loads) < 3 else None

    source.before = recover
    assert get(cache) == "k3"
    clock.advance(301)
    source.before, source.error = lambda: None, AWAY
    assert get(cache) == "k3"
    wait_until(lambda: not cache._flights)
    # A renewal asks once.
    assert len(source.loads) == 4


@pytest.mark.parametrize("error", [CredentialsError("no region"), ModelNotFoundError("gone")])
def test_what_another_attempt_does_not_mend_is_not_attempted_again(
    source: Source, clock: Any, error: Exception
) -> None:
    cache = cache_of(source, clock, attempts=3)
    source.error = error
    with pytest.raises(type(error)):
        get(cache)
    assert len(source.loads) == 1


def test_a_refusal_is_remembered_for_a_second_or_two(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    source.error = ModelNotFoundError("no such model")
    for _ in range(100):
        with pytest.raises(ModelNotFoundError, match="no such model"):
            get(cache)
        clock.advance(0.0099)
    assert len(source.loads) == 1
    source.error = None
    clock.advance(1.02)
    assert get(cache) == "k2"


def test_what_is_refused_though_it_was_good_is_asked_for_ever_less_often(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock)
    get(cache)
    source.error = ModelNotFoundError("the label is gone")
    clock.advance(301)
    for _ in range(600):
        get(cache)
        wait_until(lambda: not cache._flights)
        clock.advance(1)
    assert 8 <= len(source.loads) <= 12
    assert cache.breaker.answers


def test_failures_of_names_that_nobody_asks_for_again_are_forgotten(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock)
    source.error = ModelNotFoundError("no such model")
    for number in range(1_000):
        with pytest.raises(ModelNotFoundError):
            get(cache, f"made up {number}")
        clock.advance(1)
    assert len(cache.states()) <= 110


def test_max_stale_ends_the_serving_of_an_old_value(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, max_stale=1_000)
    get(cache)
    source.error = AWAY
    clock.advance(999)
    assert get(cache) == "k1"
    clock.advance(1.1)  # sooner than the next attempt would be
    for _ in range(3):
        with pytest.raises(StaleConfigurationError, match=r"1,000 s ago.*allows 1,000.*away"):
            get(cache)
    assert len(source.loads) <= 3
    source.error = None
    clock.advance(LONGEST_PAUSE)
    assert get(cache).startswith("k")
    assert source.loads[-1] == "k1"


def test_a_value_too_old_to_serve_is_waited_for(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, max_stale=1_000, max_wait=PATIENCE)
    get(cache)
    clock.advance(1_001)
    source.before = lambda: time.sleep(2 * PATIENCE)
    assert get(cache) == "k2"


def test_a_fallback_is_served_in_a_cold_outage_and_given_up_when_it_ends(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock, attempts=3)
    source.fallbacks["k"] = "k from a file"
    source.error = AWAY
    assert get(cache) == "k from a file"
    assert get(cache) == "k from a file"
    assert len(source.loads) == 1
    source.error = None
    clock.advance(LONGEST_PAUSE)
    get(cache)
    wait_until(lambda: cache.fresh("k") == "k2")


def test_a_cold_start_with_fallbacks_takes_one_attempt_for_all(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    source.fallbacks = {key: f"{key} from a file" for key in "abc"}
    source.error = AWAY
    assert [get(cache, key) for key in "abc"] == list(source.fallbacks.values())
    assert len(source.loads) == 1


def test_a_fallback_is_not_served_when_aws_answers(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    source.fallbacks["k"] = "k from a file"
    source.error = ModelNotFoundError("no such model")
    with pytest.raises(ModelNotFoundError):
        get(cache)


# asyncio


def test_a_wait_in_a_loop_ends_like_any_other(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, max_wait=PATIENCE)
    assert asyncio.run(cache.arenew("k")) == "k1"
    clock.advance(301)
    go = threading.Event()
    source.before = lambda: go.wait(timeout=5)
    assert asyncio.run(cache.arenew("k")) == "k1"  # it waits no longer than it may
    go.set()
    wait_until(lambda: cache.fresh("k") == "k2")
    source.before, source.error = lambda: None, ModelNotFoundError("gone")
    with pytest.raises(ModelNotFoundError):
        asyncio.run(cache.arenew("another"))


def test_a_cancelled_wait_cancels_nobody_elses(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    go = threading.Event()
    source.before = lambda: go.wait(timeout=5)

    async def read() -> list[Any]:
        reads = [asyncio.create_task(cache.arenew("k")) for _ in range(3)]
        await asyncio.sleep(0.02)
        reads[0].cancel()
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*reads, return_exceptions=True)

    cancelled, *others = asyncio.run(read())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert others == ["k1", "k1"]


def test_a_loop_that_ends_first_is_not_missed(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    go = threading.Event()
    source.before = lambda: go.wait(timeout=5)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cache.arenew("k"), timeout=0.02)

    asyncio.run(give_up())
    go.set()
    wait_until(lambda: cache.fresh("k") == "k1")
