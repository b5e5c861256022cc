"""Logs incidents: when they begin, change their reason and end, and every ten minutes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import NamedTuple

#: Seconds after which an incident that goes on is logged again. Set by this package.
REPEAT = 600.0

_log = logging.getLogger("model_config.reader")


class _Incident(NamedTuple):
    reason: str
    since: float
    logged_at: float


class Incidents:
    """The open incidents, by subject.

    Args:
        clock: returns seconds that never go backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[Hashable, _Incident] = {}
        self.reset()

    def reset(self) -> None:
        """Replace the lock, which a thread that doesn't exist in a forked child may hold."""
        self._lock = threading.Lock()

    def goes_on(self, subject: Hashable, reason: str, text: str) -> None:
        """Log an incident if it is new, has another reason, or was last logged a while ago.

        Args:
            subject: what the incident is about.
            reason: identifies the cause, the same for each failure with that cause.
            text: the text to log.
        """
        with self._lock:
            now = self._clock()
            known = self._open.get(subject)
            if known and known.reason == reason and now - known.logged_at < REPEAT:
                return
            self._open[subject] = _Incident(reason, known.since if known else now, now)
        # No lock is held here, because a log handler may read a configuration.
        _log.warning("%s", text)

    def ends(self, subject: Hashable, text: str) -> None:
        """Log the end of the subject's incident, if there is one."""
        if subject not in self._open:
            return
        with self._lock:
            known = self._open.pop(subject, None)
        if known:
            _log.info("%s, after %.0f s", text, self._clock() - known.since)
