"""For the tests of applications: a reader that needs no AWS.

reader = FakeReader({"support_chat": {"model_id": "m"}}, secrets={"support_chat": {"api_key": "x"}})
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model_config.format.errors import ModelConfigError, StoreUnavailableError
from model_config.format.names import LATEST, check_label, check_selector, model_path
from model_config.format.release import Release, digest_of
from model_config.format.rollout import Step
from model_config.reader.fallback import fallback_document
from model_config.reader.reader import Reader
from model_config.testing.fake_source import FakeClock, FakeSource


class FakeReader(Reader):
    """A reader of releases in memory: it answers, and refuses, as the real one does.

    Time stands still but for `advance`.

    Args:
        configurations: each model's values, nested as in the schema, by the model's name. They
            become releases that carry the reader's label.
        secrets: each model's secrets, as path ("api_key", "keys/primary") and text.
        environment: what the configurations say they are of.
        release: the number of these releases.
        label, ttl, max_stale: as for `Reader`.
        fallback: what is served in an outage where nothing was read before: a file, as for
            `Reader`, or values by model, as in `configurations`.

    Raises:
        ReleaseError: a value that no release can hold, or a fallback that can't be used.
        UsageError: an argument can't be used.
    """

    def __init__(  # noqa: PLR0913 - settings with a default each, all but the first by name
        self,
        configurations: Mapping[str, Mapping[str, Any]],
        *,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        environment: str = "test",
        release: int = 1,
        label: str | None = None,
        ttl: float = 300.0,
        max_stale: float | None = None,
        fallback: str | Path | Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        if isinstance(fallback, Mapping):
            kept = FakeReader(fallback, environment=environment, release=release, label=label)
            fallback = json.loads(fallback_document(map(kept.get, fallback)))
        self._fake_source, self._fake_clock = FakeSource(), FakeClock()
        super().__init__(
            environment,
            label=label,
            ttl=ttl,
            max_stale=max_stale,
            max_wait=math.inf,  # no threads, so that a test sees the same each time
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
        """Return a reader of what a project's stack deploys: its models with their overrides.

        Needs what `validate` needs, and no AWS: `model-config[cli]`.

        Args:
            folder: the project's, or one in it.
            stack: the stack's name, such as "dev".
            secrets: as for `FakeReader`. The text of one that isn't given is "secret".
            release: the number of the models' releases.
            options: `label`, `ttl`, `max_stale` and `fallback`, as for `FakeReader`.

        Raises:
            InvalidConfigurationError: with everything that is wrong with the project's files.
            ProjectNotFoundError: the folder is in no project.
        """
        # It brings pydantic along, which an application may not have.
        from model_config.testing.project import releases_of  # noqa: PLC0415

        releases = releases_of(Path(folder), stack)
        environment = next((content.environment for content in releases), stack)
        reader = cls({}, environment=environment, **options)
        for content in releases:
            given = (secrets or {}).get(content.model, {})
            texts = dict.fromkeys(content.secrets, "secret") | dict(given)
            reader._add(content, texts, release)
        return reader

    @property
    def requests(self) -> list[list[str]]:
        """What would have been asked of AWS: the parameters' names, newest request last."""
        return self._fake_source.requests

    def set(  # noqa: PLR0913 - what a release has
        self,
        model: str,
        config: Mapping[str, Any],
        *,
        secrets: Mapping[str, str] | None = None,
        release: int | None = None,
        label: str | None = None,
        percent: float | None = None,
    ) -> None:
        """Make a release and put a label on it, as a deploy and a promotion do.

        The next read is served it.

        Args:
            model: the model's name.
            config: its values, nested as in the schema.
            secrets: path and text of its secrets. Default: those it has.
            release: the release's number. Default: the next.
            label: the label to move to it. Default: the reader's.
            percent: leave the label where it is, and roll the release out to this share of the
                keys that reads give.

        Raises:
            ReleaseError: a value that no release can hold.
            RolloutError: the share can't be used, or the label is on no release to begin from.
            UsageError: the model's name, the number or the label can't be used.
        """
        if label is not None:
            check_label(label)
        if release is not None:
            check_selector(release)
        content = Release(
            model, self._environment, "FakeReader", digest_of(config), dict(config), {}
        )
        texts = self._texts.get(model, {}) if secrets is None else secrets
        self._add(content, texts, release, label, percent)

    def advance(self, seconds: float) -> None:
        """Let seconds pass: what was read grows older, and is renewed once its `ttl` is over."""
        self._fake_clock.advance(seconds)

    @contextmanager
    def outage(self, error: ModelConfigError | None = None) -> Iterator[None]:
        """Let every request fail within a `with` block.

        What was read before is served on; what wasn't comes from the fallback, or is an error.
        A configuration that is still fresh isn't asked for: `advance` beyond its `ttl` first.

        Args:
            error: what each request fails with. Default: AWS can't be reached.
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
        path, chosen = model_path(self._path, content.model), label or self._label
        version = self._fake_source.deploy(path, content, secrets, release)
        self._texts[content.model] = dict(secrets)
        if percent is not None:
            began = datetime.fromtimestamp(self._fake_clock.wall(), UTC)
            self._fake_source.roll_out(path, version, chosen, Step(began, percent))
        elif chosen != LATEST:
            self._fake_source.promote(path, version, chosen)
        self.refresh(content.model)
