"""What a FakeReader asks in place of SSM and of the clock."""

from __future__ import annotations

import time
from collections.abc import Sequence

from model_config.format.errors import ModelConfigError
from model_config.reader.source import Stored


class FakeClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self._now = 0.0
        self._began = time.time()

    def __call__(self) -> float:
        """Return the seconds that have passed."""
        return self._now

    def wall(self) -> float:
        """Return seconds since 1970: the time when it was made, and what passed since."""
        return self._began + self._now

    def advance(self, seconds: float) -> None:
        """Let seconds pass."""
        self._now += seconds


class FakeSource:
    """Parameters in memory, with versions and labels, by the names that a reader asks for.

    Attributes:
        requests: the names in each request, newest last.
        problem: what each request fails with, while there is something.
    """

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.problem: ModelConfigError | None = None
        self._versions: dict[str, dict[int, str]] = {}
        self._labels: dict[str, int] = {}

    def get(self, names: Sequence[str]) -> dict[str, Stored]:
        """Return parameters by their bare name; those that don't exist are left out."""
        self.requests.append(list(names))
        if self.problem is not None:
            raise type(self.problem)(str(self.problem))  # a new one for each thread
        found = map(self._find, names)
        return {stored.name: stored for stored in found if stored is not None}

    def close(self) -> None:
        """Do nothing: there are no connections."""

    def put(self, name: str, text: str, version: int | None = None) -> int:
        """Write a version of a parameter, by default the next, and return its number."""
        versions = self._versions.get(name, {})
        number = version or max(versions, default=0) + 1
        self._versions[name] = {**versions, number: text}
        return number

    def label(self, name: str, version: int, label: str) -> None:
        """Move a label to a version."""
        self._labels[f"{name}:{label}"] = version

    def _find(self, wanted: str) -> Stored | None:
        name, _, selector = wanted.partition(":")
        versions = self._versions.get(name, {})
        if selector.isdigit():
            version = int(selector)
        else:
            version = self._labels.get(wanted, 0) if selector else max(versions, default=0)
        return Stored(name, version, versions[version]) if version in versions else None
