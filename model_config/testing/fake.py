"""For tests of applications: a reader that needs no AWS.

reader = FakeReader({"support_chat": {"model_id": "m"}}, secrets={"support_chat": {"api_key": "x"}})
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from model_config.format import names
from model_config.format.codec import encode
from model_config.format.errors import (
    ModelConfigError,
    RolloutError,
    StoreUnavailableError,
    UsageError,
)
from model_config.format.prompt import texts
from model_config.format.release import Release, ReleaseText, read_release, write_release
from model_config.format.rollout import Rollout, RolloutDocument, Step, write_rollout
from model_config.reader import files, source
from model_config.reader.reader import Reader


class FakeReader(Reader):
    """A reader of releases in memory. It returns and raises what the real one does.

    Its clock stands still, except for `advance`.

    Args:
        configurations: the values of each model, nested as in the schema, by the model's name. They
            become releases that have the reader's label.
        secrets: the secrets of each model: texts by path ("api_key", "keys/primary").
        environment: the environment of the configurations.
        release: the number of these releases.
        label, ttl, max_stale: as for `Reader`.
        fallback: what is served in an outage if nothing was read before: a file, as for `Reader`,
            or values by model, as in `configurations`.

    Raises:
        ReleaseError: a release can't hold one of the values, or the fallback is not valid.
        UsageError: an argument is not valid.
    """

    def __init__(  # noqa: PLR0913 - settings, all with a default and all but the first by name
        self,
        configurations: Mapping[str, Mapping[str, Any]],
        *,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        environment: str = "test",
        release: int = 1,
        label: str | None = None,
        ttl: float = 30.0,
        max_stale: float | None = None,
        fallback: str | Path | Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        if isinstance(fallback, Mapping):
            kept = FakeReader(fallback, environment=environment, release=release, label=label)
            fallback = json.loads(files.fallback_document(map(kept.get, fallback)))
        self._fake_source, self._fake_clock = _Source(), _Clock()
        super().__init__(
            environment,
            label=label,
            ttl=ttl,
            max_stale=max_stale,
            max_wait=math.inf,  # no threads, so that tests are deterministic
            fallback=fallback,
            source=self._fake_source,
            clock=self._fake_clock,
        )
        self._texts: dict[str, Mapping[str, str]] = dict(secrets or {})
        for model, config in configurations.items():
            self.set(model, config, release=release)

    @classmethod
    def from_project(
        cls,
        folder: str | Path,
        stack: str,
        *,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        release: int = 1,
        **options: Any,
    ) -> FakeReader:
        """Return a reader of the models that a project's stack deploys, with their overrides.

        It needs `model-config[cli]`, and no AWS. `folder` is the project's or one in it, and the
        options are as for `FakeReader`. Secrets without a text get the text "secret".

        Raises:
            InvalidConfigurationError: holds every finding in the project's files.
            ProjectNotFoundError: the folder is not in a project.
        """
        try:  # an application may not have pydantic and PyYAML, which they import
            from model_config.plan.plan import valid_plan  # noqa: PLC0415
            from model_config.plan.project import Project  # noqa: PLC0415
        except ImportError as error:
            raise UsageError(
                f"FakeReader.from_project reads a project's own files, and {error.name} is not "
                "installed: install model-config with its extra [cli]"
            ) from None

        plan = valid_plan(Project.find(Path(folder).resolve()), stack)
        reader = cls({}, environment=plan.settings.environment, **options)
        for model in plan.models:
            content = _read(model.release, model.path)
            given = (secrets or {}).get(content.model, {})
            texts = dict.fromkeys(content.secrets, "secret") | dict(given)
            reader._add(content, texts, release)
        return reader

    @property
    def requests(self) -> list[list[str]]:
        """The names of the parameters in each request to AWS, the newest request last."""
        return self._fake_source.requests

    def set(  # noqa: PLR0913 - the parts of a release
        self,
        model: str,
        config: Mapping[str, Any],
        *,
        secrets: Mapping[str, str] | None = None,
        release: int | None = None,
        label: str | None = None,
        percent: float | None = None,
    ) -> None:
        """Create a release and move a label to it, as a deploy and a promotion do.

        The next read returns it.

        Args:
            model: the model's name.
            config: its values, nested as in the schema.
            secrets: the texts of its secrets by path. Default: those it has.
            release: the release's number. Default: the next.
            label: the label to move to it. Default: the reader's.
            percent: roll the release out to this share of keys, in percent, instead.

        Raises:
            ReleaseError: a release can't hold one of the values.
            RolloutError: the share is not valid, or the label is on no release.
            UsageError: the model's name, the number or the label is not valid.
        """
        if label is not None:
            names.check_label(label)
        if release is not None:
            names.check_release(release)
        content = Release.of(model, self._environment, "FakeReader", config)
        content = content._replace(templates=tuple(texts(content.config)))
        kept = self._texts.get(model, {}) if secrets is None else secrets
        self._add(content, kept, release, label, percent)

    def advance(self, seconds: float) -> None:
        """Advance the clock. Configurations age, and are renewed once their `ttl` is over."""
        self._fake_clock.advance(seconds)

    @contextmanager
    def outage(self, error: ModelConfigError | None = None) -> Iterator[None]:
        """Make every request fail within a `with` block.

        What was read before is still served. Other reads are served from the fallback, or raise
        this error; by default, that AWS can't be reached. A fresh configuration needs no request:
        `advance` beyond its `ttl` first.
        """
        self._fake_source.problem = error or StoreUnavailableError("a simulated outage")
        try:
            yield
        finally:
            self._fake_source.problem = None

    def _add(
        self,
        content: Release,
        secrets: Mapping[str, str],
        release: int | None,
        label: str | None = None,
        percent: float | None = None,
    ) -> None:
        path, chosen = names.model_path(self._path, content.model), label or self._label
        version = self._fake_source.deploy(path, content, secrets, release)
        self._texts[content.model] = dict(secrets)
        if percent is not None:
            began = datetime.fromtimestamp(self._fake_clock.wall(), UTC)
            self._fake_source.roll_out(path, version, chosen, Step(began, percent))
        elif chosen != names.LATEST:
            self._fake_source.promote(path, version, chosen)
        self.refresh(content.model)


def _read(text: ReleaseText, path: str) -> Release:
    return read_release(text.document, path, lambda _: text.named_parts(path))


class _Clock:
    def __init__(self) -> None:
        self._now, self._began = 0.0, time.time()

    def __call__(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._began + self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


class _Source:
    """Parameters in memory, with versions and labels."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.problem: ModelConfigError | None = None
        self._held: dict[str, list[dict[str, Any]]] = {}
        self._ticks = count()  # each write has a time of its own

    def look(self, names: Sequence[str]) -> dict[str, source.Stored]:
        found = self.get(names).values()
        return {it.name: source.Stored(it.name, it.version, None, it.modified) for it in found}

    def get(self, names: Sequence[str]) -> dict[str, source.Stored]:
        self.requests.append(list(names))
        if self.problem is not None:
            raise type(self.problem)(str(self.problem))  # a new one for each thread
        return {stored.name: stored for name in names if (stored := files.find(self._held, name))}

    def close(self) -> None:
        pass

    def deploy(
        self, path: str, content: Release, secrets: Mapping[str, str], number: int | None
    ) -> int:
        """Write a release and its secrets, as a deploy does, and return the release's number."""
        text = write_release(content._replace(secrets=tuple(secrets)))
        others = {
            names.secret_name(path, secret): encode(value) for secret, value in secrets.items()
        }
        for other, value in (others | text.named_parts(path)).items():
            self._put(other, value)
        return self._put(names.release_name(path), text.document, number)

    def promote(self, path: str, release: int, label: str) -> None:
        """Move a label to a release of the model with that path."""
        for version in self._held[names.release_name(path)]:
            version["labels"] = {*version["labels"]} - {label}
            if version["version"] == release:
                version["labels"].add(label)

    def roll_out(self, path: str, release: int, label: str, step: Step) -> None:
        """Write a rollout of one step, from the release that the label is on."""
        before = files.find(self._held, f"{names.release_name(path)}:{label}")
        if before is None:
            raise RolloutError(f"{label} is on no release of {path}: set one without percent")
        # The salt is constant, so that a key gets the same release in every test run.
        rollout = Rollout(label, release, before.version, "0" * 16, (step,))
        self._put(names.rollout_name(path), write_rollout(RolloutDocument(rollout=rollout)))

    def _put(self, name: str, text: str, number: int | None = None) -> int:
        versions = {version["version"]: version for version in self._held.get(name, ())}
        number = number or max(versions, default=0) + 1
        written = datetime.fromtimestamp(0, UTC) + timedelta(seconds=next(self._ticks))
        versions[number] = {
            "version": number,
            "labels": versions.get(number, {}).get("labels", ()),
            "value": text,
            "last_modified_date": written.isoformat(),
        }
        self._held[name] = [versions[known] for known in sorted(versions)]
        return number
