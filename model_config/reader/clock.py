"""Seconds for ages and pauses that a freeze can't hide, and the time of day for rollouts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

#: Seconds by which the wall clock may be set before that counts as a freeze: ours. Time servers
#: correct a clock by less every day, and a time to live is longer.
TOLERANCE = 1.0


class Clock(Protocol):
    """What a reader measures time with. A test has one that it sets."""

    def __call__(self) -> float:
        """Return seconds that never go backwards."""
        ...

    def wall(self) -> float:
        """Return seconds since 1970, as the machine has them."""
        ...


class SystemClock:
    """The machine's clocks.

    The monotonic clock stands still while a Lambda function is frozen or a snapshot waits to be
    restored, and the wall clock is right again afterwards. So what the wall clock gains on the
    monotonic one counts, too. A wall clock that is set back changes nothing.
    """

    __slots__ = ("_apart", "_lock", "_monotonic", "_offset", "wall")

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic, self.wall = monotonic, wall
        self._apart = wall() - monotonic()
        self._offset = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Return seconds that never go backwards, those of a freeze included."""
        now = self._monotonic()
        if not -TOLERANCE < self.wall() - now - self._apart < TOLERANCE:
            self._compare()
        return now + self._offset

    def _compare(self) -> None:
        with self._lock:  # of two threads that notice, one counts it
            apart = self.wall() - self._monotonic()
            if apart - self._apart > TOLERANCE:
                self._offset += apart - self._apart
            self._apart = apart
