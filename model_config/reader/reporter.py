"""Reports the results of attempts: to the log, and to callbacks for changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from model_config.format.errors import SecretUnavailableError
from model_config.reader.cache.states import Failed, Good, Stale, State, TooOld
from model_config.reader.clock import Clock
from model_config.reader.configuration import Configuration
from model_config.reader.incidents import Incidents
from model_config.reader.loading import Key
from model_config.reader.reading import Reading, Unfollowed
from model_config.reader.secret import Secret

#: Called with the old and the new configuration.
Callback: TypeAlias = Callable[[Configuration, Configuration], object]

_AWS = "AWS"
_log = logging.getLogger("model_config.reader")


class Served(NamedTuple):
    """The configuration that a reader's own unit is served, and since when (seconds since 1970)."""

    configuration: Configuration
    since: float


class Reporter:
    """The observer of a reader's cache.

    Args:
        own: returns the configuration in a reading that the reader's own unit is served.
        clock: the reader's clock.

    Attributes:
        served: what the reader's own unit is served, by key.
    """

    def __init__(self, own: Callable[[Reading], Configuration], clock: Clock) -> None:
        self._own, self._clock = own, clock
        self._incidents = Incidents(clock)
        self._callbacks: list[Callback] = []
        self.served: dict[Key, Served] = {}
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Replace the locks, which a thread that doesn't exist in a forked child may hold."""
        self._lock = threading.Lock()
        self._incidents.reset()

    def on_change(self, callback: Callback) -> None:
        """Call a function after each change from now on."""
        self._callbacks.append(callback)

    def landed(self, key: Key, state: State[Reading]) -> None:
        """Report a key's state after an attempt. Nothing is raised."""
        with suppress(Exception):  # a log handler may raise
            self._write(key, state)
        if not isinstance(state, Failed | TooOld):
            self.serves(key, self._own(state.value))

    def serves(self, key: Key, now: Configuration) -> None:
        """Report what the reader's own unit is served, if it changed."""
        before = self.served.get(key)
        if before is not None and before.configuration is now:
            return
        with self._lock:  # if two threads notice a change, only one reports it
            before = self.served.get(key)
            is_same = before is not None and _is_same(before.configuration, now)
            since = before.since if before is not None and is_same else self._clock.wall()
            self.served[key] = Served(now, since)
        if before is None or is_same:
            return
        for callback in list(self._callbacks):
            try:
                callback(before.configuration, now)
            except Exception:  # noqa: BLE001 - no callback's error may disturb the reader
                _log.exception("a callback of on_change failed for %r", now)

    def _write(self, key: Key, state: State[Reading]) -> None:
        match state:
            case Good(value):
                self._incidents.ends(_AWS, "AWS answers again")
                self._incidents.ends(key, f"{value!r} can be renewed again")
                self._write_rollout(key, value)
            case Stale() | TooOld() | Failed() if state.problem.is_outage:
                text = f"AWS can't be reached. {_still_served(state)}{state.problem.text}"
                self._incidents.goes_on(_AWS, state.problem.reason, text)
            case Stale() | TooOld():
                self._incidents.ends(_AWS, "AWS answers again")
                text = f"{_still_served(state)}{state.problem.text}"
                self._incidents.goes_on(key, state.problem.reason, text)
            case Failed():  # a refusal, which the read raises
                self._incidents.ends(_AWS, "AWS answers again")

    def _write_rollout(self, key: Key, reading: Reading) -> None:
        subject = ("rollout", key)
        if isinstance(rollout := reading.rollout, Unfollowed):
            text = (
                f"release {rollout.plan.release}, the candidate of a rollout, can't be used, so "
                f"every unit is served {reading!r}. {rollout.problem.text}"
            )
            self._incidents.goes_on(subject, rollout.problem.reason, text)
        else:
            self._incidents.ends(subject, f"the rollout from {reading!r} goes on, or is over")


def _still_served(state: Stale[Reading] | TooOld[Reading] | Failed) -> str:
    if isinstance(state, Stale):
        age = state.value.configuration.age
        return f"{state.value!r} is still served, {age:,.0f} s after it was read: "
    return ""


def _is_same(one: Configuration, other: Configuration) -> bool:
    return (
        (one.release, one.digest, one.from_fallback)
        == (other.release, other.digest, other.from_fallback)
        and one.secrets.keys() == other.secrets.keys()
        and all(_is_same_secret(one.secrets[path], other.secrets[path]) for path in one.secrets)
    )


def _is_same_secret(one: Secret, other: Secret) -> bool:
    try:
        return one.reveal() == other.reveal()
    except SecretUnavailableError:  # then neither has a text
        return True
