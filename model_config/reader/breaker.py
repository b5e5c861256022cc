"""A circuit breaker for AWS, shared by all models of a reader: after a failure it sets a pause.

Without it, the next read of each model would wait for a timeout of its own.
"""

from __future__ import annotations

from random import SystemRandom
from typing import NamedTuple

from model_config.reader.states import Problem

#: The longest first pause, and the longest pause, in seconds. Set by this package: in an outage, a
#: fleet makes about as many requests as otherwise, and all have recovered a minute after its end.
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0

# The system's generator: forked workers and restored snapshots share the state of Python's.
_random = SystemRandom()


def full_jitter(failures: int, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> float:
    """Return a random pause, in seconds, below a bound that doubles with each failure in a row.

    See "Exponential Backoff And Jitter" in the AWS Architecture Blog: it makes the fewest calls.
    """
    return _random.uniform(0, min(longest, first * 2 ** min(failures - 1, 30)))


class Answers(NamedTuple):
    """The last attempt was answered."""


class Slow(NamedTuple):
    """An attempt under way has lasted longer than a read may wait."""


class Away(NamedTuple):
    """The last attempt got no answer.

    Attributes:
        problem: why it failed.
        since, failed_at: when the first and the last attempt failed.
        failures: the number of failed attempts since then.
        ask_at: when to try again.
        trying: whether an attempt is under way.
    """

    problem: Problem
    since: float
    failed_at: float
    failures: int
    ask_at: float
    trying: bool = False


class Breaker:
    """Opened by an attempt that fails or takes too long, closed by one that is answered.

    It has no lock of its own: the cache's lock guards it. Times are seconds on the cache's clock.
    """

    def __init__(self) -> None:
        self.state: Answers | Slow | Away = Answers()
        # A failure of an attempt that began before this is not counted again.
        self._changed_at = float("-inf")

    @property
    def answers(self) -> bool:
        """Whether a read may wait for its renewal."""
        return isinstance(self.state, Answers)

    def let_through(self, now: float) -> bool:
        """Return whether a renewal may begin. After a pause, only one may."""
        match self.state:
            case Answers():
                return True
            case Away() as away if now >= away.ask_at and not away.trying:
                self.state = away._replace(trying=True)
                return True
        return False

    def ask_at(self, now: float) -> float:
        """Return when the next attempt may be made: now, or at the end of the pause."""
        return max(now, self.state.ask_at) if isinstance(self.state, Away) else now

    def pause(self, now: float) -> Away | None:
        """Return the state during a pause, in which no request is made, otherwise None."""
        return self.state if isinstance(self.state, Away) and now < self.state.ask_at else None

    def too_slow(self) -> None:
        """Note that an attempt lasts longer than a read may wait."""
        if self.answers:
            self.state = Slow()

    def answered(self, now: float) -> None:
        """Note an attempt that got an answer, even a refusal."""
        self.state, self._changed_at = Answers(), now

    def failed(self, problem: Problem, began: float, now: float) -> None:
        """Note an attempt that got no answer. Several that began together count as one."""
        if began < self._changed_at:
            return
        since, failures = now, 1
        if isinstance(self.state, Away):
            since, failures = self.state.since, self.state.failures + 1
        self.state = Away(problem, since, now, failures, now + full_jitter(failures))
        self._changed_at = now

    def given_up(self) -> None:
        """Note that an attempt ended without a result: by an interruption or a fork."""
        match self.state:
            case Slow():
                self.state = Answers()
            case Away() as away:
                self.state = away._replace(trying=False)
