"""The log of what goes wrong: its begin, another reason, every ten minutes, its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import NamedTuple

#: Seconds after which what still goes wrong is said again: ours.
REPEAT = 600.0

_log = logging.getLogger("model_config.reader")


class _Incident(NamedTuple):
    reason: str
    since: float
    said_at: float


class Incidents:
    """What goes wrong at the moment, by subject.

    Args:
        clock: seconds that never go backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[Hashable, _Incident] = {}
        self._lock = threading.Lock()

    def goes_on(self, subject: Hashable, reason: str, text: str) -> None:
        """Say what goes wrong, if it is new, for another reason, or was not said for a while.

        Args:
            subject: what it goes wrong with.
            reason: what stays the same from one failure to the next.
            text: what to say.
        """
        with self._lock:
            now = self._clock()
            known = self._open.get(subject)
            if known and known.reason == reason and now - known.said_at < REPEAT:
                return
            self._open[subject] = _Incident(reason, known.since if known else now, now)
        # A handler may well read a configuration, so no lock is held here.
        _log.warning("%s", text)

    def ends(self, subject: Hashable, text: str) -> None:
        """Say that nothing goes wrong with the subject any more, if something did."""
        if subject not in self._open:
            return
        with self._lock:
            known = self._open.pop(subject, None)
        if known:
            _log.info("%s, after %.0f s", text, self._clock() - known.since)
