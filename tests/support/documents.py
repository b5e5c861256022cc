"""A source in memory: what deploys left there, without SSM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from model_config.format.errors import AccessDeniedError
from model_config.format.release import Release, config_text, write_release
from model_config.format.release import digest_of as digest_of_text
from model_config.reader.source import Stored


def digest_of(config: Mapping[str, Any]) -> str:
    return digest_of_text(config_text(config))


class Documents:
    """Parameters by name, each with its versions; a label is on the newest unless it was moved.

    Attributes:
        asked: the names of each request.
        read: the names of those requests that decrypt.
        denied: the names for which a request is refused.
        error: what each request fails with, after `before` was called.
        labels: "name:label" to the version.
    """

    def __init__(self) -> None:
        self.documents: dict[str, list[tuple[str, datetime]]] = {}
        self.labels: dict[str, int] = {}
        self.asked: list[list[str]] = []
        self.read: list[list[str]] = []
        self.dates = count()
        self.denied: set[str] = set()
        self.error: BaseException | None = None
        self.before: Callable[[], object] = lambda: None
        self.closed = 0

    def deploy(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str] | None = None,
        *,
        model: str = "chat",
        document: str | None = None,
        promote: bool = True,
    ) -> int:
        """Write a release of a model in "prod", and return its number."""
        base = f"/ai/prod/{model}"
        content = Release.of(model, "prod", "Chat", config, secrets=secrets or ())
        written = write_release(content)
        for path, text in (secrets or {}).items():
            self.put(f"{base}/secrets/{path}", text)
        for name, text in written.named_parts(base).items():
            self.put(name, text)
        number = self.put(f"{base}/release", document or written.document)
        if promote:
            self.labels[f"{base}/release:stable"] = number
        return number

    def put(self, name: str, text: str) -> int:
        """Write a new version of a parameter, with a date of its own."""
        written = datetime(2026, 12, 1, tzinfo=UTC) + timedelta(seconds=next(self.dates))
        self.documents.setdefault(name, []).append((text, written))
        return len(self.documents[name])

    def get(self, names: Sequence[str]) -> dict[str, Stored]:
        self.read.append(list(names))
        return self._answer(names)

    def look(self, names: Sequence[str]) -> dict[str, Stored]:
        """Return versions and dates, and the texts of rollouts, which are no secrets."""
        answer = self._answer(names).values()
        return {
            each.name: each
            if each.name.endswith("/rollout")
            else Stored(each.name, each.version, None, each.modified)
            for each in answer
        }

    def _answer(self, names: Sequence[str]) -> dict[str, Stored]:
        error = self.error
        self.asked.append(list(names))
        self.before()
        if error is not None:
            raise error
        if refused := self.denied & {name.partition(":")[0] for name in names}:
            raise AccessDeniedError(f"not allowed: {refused}")
        found = map(self._find, names)
        return {stored.name: stored for stored in found if stored}

    @property
    def requests(self) -> int:
        return len(self.asked)

    def close(self) -> None:
        self.closed += 1

    def _find(self, asked: str) -> Stored | None:
        name, _, selector = asked.partition(":")
        texts = self.documents.get(name, [])
        version = len(texts)
        if selector.isdigit():
            version = int(selector)
        elif selector:
            version = self.labels.get(asked, 0)
        return Stored(name, version, *texts[version - 1]) if 0 < version <= len(texts) else None
