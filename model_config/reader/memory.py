"""What a cache knows by key, and the rules: what a read gets, and what follows from an attempt.

Nothing here waits, asks or locks: its owner does, and hands in the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import SystemRandom
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from model_config.format.errors import ModelConfigError, StaleConfigurationError
from model_config.reader.breaker import Away, Breaker
from model_config.reader.settings import Times
from model_config.reader.states import Failed, Good, Kept, Problem, Result, Stale, State, TooOld

#: The part of a lifetime that jitter may take off: ours, so that a fleet that started together
#: doesn't ask together.
JITTER = 0.1
#: The part of the time to live by which a value is renewed early where that costs no request: ours.
#: Models that outages and first reads have set apart come together again.
EARLY = 0.5
#: Seconds that a refusal is remembered for at least and at most: ours. A model that was just
#: deployed is found soon, and a loop that asks for one that isn't there does no harm.
REFUSED = (1.0, 2.0)
#: Failures kept of keys that were never good, before those that are over are forgotten: ours.
_KEPT_FAILURES = 100

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
StateT = TypeVar("StateT", bound=State[Any])

_dice = SystemRandom()


class Serve(NamedTuple, Generic[ValueT]):
    """A read gets this at once."""

    value: ValueT


class Refuse(NamedTuple):
    """A read gets this error at once."""

    error: ModelConfigError


class Renew(NamedTuple, Generic[ValueT]):
    """A read begins a renewal, waits for it at most so long, and else gets this."""

    value: ValueT
    patience: float


class Ask(NamedTuple):
    """A read has nothing to get before AWS is asked: it waits as long as that takes."""


Rule: TypeAlias = Serve[ValueT] | Refuse | Renew[ValueT] | Ask


class Memory(Generic[KeyT, ValueT]):
    """States by key, and the breaker they share.

    Args:
        stand_in: what to serve for a key that was never good when AWS can't be asked.
        lifetime: seconds that a value is good for; infinite for one that can't change.
        times: the reader's.
    """

    def __init__(
        self,
        stand_in: Callable[[KeyT], ValueT | None],
        lifetime: Callable[[ValueT], float],
        times: Times,
    ) -> None:
        self._stand_in, self._lifetime, self._times = stand_in, lifetime, times
        self.breaker = Breaker()
        # Apart, so that a fresh read need not look which of the two it is.
        self.served: dict[KeyT, Good[ValueT] | Stale[ValueT]] = {}
        self.unserved: dict[KeyT, TooOld[ValueT] | Failed] = {}

    def state(self, key: KeyT) -> State[ValueT] | None:
        """Return what is known of a key."""
        return self.served.get(key) or self.unserved.get(key)

    def last(self, key: KeyT) -> ValueT | None:
        """Return a key's last good value, may it be served or not."""
        state = self.state(key)
        return None if state is None or isinstance(state, Failed) else state.value

    def due_soon(self, now: float) -> list[KeyT]:
        """Return what may as well be renewed now with something else, the soonest due first."""
        early = now + EARLY * self._times.ttl
        due = {
            key: state.ask_at
            for key, state in self.served.items()
            if state.ask_at <= now or (isinstance(state, Good) and state.ask_at <= early)
        }
        return sorted(due, key=lambda key: due[key])

    def rule(self, key: KeyT, now: float, *, hold: bool) -> Rule[ValueT]:
        """Return what a read does.

        Args:
            key: what is read.
            now: the time.
            hold: begin no renewal: there is one under way, or there are too many.
        """
        match state := self.state(key):
            case Good() | Stale() if now < state.ask_at:
                return Serve(state.value)
            case Good() | Stale() if now - state.read_at <= self._times.max_stale:
                return self._renewal(key, state, now, hold=hold)
            case TooOld() | Failed() if now < state.ask_at:
                return Refuse(state.problem.error())
        if away := self.breaker.pause(now):
            return self._in_a_pause(key, state, away, now)
        return Ask()

    def outcome(self, state: State[ValueT]) -> ValueT:
        """Return what a read gets that waited for an attempt.

        Raises:
            ModelConfigError: the attempt failed, and there is nothing to serve.
        """
        if isinstance(state, TooOld | Failed):
            raise state.problem.error()
        return state.value

    def land(
        self, results: Mapping[KeyT, Result[ValueT]], began: float, now: float
    ) -> dict[KeyT, State[ValueT]]:
        """Remember what came of one attempt for some keys, and return what is known from now on."""
        problems = (result for result in results.values() if isinstance(result, Problem))
        outage = next((problem for problem in problems if problem.is_outage), None)
        if outage is not None:
            self.breaker.failed(outage, began, now)
        elif results:
            self.breaker.answered(now)
        return {key: self._land(key, result, began, now) for key, result in results.items()}

    def _land(self, key: KeyT, result: Result[ValueT], began: float, now: float) -> State[ValueT]:
        match result:
            case Problem():
                return self._failed(key, result, now)
            case Kept(value, problem):
                return self._failed(key, problem, now, value)
        lifetime = self._lifetime(result) * (1 - JITTER * _dice.random())
        return self._keep(key, Good(result, began, now + lifetime))

    def _renewal(
        self, key: KeyT, last: Good[ValueT] | Stale[ValueT], now: float, *, hold: bool
    ) -> Rule[ValueT]:
        if hold or not self.breaker.let_through(now):
            if away := self.breaker.pause(now):  # until it is over, reads need no lock
                self._keep(key, self._aged(last, away.problem, now, away.ask_at))
            return Serve(last.value)
        if self._times.max_wait == math.inf:
            return Ask()
        waits = isinstance(last, Good) and self.breaker.answers
        return Renew(last.value, self._times.max_wait if waits else 0)

    def _in_a_pause(
        self, key: KeyT, last: State[ValueT] | None, away: Away, now: float
    ) -> Rule[ValueT]:
        """Return what a read gets that has nothing to get, while AWS is not to be asked."""
        if last is not None and not isinstance(last, Failed):
            aged = self._aged(last, away.problem, now, away.ask_at)
            return Refuse(self._keep(key, aged).problem.error())
        if (stand_in := self._stand_in(key)) is not None:
            self._keep(key, Stale(stand_in, now, away.ask_at, away.problem, now, 0))
            return Serve(stand_in)
        text = (
            f"AWS was not asked: it gave no answer {now - away.failed_at:,.1f} s ago, and will be "
            f"asked again in {away.ask_at - now:,.1f} s. What failed: {away.problem.text}"
        )
        return Refuse(away.problem.kind(text))

    def _failed(
        self, key: KeyT, problem: Problem, now: float, kept: ValueT | None = None
    ) -> State[ValueT]:
        last = self.state(key)
        failures = 1 if last is None or isinstance(last, Good) else last.failures + 1
        ask_at = self._ask_at(problem, now, 1 if isinstance(last, Failed) else failures)
        if last is None or isinstance(last, Failed):
            since = now if last is None else last.since
            stand_in = self._stand_in(key) if problem.is_outage else None
            if stand_in is None:
                self._forget_failures(now)
                return self._keep(key, Failed(ask_at, problem, since, failures))
            last = Good(stand_in, now, now)
        elif kept is not None:
            last = last._replace(value=kept)
        return self._keep(key, self._aged(last, problem, now, ask_at, 1))

    def _ask_at(self, problem: Problem, now: float, failures: int) -> float:
        if self._times.always:
            return now
        if problem.is_outage:
            return self.breaker.ask_at(now)
        pause = _dice.uniform(*REFUSED) * 2.0 ** min(failures - 1, 30)
        return now + min(pause, self._times.ttl)

    def _aged(
        self,
        last: Good[ValueT] | Stale[ValueT] | TooOld[ValueT],
        problem: Problem,
        now: float,
        ask_at: float,
        failed: int = 0,
    ) -> Stale[ValueT] | TooOld[ValueT]:
        """Return what is known of a value that could not be renewed."""
        since, before = (now, 0) if isinstance(last, Good) else (last.since, last.failures)
        failures, end = before + failed, last.read_at + self._times.max_stale
        if now <= end:
            # At its end someone has to look: a fresh read wouldn't.
            return Stale(last.value, last.read_at, min(ask_at, end), problem, since, failures)
        text = (
            f"{last.value!r} was read {now - last.read_at:,.0f} s ago, and max_stale allows "
            f"{self._times.max_stale:,.0f}. It could not be read again: {problem.text}"
        )
        stale = Problem(StaleConfigurationError, text, problem.reason, problem.is_outage)
        return TooOld(last.value, last.read_at, ask_at, stale, since, failures)

    def _keep(self, key: KeyT, state: StateT) -> StateT:
        if isinstance(state, Good | Stale):
            self.served[key] = state
            self.unserved.pop(key, None)
        else:
            self.served.pop(key, None)
            self.unserved[key] = state
        return state

    def _forget_failures(self, now: float) -> None:
        """Keep a program that asks for ever new names from filling the memory."""
        if len(self.unserved) > _KEPT_FAILURES:
            for key, state in list(self.unserved.items()):
                if isinstance(state, Failed) and state.ask_at <= now:
                    del self.unserved[key]
