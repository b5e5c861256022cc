"""Signals whose handler raises, at any moment: Ctrl-C, a soft time limit, a request's timeout.

`STEP=1 pytest tests/reader/test_signals.py` interrupts a read at every single one of its bytecodes.
"""

from __future__ import annotations

import _thread
import functools
import math
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from support.aws import Clock
from support.documents import Documents
from support.waiting import wait_until

from model_config import Reader

TTL = 30
# Of the bytecodes at which a read is interrupted, every so many.
STEP = int(os.environ.get("STEP", "101"))


class Interrupted(Exception):  # noqa: N818 - as Celery's SoftTimeLimitExceeded is
    """What a handler raises."""


def no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


class Moment:
    """A signal whose handler runs before one of the bytecodes of the reader's code."""

    def __init__(self, number: float, handler: Callable[[], object]) -> None:
        self.number, self.handler = number, handler
        self.passed, self.was_reached = 0, False

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if "/model_config/" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.passed += 1
            if self.passed == self.number:
                self.was_reached = True
                self.where = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
                sys.settrace(None)
                handle(self)
        return self.trace

    def __enter__(self) -> None:
        # Python 3.12 traces bytecodes only if a frame has asked for it before.
        sys._getframe().f_trace_opcodes = True
        self.before = sys.gettrace()  # the measurement of coverage
        sys.settrace(self.trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)


def handle(moment: Any, _: Any = None) -> None:
    """Do what the moment's handler does. A reader finds it among the handlers of signals."""
    moment.handler()


@contextmanager
def told(where: str) -> Iterator[None]:
    """Say where a read was interrupted if the next ones fail."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"after an interruption in {where}")
        raise


@pytest.fixture(autouse=True)
def _handles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Python ignores what is raised while it collects garbage or closes a generator.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    before = signal.signal(signal.SIGUSR2, handle)
    yield
    signal.signal(signal.SIGUSR2, before)


@pytest.fixture(params=["threads", "no threads", "threads forbidden"])
def max_wait(request: Any, monkeypatch: pytest.MonkeyPatch) -> float:
    if request.param == "threads forbidden":
        monkeypatch.setattr(_thread, "start_new_thread", no_thread)
    return math.inf if request.param == "no threads" else 60


def prepared(max_wait: float, *, warm: bool) -> tuple[Reader, Clock]:
    source, clock = Documents(), Clock()
    source.deploy({"n": 1}, {"key": "x"})
    reader = Reader("prod", source=source, clock=clock, max_wait=max_wait, ttl=TTL)
    if warm:
        reader.get("chat")
        clock.advance(TTL + 1)
    return reader, clock


@functools.cache
def bytecodes(way: str, max_wait: float, *, warm: bool) -> int:  # noqa: ARG001 - of each way
    """Return how many bytecodes of ours a read has."""
    passed = []
    for _ in range(3):  # the first read imports modules, and any may wait longer for a thread
        reader, _ = prepared(max_wait, warm=warm)
        with (never := Moment(math.inf, no_thread)):
            reader.get("chat")
        passed.append(never.passed)
    return min(passed)


def moments(max_wait: float, *, warm: bool) -> range:
    """Return moments within a read, from a random one on, every so many."""
    way = "threads forbidden" if _thread.start_new_thread is no_thread else "threads"
    found = bytecodes(way, max_wait, warm=warm)
    assert found > 2 * STEP
    return range(random.randint(1, STEP), found, STEP)  # noqa: S311


def reads_on(reader: Reader, clock: Clock) -> None:
    """Check that reads go on in this thread and in another."""
    began = time.monotonic()
    clock.advance(TTL + 1)
    wait_until(lambda: reader.get("chat").age < TTL)  # an attempt may be under way
    clock.advance(TTL + 1)
    ages: list[float] = []
    other = threading.Thread(target=lambda: ages.append(reader.get("chat").age))
    if _thread.start_new_thread is not no_thread:
        other.start()
        other.join(timeout=5)
        assert ages == [0]
        clock.advance(TTL + 1)
    assert reader.get("chat").age == 0
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("warm", [True, False])
def test_an_interrupted_read_leaves_nothing_behind(max_wait: float, *, warm: bool) -> None:
    interrupted, planned = 0, moments(max_wait, warm=warm)
    for number in planned:
        raised = Interrupted()

        def handler(error: Interrupted = raised) -> None:
            raise error

        reader, clock = prepared(max_wait, warm=warm)
        moment = Moment(number, handler)
        error = None
        try:
            with moment:
                reader.get("chat")
        except Interrupted as caught:
            error = caught
        assert error in {None, raised}
        interrupted += error is not None
        if moment.was_reached:  # a read that needn't wait for the attempt's thread is shorter
            with told(moment.where):
                reads_on(reader, clock)
    assert interrupted > len(planned) / 2


@pytest.mark.parametrize("warm", [True, False])
def test_a_handler_may_read(max_wait: float, *, warm: bool) -> None:
    handled, planned = 0, moments(max_wait, warm=warm)
    for number in planned:
        reader, clock = prepared(max_wait, warm=warm)
        seen: list[int] = []
        moment = Moment(number, lambda r=reader, s=seen: s.append(r.get("chat").release))
        with moment:
            assert reader.get("chat").release == 1
        if moment.was_reached:
            assert seen == [1]
            reads_on(reader, clock)
            handled += 1
    assert handled > len(planned) / 2


@pytest.mark.parametrize("waits", [True, False])
def test_real_signals_at_random_moments(*, waits: bool) -> None:
    """Interrupt a thread that does nothing but read, five hundred times."""
    source, clock = Documents(), Clock()
    source.deploy({"n": 1}, {"key": "x"})
    reader = Reader("prod", source=source, clock=clock, ttl=TTL, max_wait=60 if waits else math.inf)

    is_reading = False

    def handler(*_: object) -> None:
        if is_reading:
            raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    interrupted = 0
    try:
        for _ in range(500):
            try:
                is_reading = True
                # Again and again, since some are ignored.
                signal.setitimer(signal.ITIMER_REAL, random.uniform(5e-5, 1e-3), 1e-3)  # noqa: S311
                while True:
                    clock.now += TTL + 1
                    reader.get("chat")
            except Interrupted:
                is_reading = False
                interrupted += 1
    finally:
        is_reading = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted == 500
    reads_on(reader, clock)


def test_ctrl_c_goes_to_the_thread_that_got_it_once() -> None:
    source, clock = Documents(), Clock()
    source.deploy({"n": 1})
    source.error = KeyboardInterrupt()
    reader = Reader("prod", source=source, clock=clock, max_wait=math.inf)
    with pytest.raises(KeyboardInterrupt):
        reader.get("chat")
    source.error = None
    assert reader.get("chat").release == 1
