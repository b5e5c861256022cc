"""The reader's clock: seconds that include the time a process was frozen, and the time of day."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

#: The change of the wall clock, in seconds, that counts as a freeze. Set by this package: time
#: servers correct a clock by less, and a time to live is longer.
TOLERANCE = 1.0


class Clock(Protocol):
    """Measures time for a reader. Tests pass a clock that they can set."""

    def __call__(self) -> float:
        """Return seconds that never go backwards."""
        ...

    def wall(self) -> float:
        """Return seconds since 1970, by the machine's wall clock."""
        ...


class SystemClock:
    """The machine's clocks.

    The monotonic clock stops while a Lambda function is frozen or a snapshot waits to be restored.
    Afterwards the wall clock is right again, so any time that it gains on the monotonic clock is
    added. Setting the wall clock back changes nothing.
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
        """Return seconds that never go backwards, including those of a freeze."""
        now = self._monotonic()
        if not -TOLERANCE < self.wall() - now - self._apart < TOLERANCE:
            self._compare()
        return now + self._offset

    def _compare(self) -> None:
        with self._lock:  # if two threads notice a freeze, only one adds it
            apart = self.wall() - self._monotonic()
            if apart - self._apart > TOLERANCE:
                self._offset += apart - self._apart
            self._apart = apart
