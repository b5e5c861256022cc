"""What a reader does in addition to reading: refresh, status, callbacks, closing and forks."""

from __future__ import annotations

import os
import weakref
from typing import Any, Self

from model_config.reader.cache.cache import Cache
from model_config.reader.cache.fresh import FreshReadings
from model_config.reader.clock import Clock
from model_config.reader.configuration import Configuration
from model_config.reader.loading import Key, ReadingLoader
from model_config.reader.reading import Reading, check_key
from model_config.reader.reporter import Callback, Reporter
from model_config.reader.settings import Times
from model_config.reader.source import Source


class Lifecycle:
    """The part of `Reader` that serves an application's operation."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a reader
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
        self.ttl = times.ttl
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
        """Renew what was read before, and wait for it. Failures are in `status()`.

        Args:
            models: the models to renew. Default: all.
        """
        known = [key for key in self._cache.states() if not models or key[0] in models]
        self._cache.renew_all(known, always=True)

    def on_change(self, callback: Callback) -> None:
        """Call a function with the old and the new configuration after each change.

        A change is a new release, a rotated secret, or a step of a rollout that moves the reader's
        own id to the candidate. The call is made in the thread that notices it: that of the
        renewal, often one of the reader's, or of the first read after the step. An exception of
        the function is logged.
        """
        self._reporter.on_change(callback)

    def status(self) -> dict[str, Any]:
        """Return what is served, its age and what went wrong, as plain data for JSON.

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
        """Return totals since the reader was created, for metrics.

        `hits` counts reads served from memory, `renewals` successful attempts to renew, and
        `failures` failed ones. `seconds` is the total time of all attempts.
        """
        return self._cache.counters()

    def close(self) -> None:
        """Close connections. A later read opens new ones."""
        self._source.close()

    def after_restore(self) -> None:
        """Reset a reader in a copy of its process: call it in Lambda SnapStart's restore hook.

        It closes connections and draws a new id for rollouts. Configurations are kept, and their
        age includes the time in between. After a fork it is called automatically.
        """
        self._unit = _new_unit()
        self._cache.reset()
        self._reporter.reset()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _served(self, wanted: Key, reading: Reading, key: str | None) -> Configuration:
        unit = self._unit if key is None else check_key(key)
        if reading.rollout is None:
            return reading.configuration
        configuration = reading.serve(unit, self._wall())
        if key is None:  # a step of the rollout may have moved the reader's own id
            self._reporter.serves(wanted, configuration)
        return configuration

    def _own(self, reading: Reading) -> Configuration:
        return reading.serve(self._unit, self._wall())


def _new_unit() -> str:
    # Not from Python's generator, whose state forked workers and restored snapshots share.
    return os.urandom(16).hex()


# Weak, so that unused readers are garbage-collected.
_READERS: weakref.WeakSet[Lifecycle] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for reader in list(_READERS):
        reader.after_restore()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
