"""What a FakeReader asks in place of SSM and of the clock."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from model_config.format.codec import encode
from model_config.format.errors import ModelConfigError, RolloutError
from model_config.format.names import release_name, rollout_name, secret_name
from model_config.format.release import Release, write_release
from model_config.format.rollout import Rollout, RolloutDocument, Step
from model_config.format.rollout_document import write_rollout
from model_config.reader.source import Stored

# The same in each test, so that a key gets the same release each time.
_SALT = "0" * 16


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

    def deploy(
        self, path: str, content: Release, secrets: Mapping[str, str], number: int | None
    ) -> int:
        """Write a release and its secrets as a deploy does; return the release's number.

        Args:
            path: the model's, "/ai/test/support_chat".
            content: the release, but for the names of its secrets.
            secrets: path and text of its secrets.
            number: the release's. Default: the next.
        """
        places = {secret: secret_name(path, secret) for secret in secrets}
        name = release_name(path)
        text = write_release(replace(content, secrets=places), name)
        beside = {places[secret]: encode(value) for secret, value in secrets.items()} | text.parts
        for each, value in beside.items():
            self._put(each, value)
        return self._put(name, text.document, number)

    def promote(self, path: str, release: int, label: str) -> None:
        """Move a label to a release of the model with that path."""
        self._labels[f"{release_name(path)}:{label}"] = release

    def roll_out(self, path: str, release: int, label: str, step: Step) -> None:
        """Write a rollout of one step, from the release that the label is on.

        Raises:
            RolloutError: the label is on none, or the step's share can't be used.
        """
        before = self._labels.get(f"{release_name(path)}:{label}")
        if before is None:
            raise RolloutError(f"{label} is on no release of {path}: set one without percent")
        rollout = Rollout(label, release, before, _SALT, (step,))
        self._put(rollout_name(path), write_rollout(RolloutDocument(rollout=rollout)))

    def _put(self, name: str, text: str, version: int | None = None) -> int:
        versions = self._versions.get(name, {})
        number = version or max(versions, default=0) + 1
        self._versions[name] = {**versions, number: text}
        return number

    def _find(self, wanted: str) -> Stored | None:
        name, _, selector = wanted.partition(":")
        versions = self._versions.get(name, {})
        if selector.isdigit():
            version = int(selector)
        else:
            version = self._labels.get(wanted, 0) if selector else max(versions, default=0)
        return Stored(name, version, versions[version]) if version in versions else None
