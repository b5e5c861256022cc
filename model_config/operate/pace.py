"""A rate limit for requests to SSM, so that applications keep their share of the quota."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Lets callers through at a rate, with a burst after a pause. Threads may share it.

    Args:
        rate: callers in a second.
        burst: callers that may go at once.
        clock, sleep: for tests.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap, self._burst = 1 / rate, burst
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = clock() - burst / rate

    def wait(self) -> None:
        """Block until it is the caller's turn."""
        with self._lock:
            now = self._clock()
            turn = max(self._next, now - (self._burst - 1) * self._gap)
            self._next = turn + self._gap
        if turn > now:
            self._sleep(turn - now)
