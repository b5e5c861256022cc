"""The cache: one attempt at a time for each key, however many threads read it.

A read of a fresh value takes no lock, because states are replaced and never changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Generic, Protocol, TypeVar, cast

from model_config.format.errors import ModelConfigError
from model_config.reader.cache.attempts import Loader, ask
from model_config.reader.cache.breaker import Breaker
from model_config.reader.cache.fresh import Fresh
from model_config.reader.cache.memory import Memory
from model_config.reader.cache.rules import (
    Ask,
    Flight,
    Refuse,
    Renew,
    Rule,
    Serve,
    Turn,
    new_flight,
)
from model_config.reader.cache.states import Good, Result, State
from model_config.reader.clock import Clock
from model_config.reader.settings import Times

#: The most attempts at once. Beyond it, only reads that have no value to serve begin another. Set
#: by this package, because botocore keeps ten connections open.
MOST_AT_ONCE = 10
#: The most keys that are renewed together. Set by this package: five models without secrets fill
#: one request of ten names, with a release and a rollout each.
MOST_TOGETHER = 5

KeyT = TypeVar("KeyT")
Key_contra = TypeVar("Key_contra", contravariant=True)
ValueT = TypeVar("ValueT")


class Observer(Protocol[Key_contra, ValueT]):
    """Is notified of attempts, outside of any lock."""

    def landed(self, key: Key_contra, state: State[ValueT], /) -> None:
        """Take note of a key's state after an attempt. It must not raise."""
        ...


class Cache(Generic[KeyT, ValueT]):
    """Values by key, each loaded by one thread, however many read it.

    Args:
        loader: loads the values.
        times: how long values are good, and how long reads wait.
        clock: returns seconds that never go backwards.
        observer: is notified of attempts.
        attempts: the most attempts of a read that has no value to serve.
        fresh: holds the values that need no renewal.
    """

    def __init__(  # noqa: PLR0913 - the parts of a cache
        self,
        loader: Loader[KeyT, ValueT],
        times: Times,
        clock: Clock,
        observer: Observer[KeyT, ValueT],
        *,
        attempts: int = 1,
        fresh: Fresh[KeyT, ValueT] | None = None,
    ) -> None:
        self._loader, self._times, self._clock = loader, times, clock
        self._observer, self._attempts = observer, attempts
        self._memory: Memory[KeyT, ValueT] = Memory(loader.fallback_for, loader.lifetime, times)
        self._fresh = Fresh(clock.wall) if fresh is None else fresh
        self._renewals = self._failures = 0
        self._seconds = 0.0
        self.reset()

    def reset(self) -> None:
        """Drop the attempts under way: a forked child process doesn't have their threads."""
        self._lock = threading.Lock()
        self._flights: dict[KeyT, Flight[KeyT, ValueT]] = {}
        self._memory.breaker.given_up()

    def fresh(self, key: KeyT) -> ValueT | None:
        """Return the key's value if it needs no renewal, without a lock."""
        return self._fresh.get(key)

    def renew(self, key: KeyT, *, always: bool = False) -> ValueT:
        """Return the key's value, after loading it or waiting for the thread that does.

        Args:
            key: the key to read.
            always: whether to load it even if it is fresh.

        Raises:
            ModelConfigError: the attempt failed, and there is no value to serve.
        """
        while True:
            [turn] = self._turns([key], always=always, here=True)
            turn.wait()
            if not turn.interrupted:
                return self._settle(turn)

    async def arenew(self, key: KeyT) -> ValueT:
        """Return what `renew` returns, without blocking the event loop. It can be cancelled."""
        import asyncio  # noqa: PLC0415 - slow to import, and the caller has done so already

        while True:
            [turn] = self._turns([key], always=False, here=False)
            if turn.patience != 0:
                waiting = asyncio.wrap_future(turn.flight)
                try:
                    await asyncio.wait({waiting}, timeout=turn.patience)
                finally:
                    waiting.cancel()  # the attempt itself goes on
            if not turn.interrupted:
                return self._settle(turn)

    def renew_all(
        self, keys: Iterable[KeyT], *, always: bool = False
    ) -> tuple[dict[KeyT, ValueT], list[ModelConfigError]]:
        """Return the values of several keys and the errors of the others, in few requests."""
        values: dict[KeyT, ValueT] = {}
        errors: list[ModelConfigError] = []
        for turn in self._turns(list(keys), always=always, here=True):
            turn.wait()
            try:
                again = turn.interrupted
                values[turn.key] = self.renew(turn.key) if again else self._settle(turn)
            except ModelConfigError as error:
                errors.append(error.with_traceback(None))
        return values, errors

    @property
    def breaker(self) -> Breaker:
        """The breaker that all keys share."""
        return self._memory.breaker

    def counters(self) -> dict[str, float]:
        """Return totals since the cache was created."""
        return {
            "hits": self._fresh.hits,
            "renewals": self._renewals,
            "failures": self._failures,
            "seconds": round(self._seconds, 6),
        }

    def states(self) -> dict[KeyT, State[ValueT]]:
        """Return the state of each key."""
        with self._lock:
            return {**self._memory.served, **self._memory.unserved}

    def _turns(self, keys: list[KeyT], *, always: bool, here: bool) -> list[Turn[KeyT, ValueT]]:
        """Decide what each read does, and begin one attempt for all that need one.

        Args:
            keys: the keys to read.
            always: whether to load values even if they are fresh.
            here: whether to run the attempt in this thread, if it waits for all of them anyway.
        """
        flight: Flight[KeyT, ValueT] = new_flight()
        with self._lock:
            now = self._clock()
            turns = [self._turn(key, flight, now, always=always) for key in keys]
            self._freshen(keys, now)
            own = [key for key, other in self._flights.items() if other is flight]
            wanted = {key: self._memory.last(key) for key in own}
            if any(last is not None for last in wanted.values()) and not always:
                wanted |= self._add_due(flight, now, MOST_TOGETHER - len(wanted))
        if not wanted:
            return turns
        waits = [turn.patience is None for turn in turns if turn.key in wanted]
        if here and all(waits):
            self._run(flight, wanted)
        else:
            self._run_in_thread(flight, wanted)
        return turns

    def _add_due(
        self, flight: Flight[KeyT, ValueT], now: float, most: int
    ) -> dict[KeyT, ValueT | None]:
        """Add keys that are due soon and fit into the same request, and return them."""
        soon = [key for key in self._memory.due_soon(now) if key not in self._flights]
        added = soon[: max(most, 0)]
        self._flights |= dict.fromkeys(added, flight)
        return {key: self._memory.last(key) for key in added}

    def _turn(
        self, key: KeyT, flight: Flight[KeyT, ValueT], now: float, *, always: bool
    ) -> Turn[KeyT, ValueT]:
        under_way = self._flights.get(key)
        hold = under_way is not None or len(set(self._flights.values())) >= MOST_AT_ONCE
        rule: Rule[ValueT] = Ask()
        if not always and not self._times.always:
            rule = self._memory.rule(key, now, hold=hold)
        if isinstance(rule, Ask | Renew) and under_way is None:
            under_way = self._flights[key] = flight
        return Turn(key, rule, under_way or flight)

    def _settle(self, turn: Turn[KeyT, ValueT]) -> ValueT:
        """Return the value for a read that has finished waiting."""
        rule = turn.rule
        if isinstance(rule, Refuse):
            raise rule.error
        if isinstance(rule, Serve):
            return cast(ValueT, rule.value)
        if isinstance(rule, Renew) and not turn.flight.done():
            if rule.patience:
                self._note_slow(turn)
            return cast(ValueT, rule.value)
        return self._memory.outcome(turn.flight.result()[turn.key])

    def _note_slow(self, turn: Turn[KeyT, ValueT]) -> None:
        with self._lock:
            if self._flights.get(turn.key) is turn.flight:
                self._memory.breaker.too_slow()

    def _run_in_thread(
        self, flight: Flight[KeyT, ValueT], wanted: Mapping[KeyT, ValueT | None]
    ) -> None:
        thread = threading.Thread(
            target=self._run, args=(flight, wanted), name="model-config", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no more threads can start, or the interpreter is shutting down
            self._run(flight, wanted)

    def _run(self, flight: Flight[KeyT, ValueT], wanted: Mapping[KeyT, ValueT | None]) -> None:
        """Make the attempt, store the results, and release all waiting reads, whatever happens."""
        began = self._clock()
        results: dict[KeyT, Result[ValueT]] = {}
        try:
            results = ask(self._loader, wanted, self._attempts)
        finally:
            with self._lock:
                now = self._clock()
                landed = self._memory.land(results, began, now)
                self._freshen(landed, now)
                self._count(landed, now - began)
                self._end(flight, interrupted=not landed)
            flight.set_result(landed)
        for key, state in landed.items():
            self._observer.landed(key, state)

    def _freshen(self, keys: Iterable[KeyT], now: float) -> None:
        for key in keys:
            state = self._memory.served.get(key)
            if state is not None and state.ask_at > now:
                self._fresh.put(key, state.value, state.ask_at - now)
            else:
                self._fresh.drop(key)

    def _count(self, landed: Mapping[KeyT, State[ValueT]], seconds: float) -> None:
        good = sum(isinstance(state, Good) for state in landed.values())
        self._renewals += good
        self._failures += len(landed) - good
        self._seconds += seconds

    def _end(self, flight: Flight[KeyT, ValueT], *, interrupted: bool) -> None:
        for key in [key for key, under_way in self._flights.items() if under_way is flight]:
            del self._flights[key]
        if interrupted:
            self._memory.breaker.given_up()
