"""The source of parameters and the clock of a `FakeReader`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from model_config.format.codec import encode
from model_config.format.errors import ModelConfigError, RolloutError
from model_config.format.names import release_name, rollout_name, secret_name
from model_config.format.release import Release, write_release
from model_config.format.rollout import Rollout, RolloutDocument, Step, write_rollout
from model_config.reader.source import Stored

# Constant, so that a key gets the same release in every test run.
_SALT = "0" * 16


class FakeClock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self._now = 0.0
        self._began = time.time()

    def __call__(self) -> float:
        """Return the seconds since the clock was created."""
        return self._now

    def wall(self) -> float:
        """Return seconds since 1970: the time of its creation, plus all advances."""
        return self._began + self._now

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self._now += seconds


class FakeSource:
    """Parameters in memory, with versions and labels.

    Attributes:
        requests: the names in each request, the newest last.
        problem: the error that every request raises, or None.
    """

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.problem: ModelConfigError | None = None
        self._versions: dict[str, dict[int, tuple[str, datetime]]] = {}
        self._ticks = count()  # each write has a time of its own
        self._labels: dict[str, int] = {}

    def look(self, names: Sequence[str]) -> dict[str, Stored]:
        """Return what `get` does, without the texts."""
        return {name: replace(stored, text=None) for name, stored in self.get(names).items()}

    def get(self, names: Sequence[str]) -> dict[str, Stored]:
        """Return parameters by their bare name, leaving out those that don't exist."""
        self.requests.append(list(names))
        if self.problem is not None:
            raise type(self.problem)(str(self.problem))  # a new one for each thread
        found = map(self._find, names)
        return {stored.name: stored for stored in found if stored is not None}

    def close(self) -> None:
        """Do nothing: there are no connections."""

    def deploy(
        self, path: str, content: Release, secrets: Mapping[str, str], number: int | None
    ) -> int:
        """Write a release and its secrets, as a deploy does, and return the release's number.

        Args:
            path: the model's path, "/ai/test/support_chat".
            content: the release, without its secrets.
            secrets: the texts of its secrets by path.
            number: the release's number. Default: the next.
        """
        name = release_name(path)
        text = write_release(replace(content, secrets=tuple(secrets)))
        others = {secret_name(path, secret): encode(value) for secret, value in secrets.items()}
        others |= text.named_parts(path)
        for other, value in others.items():
            self._put(other, value)
        return self._put(name, text.document, number)

    def promote(self, path: str, release: int, label: str) -> None:
        """Move a label to a release of the model with that path."""
        self._labels[f"{release_name(path)}:{label}"] = release

    def roll_out(self, path: str, release: int, label: str, step: Step) -> None:
        """Write a rollout of one step, from the release that the label is on.

        Raises:
            RolloutError: the label is on no release, or the step's share is not valid.
        """
        before = self._labels.get(f"{release_name(path)}:{label}")
        if before is None:
            raise RolloutError(f"{label} is on no release of {path}: set one without percent")
        rollout = Rollout(label, release, before, _SALT, (step,))
        self._put(rollout_name(path), write_rollout(RolloutDocument(rollout=rollout)))

    def _put(self, name: str, text: str, version: int | None = None) -> int:
        versions = self._versions.get(name, {})
        number = version or max(versions, default=0) + 1
        written = datetime.fromtimestamp(0, UTC) + timedelta(seconds=next(self._ticks))
        self._versions[name] = {**versions, number: (text, written)}
        return number

    def _find(self, wanted: str) -> Stored | None:
        name, _, selector = wanted.partition(":")
        versions = self._versions.get(name, {})
        if selector.isdigit():
            version = int(selector)
        else:
            version = self._labels.get(wanted, 0) if selector else max(versions, default=0)
        if version not in versions:
            return None
        return Stored(name, version, *versions[version])
