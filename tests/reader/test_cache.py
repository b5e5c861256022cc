from __future__ import annotations

import logging
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from model_config.format.errors import (
    ModelNotFoundError,
    StaleConfigurationError,
    StoreUnavailableError,
)
from model_config.reader.cache import JITTER, RETRY_AFTER, Cache

AWAY = StoreUnavailableError("AWS is away")


class Source:
    """What a cache loads: a number that counts up, or the error it is told to raise."""

    def __init__(self) -> None:
        self.loads: list[Any] = []
        self.error: BaseException | None = None
        self.before: Callable[[], object] = lambda: None

    def __call__(self, key: str, previous: Any) -> Any:
        self.loads.append(previous)
        number = len(self.loads)
        self.before()
        if self.error:
            raise self.error
        return f"{key}{number}"


@pytest.fixture
def source() -> Source:
    return Source()


def cache_of(source: Source, clock: Any, **settings: Any) -> Cache[str, str]:
    defaults: dict[str, Any] = {
        "stand_in": lambda _: None,
        "lasts": lambda _: False,
        "ttl": 300.0,
        "max_stale": math.inf,
        "background": False,
    }
    return Cache(source, clock=clock, **{**defaults, **settings})


def get(cache: Cache[str, str], key: str = "k") -> str:
    """Read as the reader does."""
    found = cache.fresh(key)
    return found if found is not None else cache.renew(key)


# Time to live


def test_a_value_is_loaded_once_in_its_time_to_live(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    assert get(cache) == "k1"
    clock.advance(300 * (1 - JITTER) - 0.01)
    assert get(cache) == "k1"
    clock.advance(300 * JITTER + 0.02)
    assert get(cache) == "k2"
    assert source.loads == [None, "k1"]


def test_jitter_spreads_the_renewals_of_many(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    for number in range(200):
        get(cache, f"k{number}")
    clock.advance(300 * (1 - JITTER / 2))
    due = sum(cache.fresh(f"k{number}") is None for number in range(200))
    assert 50 < due < 150


def test_a_time_to_live_of_zero_asks_each_time(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, ttl=0)
    assert [get(cache), get(cache), get(cache)] == ["k1", "k2", "k3"]


def test_what_lasts_is_never_asked_for_again(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, lasts=lambda _: True)
    get(cache)
    clock.advance(1e12)
    assert get(cache) == "k1"


# Threads


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """Run the same in that many threads that start together."""
    barrier = threading.Barrier(count)

    def run(_: int) -> Any:
        barrier.wait(timeout=5)
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.parametrize("warm", [True, False])
def test_sixteen_threads_make_one_load(source: Source, clock: Any, *, warm: bool) -> None:
    cache = cache_of(source, clock)
    if warm:
        get(cache)
        clock.advance(301)
        source.loads.clear()
    source.before = lambda: time.sleep(0.05)
    assert at_once(16, lambda: get(cache)) == ["k1"] * 16
    assert len(source.loads) == 1


def test_sixteen_threads_share_one_failure_too(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    source.error = ModelNotFoundError("no such model")

    def fail() -> str:
        with pytest.raises(ModelNotFoundError) as caught:
            get(cache)
        return str(caught.value)

    source.before = lambda: time.sleep(0.05)
    assert at_once(16, fail) == ["no such model"] * 16
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


# Outages


@pytest.mark.parametrize("error", [AWAY, ModelNotFoundError("gone")])
def test_the_last_good_value_goes_on_being_served(
    source: Source, clock: Any, error: Exception
) -> None:
    cache = cache_of(source, clock)
    get(cache)
    source.error = error
    clock.advance(1e6)
    assert get(cache) == "k1"
    source.error = None
    clock.advance(RETRY_AFTER)
    assert get(cache) == "k3"
    assert source.loads == [None, "k1", "k1"]


def test_an_outage_is_asked_about_every_few_seconds_only(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    get(cache)
    source.error = AWAY
    clock.advance(301)
    for _ in range(10):
        get(cache)
    assert len(source.loads) == 2
    clock.advance(RETRY_AFTER)
    get(cache)
    assert len(source.loads) == 3


def test_a_cold_outage_fails_fast_until_it_is_asked_about_again(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock)
    source.error = AWAY
    for _ in range(5):
        with pytest.raises(StoreUnavailableError):
            get(cache)
    assert len(source.loads) == 1
    source.error = None
    clock.advance(RETRY_AFTER)
    assert get(cache) == "k2"


def test_the_error_of_a_cold_outage_does_not_grow_with_each_request(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock)
    source.error = AWAY
    depths = []
    for _ in range(20):
        with pytest.raises(StoreUnavailableError) as caught:
            get(cache)
        depths.append(len(caught.traceback))
    assert depths[-1] == depths[1]


def test_each_outage_is_logged_once_and_its_end_once(
    source: Source, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "model_config")
    cache = cache_of(source, clock)
    get(cache)
    for _ in range(2):
        source.error = AWAY
        for _ in range(5):
            clock.advance(301)
            get(cache)
        source.error = None
        clock.advance(301)
        get(cache)
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO", "WARNING", "INFO"]
    assert "'k1' goes on being served after 301 s, because: AWS is away" in caplog.text


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
    assert len(source.loads) == 3
    source.error = None
    clock.advance(RETRY_AFTER)
    assert get(cache) == "k4"
    assert source.loads[-1] == "k1"


def test_a_stand_in_is_served_in_a_cold_outage_and_given_up_when_it_ends(
    source: Source, clock: Any
) -> None:
    cache = cache_of(source, clock, stand_in=lambda key: f"{key} from a file")
    source.error = AWAY
    assert get(cache) == "k from a file"
    assert get(cache) == "k from a file"
    assert len(source.loads) == 1
    source.error = None
    clock.advance(RETRY_AFTER)
    assert get(cache) == "k2"


def test_a_stand_in_is_not_served_when_aws_answers(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, stand_in=lambda key: f"{key} from a file")
    source.error = ModelNotFoundError("no such model")
    with pytest.raises(ModelNotFoundError):
        get(cache)


# In the background


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.002)
    pytest.fail("it did not come about within a second")


def test_in_the_background_no_request_waits_for_a_renewal(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, background=True)
    get(cache)
    clock.advance(301)
    go = threading.Event()
    source.before = lambda: go.wait(timeout=5)
    assert [get(cache) for _ in range(10)] == ["k1"] * 10
    go.set()
    wait_until(lambda: cache.fresh("k") == "k2")
    assert len(source.loads) == 2


def test_in_the_background_too_max_stale_holds(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, background=True, max_stale=1_000)
    get(cache)
    clock.advance(1_001)
    assert get(cache) == "k2"  # waited for, the old one being too old
    source.error = AWAY
    clock.advance(1_001)
    with pytest.raises(StaleConfigurationError):
        get(cache)


def test_in_the_background_a_failure_keeps_the_old_value(source: Source, clock: Any) -> None:
    cache = cache_of(source, clock, background=True)
    get(cache)
    source.error = AWAY
    clock.advance(301)
    assert get(cache) == "k1"
    wait_until(lambda: cache.fresh("k") == "k1")
    assert len(source.loads) == 2


def test_without_a_thread_to_be_had_the_request_renews_itself(
    source: Source, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_of(source, clock, background=True)
    get(cache)
    clock.advance(301)

    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    assert get(cache) == "k1"
    assert get(cache) == "k2"


# Fork

FORK = """
import math, os, sys, threading, time
from model_config.reader import reader as module
from model_config import Reader

class Client:
    closed = False
    def __init__(self): self.go, self.asks = threading.Event(), threading.Event()
    def get_parameters(self, **_):
        self.asks.set()
        self.go.wait(timeout=20)
        return {"Parameters": []}
    def describe_parameters(self, **_): return {"Parameters": []}
    def close(self): self.closed = True

client = Client()
reader = Reader("prod", client=client)
def read():
    try: reader.get("chat")
    except LookupError: pass
thread = threading.Thread(target=read)
thread.start()
client.asks.wait(timeout=10)
# The parent is in the middle of a request, and holds the cache's lock.
lock = reader._cache._lock
with lock:
    child = os.fork()
    if child == 0:
        client.go.set()
        try: reader.get("chat")
        except LookupError: os._exit(42 if client.closed else 43)
        os._exit(44)
for _ in range(1000):
    done, status = os.waitpid(child, os.WNOHANG)
    if done: break
    time.sleep(0.01)
else:
    os.kill(child, 9)
    status = 9
client.go.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_reads_though_its_parent_was_in_the_middle_of_a_request() -> None:
    project = Path(__file__).parents[2]
    child = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK],
        cwd=project,
        env={"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert child.returncode == 42, child.stderr
