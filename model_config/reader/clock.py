"""The reader's clock: seconds that include the time a process was frozen, and the time of day."""

from __future__ import annotations

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

    The monotonic clock stops while a Lambda function is frozen or a snapshot waits to be restored,
    so any time that the wall clock gains on it is added. Setting that one back changes nothing.
    """

    __slots__ = ("_monotonic", "_state", "wall")

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic, self.wall = monotonic, wall
        # How far the clocks are apart, and the time of all freezes. Of two threads that notice the
        # same freeze, each sets the same.
        self._state = wall() - monotonic(), 0.0

    def __call__(self) -> float:
        """Return seconds that never go backwards, including those of a freeze."""
        apart, frozen = self._state
        now = self._monotonic()
        gained = self.wall() - now - apart
        if not -TOLERANCE < gained < TOLERANCE:
            frozen += max(0.0, gained)
            self._state = apart + gained, frozen
        return now + frozen
