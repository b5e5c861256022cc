"""What a reader does beside reading: it tells how it is, asks again when told to, and ends."""

from __future__ import annotations

import os
import weakref
from typing import Any, Self

from model_config.reader.cache import Cache
from model_config.reader.clock import Clock
from model_config.reader.configuration import Configuration
from model_config.reader.fresh import FreshReadings
from model_config.reader.loading import Key, ReadingLoader
from model_config.reader.reading import Reading, check_key
from model_config.reader.reporter import Callback, Reporter
from model_config.reader.settings import Times
from model_config.reader.source import Source


class Lifecycle:
    """The part of `Reader` that an application's operation sees."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a reader is put together of
        self,
        environment: str,
        label: str,
        source: Source,
        loader: ReadingLoader,
        times: Times,
        clock: Clock,
        attempts: int,
    ) -> None:
        self._environment, self._label = environment, label
        self._source, self._clock = source, clock
        self._unit = _new_unit()
        self._reporter = Reporter(self._own, clock)
        self._wall = clock.wall
        self._fresh = FreshReadings(clock.wall, label)
        self._plain = self._fresh.plain
        self._cache: Cache[Key, Reading] = Cache(
            loader, times, clock, self._reporter, attempts=attempts, fresh=self._fresh
        )
        _READERS.add(self)

    def refresh(self, *models: str) -> None:
        """Ask AWS now for what was read before, and wait. What fails is in `status()`.

        Args:
            models: the models to ask for. Default: all.
        """
        held = [key for key in self._cache.states() if not models or key[0] in models]
        self._cache.renew_all(held, always=True)

    def on_change(self, callback: Callback) -> None:
        """Call back with the old and the new configuration when what is served has changed.

        That is a new release, a rotated secret, and during a rollout the reader's own id changing
        hands. It is called where the renewal ran, often in a thread of the reader's; what it
        raises is logged.
        """
        self._reporter.on_change(callback)

    def status(self) -> dict[str, Any]:
        """Return what is served, how old it is, and what went wrong, as data that JSON takes.

        `{"environment", "aws": {"state": "answers", "slow" or "away", …}, "models": [{"model",
        "asked_for", "state": "good", "stale", "too old" or "failed", "asked_again_in": seconds,
        "served": {"release", "digest", "from_fallback", "since", "age": seconds, "rollout"},
        "failed": {"since", "failures", "error", "text"}}]}`. Times are UTC, in ISO 8601.
        """
        from model_config.reader.status import describe  # noqa: PLC0415 - for a cold start

        status = describe(
            self._cache.states(), self._reporter.served, self._cache.breaker, self._clock
        )
        return {"environment": self._environment, **status}

    def counters(self) -> dict[str, float]:
        """Return sums since the reader was made, for metrics.

        `hits` are reads served from memory; `renewals` and `failures` attempts to read that were
        answered with something to serve, and that were not; `seconds` the time attempts took.
        """
        return self._cache.counters()

    def close(self) -> None:
        """Give up connections. A later read opens new ones."""
        self._source.close()

    def after_restore(self) -> None:
        """Start afresh where the process is a copy: call it in Lambda SnapStart's restore hook.

        Connections are given up, and the reader draws a new id for rollouts. What was read is kept,
        and its age counts the time in between. A forked process needs no call.
        """
        self._unit = _new_unit()
        self._cache.reset()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _served(self, reading: Reading, key: str | None) -> Configuration:
        unit = self._unit if key is None else check_key(key)
        if reading.rollout is None:
            return reading.configuration
        return reading.serve(unit, self._wall())

    def _own(self, reading: Reading) -> Configuration:
        return self._served(reading, None)


def _new_unit() -> str:
    # Not from Python's dice: forked workers and restored snapshots share their state.
    return os.urandom(16).hex()


# Weak, so that a reader nobody uses any more can go.
_READERS: weakref.WeakSet[Lifecycle] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for reader in list(_READERS):
        reader.after_restore()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
