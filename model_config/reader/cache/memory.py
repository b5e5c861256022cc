"""A cache's states by key, and its rules: what a read does, and what an attempt changes.

Nothing here waits, makes requests or takes locks. The cache does that, and passes the time in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import SystemRandom
from typing import Any, Generic, TypeVar

from model_config.format.errors import StaleConfigurationError
from model_config.reader.cache.breaker import Away, Breaker
from model_config.reader.cache.rules import Ask, Refuse, Renew, Rule, Serve
from model_config.reader.cache.states import (
    Failed,
    Good,
    Kept,
    Problem,
    Result,
    Stale,
    State,
    TooOld,
)
from model_config.reader.settings import Times

#: The largest part of a lifetime that jitter subtracts. Set by this package, so that a fleet that
#: started together doesn't renew together.
JITTER = 0.1
#: The part of the time to live by which a value is renewed early if that takes no extra request.
#: Set by this package, so that models whose renewals drifted apart share requests again.
EARLY = 0.5
#: The least and the most seconds that a refusal is remembered. Set by this package: a new model is
#: found soon, and a loop that reads a missing one makes few requests.
REFUSED = (1.0, 2.0)
#: The number of remembered failures above which expired ones are dropped. Set by this package.
_KEPT_FAILURES = 100

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
StateT = TypeVar("StateT", bound=State[Any])

_random = SystemRandom()


class Memory(Generic[KeyT, ValueT]):
    """The states by key, and the breaker that they share.

    Args:
        fallback_for: returns what to serve for a key that was never loaded, while AWS is away.
        lifetime: returns the seconds that a value is good for; infinite if it can't change.
        times: the reader's times.
    """

    def __init__(
        self,
        fallback_for: Callable[[KeyT], ValueT | None],
        lifetime: Callable[[ValueT], float],
        times: Times,
    ) -> None:
        self._fallback_for, self._lifetime, self._times = fallback_for, lifetime, times
        self.breaker = Breaker()
        # Two dicts, so that a fresh read needn't check the kind of state.
        self.served: dict[KeyT, Good[ValueT] | Stale[ValueT]] = {}
        self.unserved: dict[KeyT, TooOld[ValueT] | Failed] = {}

    def state(self, key: KeyT) -> State[ValueT] | None:
        """Return a key's state."""
        return self.served.get(key) or self.unserved.get(key)

    def last(self, key: KeyT) -> ValueT | None:
        """Return a key's last good value, even if it is too old to be served."""
        state = self.state(key)
        return None if state is None or isinstance(state, Failed) else state.value

    def due_soon(self, now: float) -> list[KeyT]:
        """Return the keys to renew in the same request as others, those due first at the front."""
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
            key: the key to read.
            now: the time.
            hold: whether no renewal may begin, because one is under way or too many are.
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
        """Return the value for a read that waited for an attempt.

        Raises:
            ModelConfigError: the attempt failed, and there is no value to serve.
        """
        if isinstance(state, TooOld | Failed):
            raise state.problem.error()
        return state.value

    def land(
        self, results: Mapping[KeyT, Result[ValueT]], began: float, now: float
    ) -> dict[KeyT, State[ValueT]]:
        """Store the results of one attempt, and return the new states of its keys."""
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
        lifetime = self._lifetime(result) * (1 - JITTER * _random.random())
        return self._keep(key, Good(result, began, now + lifetime))

    def _renewal(
        self, key: KeyT, last: Good[ValueT] | Stale[ValueT], now: float, *, hold: bool
    ) -> Rule[ValueT]:
        if hold or not self.breaker.let_through(now):
            if away := self.breaker.pause(now):  # until its end, reads take no lock
                self._keep(key, self._aged(last, away.problem, now, away.ask_at))
            return Serve(last.value)
        if self._times.max_wait == math.inf:
            return Ask()
        waits = isinstance(last, Good) and self.breaker.answers
        return Renew(last.value, self._times.max_wait if waits else 0)

    def _in_a_pause(
        self, key: KeyT, last: State[ValueT] | None, away: Away, now: float
    ) -> Rule[ValueT]:
        """Return the rule for a read that has no value to serve, during the breaker's pause."""
        if last is not None and not isinstance(last, Failed):
            aged = self._aged(last, away.problem, now, away.ask_at)
            return Refuse(self._keep(key, aged).problem.error())
        if (fallback := self._fallback_for(key)) is not None:
            self._keep(key, Stale(fallback, now, away.ask_at, away.problem, now, 0))
            return Serve(fallback)
        text = (
            f"no request was made: the last one failed {now - away.failed_at:,.1f} s ago, and the "
            f"next one is made in {away.ask_at - now:,.1f} s. The failure: {away.problem.text}"
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
            fallback = self._fallback_for(key) if problem.is_outage else None
            if fallback is None:
                self._forget_failures(now)
                return self._keep(key, Failed(ask_at, problem, since, failures))
            last = Good(fallback, now, now)
        elif kept is not None:
            last = last._replace(value=kept)
        return self._keep(key, self._aged(last, problem, now, ask_at, 1))

    def _ask_at(self, problem: Problem, now: float, failures: int) -> float:
        if self._times.always:
            return now
        if problem.is_outage:
            return self.breaker.ask_at(now)
        pause = _random.uniform(*REFUSED) * 2.0 ** min(failures - 1, 30)
        return now + min(pause, self._times.ttl)

    def _aged(
        self,
        last: Good[ValueT] | Stale[ValueT] | TooOld[ValueT],
        problem: Problem,
        now: float,
        ask_at: float,
        failed: int = 0,
    ) -> Stale[ValueT] | TooOld[ValueT]:
        """Return the state of a value that could not be renewed."""
        since, before = (now, 0) if isinstance(last, Good) else (last.since, last.failures)
        failures, end = before + failed, last.read_at + self._times.max_stale
        if now <= end:
            # Reads of fresh values check no age, so this one must stop being fresh at its end.
            return Stale(last.value, last.read_at, min(ask_at, end), problem, since, failures)
        text = (
            f"{last.value!r} was read {now - last.read_at:,.0f} s ago, and max_stale allows "
            f"{self._times.max_stale:,.0f} s. It could not be renewed: {problem.text}"
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
        """Drop expired failures, so that reads of ever new names don't fill the memory."""
        if len(self.unserved) > _KEPT_FAILURES:
            for key, state in list(self.unserved.items()):
                if isinstance(state, Failed) and state.ask_at <= now:
                    del self.unserved[key]
