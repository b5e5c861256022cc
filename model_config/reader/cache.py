"""What a reader remembers, and who asks AWS again: one thread at a time for each key.

A value is fresh for its time to live and then asked for again. If that fails, the last good one
goes on being served. A cached read takes no lock: entries never change, they are replaced.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from random import SystemRandom
from typing import Generic, TypeVar

from model_config.format.errors import (
    ModelConfigError,
    StaleConfigurationError,
    StoreUnavailableError,
)

#: Seconds during an outage in which AWS isn't asked again: ours, so that at most one request in
#: that time waits for a timeout. Never more than the time to live.
RETRY_AFTER = 5.0
#: The part of the time to live that jitter may take off: ours, so that a fleet that started
#: together doesn't ask together.
JITTER = 0.1

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry(Generic[ValueT]):
    """What is known for a key.

    Attributes:
        served: what a request gets until `ask_at`; None where it gets `error`.
        last: the last good value, served or not.
        read_at, ask_at: when `last` was asked for, and when to ask again, on the cache's clock.
        error: why the last attempt to ask failed; None if it didn't.
    """

    served: ValueT | None
    last: ValueT | None
    read_at: float
    ask_at: float
    error: ModelConfigError | None = None


class Cache(Generic[KeyT, ValueT]):
    """Values by key, each loaded by one thread however many ask.

    Args:
        load: asks for a key's value; gets the last good one, or None. It may raise.
        stand_in: what to serve for a key when `load` has never succeeded and AWS can't be asked.
        lasts: tells whether a value can never change, so that it need not be asked for again.
        ttl: seconds that a value is fresh; 0 asks each time.
        max_stale: seconds after which the last good value is not served any more.
        background: serve an expired value at once and load behind it.
        clock: seconds that never go backwards.
    """

    def __init__(  # noqa: PLR0913 - each one is a property that a test varies
        self,
        load: Callable[[KeyT, ValueT | None], ValueT],
        *,
        stand_in: Callable[[KeyT], ValueT | None],
        lasts: Callable[[ValueT], bool],
        ttl: float,
        max_stale: float,
        background: bool,
        clock: Callable[[], float],
    ) -> None:
        self._load, self._stand_in, self._lasts = load, stand_in, lasts
        self._ttl, self._max_stale = ttl, max_stale
        self._background = background
        self._clock = clock
        # The system's dice: forked workers would share the state of Python's own.
        self._dice = SystemRandom()
        self._entries: dict[KeyT, _Entry[ValueT]] = {}
        self.after_fork()

    def after_fork(self) -> None:
        """Forget what the parent's threads were at: they don't exist in a forked child."""
        self._lock = threading.Lock()
        self._flights: dict[KeyT, Future[ValueT]] = {}

    def fresh(self, key: KeyT) -> ValueT | None:
        """Return the key's value if it need not be asked for, without a lock."""
        entry = self._entries.get(key)
        return entry.served if entry is not None and self._clock() < entry.ask_at else None

    def renew(self, key: KeyT) -> ValueT:
        """Return the key's value, asking for it or waiting for the thread that does.

        Raises:
            ModelConfigError: what `load` raised, where there is no last good value to serve.
            StaleConfigurationError: there is one, older than `max_stale`.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and self._clock() < entry.ask_at:
                return _outcome(entry)
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        stale = self._servable(entry) if self._background else None
        if leads and stale is not None:
            self._fly_behind(key, entry, flight)
        elif leads:
            self._fly(key, entry, flight)
        return flight.result() if stale is None else stale

    def _fly_behind(self, key: KeyT, entry: _Entry[ValueT] | None, flight: Future[ValueT]) -> None:
        thread = threading.Thread(
            target=self._fly, args=(key, entry, flight), name="model-config", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no thread to be had, or the interpreter is ending
            self._fly(key, entry, flight)

    def _fly(self, key: KeyT, entry: _Entry[ValueT] | None, flight: Future[ValueT]) -> None:
        """Load, remember, and let everyone go who waits, whatever happens."""
        try:
            landed = self._ask(key, entry)
        except BaseException as error:  # noqa: BLE001 - raised where the flight is waited for
            self._land(key, entry)
            flight.set_exception(error)
            return
        self._land(key, landed)
        if landed.served is not None:
            flight.set_result(landed.served)
        else:
            flight.set_exception(landed.error)

    def _land(self, key: KeyT, entry: _Entry[ValueT] | None) -> None:
        with self._lock:
            if entry is not None:
                self._entries[key] = entry
            self._flights.pop(key, None)

    def _ask(self, key: KeyT, entry: _Entry[ValueT] | None) -> _Entry[ValueT]:
        asked_at = self._clock()
        try:
            value = self._load(key, entry.last if entry else None)
        except ModelConfigError as error:
            return self._after_failure(key, entry, error)
        if entry is not None and entry.error is not None:
            _log.info("%r: AWS answers again", value)
        ttl = math.inf if self._lasts(value) else self._ttl * (1 - JITTER * self._dice.random())
        return _Entry(value, value, asked_at, self._clock() + ttl)

    def _after_failure(
        self, key: KeyT, entry: _Entry[ValueT] | None, error: ModelConfigError
    ) -> _Entry[ValueT]:
        """Return what is served from now on: the last good value, the stand-in, or the error.

        Raises:
            ModelConfigError: AWS was asked and refused, and there is nothing to serve. Such an
                answer comes quickly, and may be another one at the next request.
        """
        now = self._clock()
        last, read_at = (entry.last, entry.read_at) if entry else (None, now)
        if last is None:
            if not isinstance(error, StoreUnavailableError):
                raise error
            last, read_at = self._stand_in(key), now
        retry_at = now + min(RETRY_AFTER, self._ttl)
        if last is None:
            return _Entry(None, None, read_at, retry_at, error)
        age = now - read_at
        if age > self._max_stale:
            stale = StaleConfigurationError(
                f"{last!r} was read {age:,.0f} s ago, and max_stale allows {self._max_stale:,.0f}."
                f" It could not be read again: {error}"
            )
            return _Entry(None, last, read_at, retry_at, stale)
        if entry is None or entry.error is None:
            _log.warning("%r goes on being served after %.0f s, because: %s", last, age, error)
        return _Entry(last, last, read_at, min(retry_at, read_at + self._max_stale), error)

    def _servable(self, entry: _Entry[ValueT] | None) -> ValueT | None:
        if entry is None or self._clock() - entry.read_at > self._max_stale:
            return None
        return entry.last


def _outcome(entry: _Entry[ValueT]) -> ValueT:
    if entry.served is not None:
        return entry.served
    if entry.error is None:  # an entry has one or the other
        raise AssertionError
    # Each raise would add to the traceback that the error carries.
    raise entry.error.with_traceback(None)
