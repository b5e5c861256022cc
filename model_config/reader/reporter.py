"""Who is told what came of an attempt: the log, and callbacks that asked for changes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from model_config.format.errors import SecretUnavailableError
from model_config.reader.clock import Clock
from model_config.reader.configuration import Configuration
from model_config.reader.incidents import Incidents
from model_config.reader.loading import Key
from model_config.reader.reading import Reading, Unfollowed
from model_config.reader.secret import Secret
from model_config.reader.states import Failed, Good, Stale, State, TooOld

#: Called with what was served and what is served now.
Callback: TypeAlias = Callable[[Configuration, Configuration], object]

_AWS = "AWS"
_log = logging.getLogger("model_config.reader")


class Served(NamedTuple):
    """What a reader's own unit is served, and since when, in seconds since 1970."""

    configuration: Configuration
    since: float


class Reporter:
    """An observer of a cache.

    Args:
        own: returns what of a reading the reader's own unit is served.
        clock: the reader's.

    Attributes:
        served: by key.
    """

    def __init__(self, own: Callable[[Reading], Configuration], clock: Clock) -> None:
        self._own, self._clock = own, clock
        self._incidents = Incidents(clock)
        self._callbacks: list[Callback] = []
        self.served: dict[Key, Served] = {}

    def on_change(self, callback: Callback) -> None:
        """Call back from now on."""
        self._callbacks.append(callback)

    def landed(self, key: Key, state: State[Reading]) -> None:
        """Be told of one attempt for one key. Nothing is raised."""
        with suppress(Exception):  # a handler of the log's may raise
            self._write(key, state)
        if not isinstance(state, Failed | TooOld):
            self._compare(key, self._own(state.value))

    def _compare(self, key: Key, now: Configuration) -> None:
        before = self.served.get(key)
        if before is not None and _is_same(before.configuration, now):
            return
        self.served[key] = Served(now, self._clock.wall())
        if before is None:
            return
        for callback in list(self._callbacks):
            try:
                callback(before.configuration, now)
            except Exception:  # noqa: BLE001 - whatever it raises, it hurts nobody
                _log.exception("a callback of on_change failed for %r", now)

    def _write(self, key: Key, state: State[Reading]) -> None:
        match state:
            case Good(value):
                self._incidents.ends(_AWS, "AWS answers again")
                self._incidents.ends(key, f"{value!r} can be renewed again")
                self._write_rollout(key, value)
            case Stale() | TooOld() | Failed() if state.problem.is_outage:
                text = f"AWS can't be asked. {_what(state)}{state.problem.text}"
                self._incidents.goes_on(_AWS, state.problem.reason, text)
            case Stale() | TooOld():
                self._incidents.ends(_AWS, "AWS answers again")
                text = f"{_what(state)}{state.problem.text}"
                self._incidents.goes_on(key, state.problem.reason, text)
            case Failed():  # a refusal, which whoever asked is told
                self._incidents.ends(_AWS, "AWS answers again")

    def _write_rollout(self, key: Key, reading: Reading) -> None:
        subject = ("rollout", key)
        if isinstance(rollout := reading.rollout, Unfollowed):
            text = (
                f"release {rollout.plan.release}, the candidate of a rollout, can't be used, so "
                f"all are served {reading!r}. {rollout.problem.text}"
            )
            self._incidents.goes_on(subject, rollout.problem.reason, text)
        else:
            self._incidents.ends(subject, f"the rollout from {reading!r} is followed, or over")


def _what(state: Stale[Reading] | TooOld[Reading] | Failed) -> str:
    if isinstance(state, Stale):
        age = state.value.configuration.age
        return f"{state.value!r} goes on being served after {age:,.0f} s, because: "
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
    except SecretUnavailableError:  # both are locked: what locks one locks all of a reader
        return True
