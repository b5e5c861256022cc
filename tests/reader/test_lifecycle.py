"""Freezes, snapshots, forks and ends of processes."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
from support.documents import Documents
from support.waiting import wait_until

from model_config import Reader
from model_config.reader.reader import SystemClock

CONFIG = {"n": 1}


class Machine:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.monotonic, self.wall = 50.0, 1_800_000_000.0

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.monotonic, lambda: self.wall)

    def runs(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds

    def freezes(self, seconds: float) -> None:
        self.wall += seconds


def test_a_freeze_counts_and_a_wall_clock_that_is_set_back_does_not() -> None:
    machine = Machine()
    clock = machine.clock()
    began = clock()
    machine.runs(10)
    assert clock() - began == 10
    machine.freezes(3_600)
    assert clock() - began == pytest.approx(3_610)
    machine.wall -= 7_200
    assert clock() - began == pytest.approx(3_610)
    machine.runs(5)
    assert clock() - began == pytest.approx(3_615)
    machine.freezes(100)
    assert clock() - began == pytest.approx(3_715)


def test_after_a_freeze_the_age_is_true_and_a_read_asks_again() -> None:
    machine, source = Machine(), Documents()
    source.deploy(CONFIG)
    reader = Reader("prod", source=source, clock=machine.clock(), max_wait=60)
    strict = Reader("prod", source=source, clock=machine.clock(), max_stale=3_600)
    strict.get("chat")
    chat = reader.get("chat")
    machine.runs(10)
    machine.freezes(86_400)
    assert chat.age == pytest.approx(86_410)
    source.deploy({"n": 2})
    assert reader.get("chat")["n"] == 2
    assert strict.get("chat")["n"] == 2  # waited for: the old one is too old


def test_a_restored_snapshot_keeps_what_it_read_and_gets_another_id() -> None:
    source = Documents()
    source.deploy(CONFIG)
    reader = Reader("prod", source=source)
    reader.get("chat")
    unit = reader._unit
    reader.after_restore()
    assert reader._unit != unit
    assert reader.get("chat")["n"] == 1
    assert (len(source.asked), source.closed) == (1, 1)
    gone = weakref.ref(reader)
    del reader  # nobody holds it
    # The thread of its attempt may not have ended.
    wait_until(lambda: gone() is None or gc.collect() < 0)


def test_a_closed_reader_opens_its_connections_again(loopback: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", loopback.url)
    loopback.answers.append(loopback.holds(CONFIG))
    with Reader("prod", ttl=0) as reader:
        assert reader.get("chat")["n"] == 1
        assert reader._source._own is not None
    assert reader._source._own is None
    assert reader.get("chat")["n"] == 1
    assert loopback.asked == 2


FORK = """
import os, sys, threading
from botocore.exceptions import EndpointConnectionError
from model_config import Reader, StoreUnavailableError

class Client:
    away = closed = False
    def __init__(self): self.go, self.asks = threading.Event(), threading.Event()
    def get_parameters(self, **_):
        self.asks.set()
        self.go.wait(timeout=20)
        if self.away: raise EndpointConnectionError(endpoint_url="https://ssm")
        return {"Parameters": []}
    def close(self): self.closed = True

client = Client()
reader = Reader("prod", client=client)
unit = reader._unit
def read():
    try: reader.get("chat")
    except LookupError: pass
thread = threading.Thread(target=read)
thread.start()
client.asks.wait(timeout=10)
# The parent is in the middle of a request, and holds the lock of the store.
with reader._source._lock:
    child = os.fork()
    if child == 0:
        client.go.set()
        try: reader.get("chat")
        except LookupError: pass
        client.away = True
        try: reader.get("another")
        except StoreUnavailableError:
            os._exit(42 if client.closed and reader._unit != unit else 43)
        os._exit(44)
late = threading.Timer(10, os.kill, (child, 9))
late.start()
_, status = os.waitpid(child, 0)
late.cancel()
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


def test_a_wall_clock_that_is_set_back_asks_neither_at_once_nor_never_again() -> None:
    machine, source = Machine(), Documents()
    source.deploy(CONFIG)
    reader = Reader("prod", source=source, clock=machine.clock(), max_wait=60, ttl=300)
    reader.get("chat")
    machine.runs(100)
    machine.wall -= 3_600
    reader.get("chat")
    assert len(source.asked) == 1
    machine.runs(201)
    reader.get("chat")
    assert len(source.asked) == 2
