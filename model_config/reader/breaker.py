"""Whether AWS answers a reader, and when to ask again after it did not: one for all its models.

Without it, each model's next read would find out for itself, and each would wait for a timeout.
"""

from __future__ import annotations

from random import SystemRandom
from typing import NamedTuple

from model_config.reader.states import Problem

#: Seconds of the first pause at most, and of any: ours. The sum of a fleet's attempts during an
#: outage then stays about what it asks for anyway, and all have recovered a minute after its end.
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0

# The system's dice: forked workers and restored snapshots would share the state of Python's own.
_dice = SystemRandom()


def full_jitter(failures: int, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> float:
    """Return the pause after so many failures in a row: anything up to an exponential bound.

    See AWS's "Exponential Backoff And Jitter": of all ways, this one makes the fewest calls.
    """
    return _dice.uniform(0, min(longest, first * 2 ** min(failures - 1, 30)))


class Answers(NamedTuple):
    """The last attempt was answered."""


class Slow(NamedTuple):
    """An attempt has lasted longer than a read may wait, and isn't over."""


class Away(NamedTuple):
    """The last attempt got no answer.

    Attributes:
        problem: why.
        since, failed_at: when the first attempt failed, and the last.
        failures: how many have failed since.
        ask_at: when to try again.
        trying: whether someone does.
    """

    problem: Problem
    since: float
    failed_at: float
    failures: int
    ask_at: float
    trying: bool = False


class Breaker:
    """Opened by an attempt that fails or takes too long, closed by one that is answered.

    It has no lock: its owner's guards it. Times are seconds on its owner's clock.
    """

    def __init__(self) -> None:
        self.state: Answers | Slow | Away = Answers()
        # An attempt that began before this says nothing new.
        self._changed_at = float("-inf")

    @property
    def answers(self) -> bool:
        """Whether a read may wait for its renewal."""
        return isinstance(self.state, Answers)

    def let_through(self, now: float) -> bool:
        """Tell whether a renewal may begin; of several after a pause, only the first."""
        match self.state:
            case Answers():
                return True
            case Away() as away if now >= away.ask_at and not away.trying:
                self.state = away._replace(trying=True)
                return True
        return False

    def ask_at(self, now: float) -> float:
        """Return when to ask again: now, but in a pause."""
        return max(now, self.state.ask_at) if isinstance(self.state, Away) else now

    def pause(self, now: float) -> Away | None:
        """Return why not to ask, even with nothing to serve, or None outside of a pause."""
        return self.state if isinstance(self.state, Away) and now < self.state.ask_at else None

    def too_slow(self) -> None:
        """Note that an attempt lasts longer than a read may wait."""
        if self.answers:
            self.state = Slow()

    def answered(self, now: float) -> None:
        """Note an attempt that got an answer, whatever it says."""
        self.state, self._changed_at = Answers(), now

    def failed(self, problem: Problem, began: float, now: float) -> None:
        """Note an attempt that got none. Several that began together count as one."""
        if began < self._changed_at:
            return
        since, failures = now, 1
        if isinstance(self.state, Away):
            since, failures = self.state.since, self.state.failures + 1
        self.state = Away(problem, since, now, failures, now + full_jitter(failures))
        self._changed_at = now

    def given_up(self) -> None:
        """Note that an attempt ended without telling: it was interrupted, or its process forked."""
        match self.state:
            case Slow():
                self.state = Answers()
            case Away() as away:
                self.state = away._replace(trying=False)
