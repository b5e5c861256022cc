"""Reads configurations in an application: whole, verified, cached, by label or number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from model_config.format.errors import UsageError
from model_config.format.names import check_selector, environment_path, model_path
from model_config.reader.clock import Clock
from model_config.reader.configuration import Configuration
from model_config.reader.fallback import read_fallback
from model_config.reader.lifecycle import Lifecycle
from model_config.reader.loading import Key, ReadingLoader
from model_config.reader.opening import Opener
from model_config.reader.settings import (
    Times,
    chosen_clock,
    chosen_environment,
    chosen_label,
    chosen_source,
)
from model_config.reader.source import Source


class Reader(Lifecycle):
    """Reads models' configurations from their releases. Create one and share it between threads.

    The first read of a configuration takes one request, or two if it has secrets. When its time to
    live is over, one request renews it. Secrets are always read at their newest version. If a
    renewal fails, the last good configuration is still served, and reads don't wait until AWS
    answers again. A failure is logged when it begins, changes and ends. `status()` returns it.

    Args:
        environment: the environment to read, such as "prod". Default: the environment variable
            MODEL_CONFIG_ENVIRONMENT.
        prefix: the path above all environments in SSM, as in the stack's setting `prefix`.
        label: the label to read by if `get` is given none, or "latest" for the newest release.
            Default: the environment variable MODEL_CONFIG_LABEL, otherwise "stable".
        ttl: seconds until a configuration is renewed. Up to a tenth is subtracted at random, so
            that a fleet doesn't renew all at once. 0 asks AWS at every read, and waits.
        max_stale: seconds after which a configuration that can't be renewed is an error.
            Default: never.
        max_wait: seconds that the first read after the time to live waits for the renewal. All
            other reads are served at once. 0 never waits. `math.inf` renews in the reading thread
            and starts no thread, even in an outage; for tests and scripts.
        fallback: a file written by `model-config export --fallback`, or its parsed content. It is
            served if AWS can't be reached and nothing was read yet, for the label that it was
            exported by.
        secrets: False for a role that may not read secrets. Revealing one then raises an error.
        region: the AWS region. Default: botocore's usual settings.
        session: a boto3 or botocore session to create the client from.
        connect_timeout, read_timeout: seconds to wait for a connection and for an answer.
            Default: 2 to connect, 5 to answer.
        client: a boto3 client for SSM, with its own region, timeouts and retries. Default: the
            reader creates one at the first request. With it, a read that has nothing to serve makes
            up to 3 attempts, and a renewal makes one.
        source: a source of parameters that replaces SSM; for tests.
        clock: a `model_config.reader.clock.Clock`; for tests.

    Raises:
        UsageError: an argument is not valid, or two contradict each other.
        ReleaseError: the fallback can't be read, or was changed.
    """

    def __init__(  # noqa: PLR0913 - settings, all with a default and all but the first by name
        self,
        environment: str | None = None,
        *,
        prefix: str = "/ai",
        label: str | None = None,
        ttl: float = 300.0,
        max_stale: float | None = None,
        max_wait: float = 0.25,
        fallback: str | Path | Mapping[str, Any] | None = None,
        secrets: bool = True,
        region: str | None = None,
        session: Any = None,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
        client: Any = None,
        source: Source | None = None,
        clock: Clock | None = None,
    ) -> None:
        environment = chosen_environment(environment)
        self._path = environment_path(prefix, environment)
        label = chosen_label(label)
        times = Times(ttl, math.inf if max_stale is None else max_stale, max_wait)
        source, attempts = chosen_source(
            source,
            client,
            session=session,
            region=region,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
        )
        clock = chosen_clock(clock)
        releases = {} if fallback is None else read_fallback(fallback, self._path)
        loader = ReadingLoader(
            Opener(source, clock, with_secrets=secrets, path=self._path), releases, self._path, ttl
        )
        super().__init__(environment, label, source, loader, times, clock, attempts)

    def get(
        self,
        model: str,
        *,
        label: str | None = None,
        release: int | None = None,
        schema: type[Any] | None = None,
        key: str | None = None,
    ) -> Configuration:
        """Return a model's configuration.

        Args:
            model: the model's name.
            label: the label to read by, or "latest". Default: the reader's.
            release: the number of the release to read, instead of a label.
            schema: a class that the configuration must fit. If a new release doesn't fit, the last
                one that did is still served. `as_model` returns the instance.
            key: the unit of the read during a rollout: the id of a user, a tenant or a
                conversation, of at most 1,024 bytes. Default: this reader's own id, which is random
                in each process.

        Raises:
            ModelConfigError: nothing can be served. Each cause has a subclass
                (`model_config.format.errors`).
        """
        if label is None and release is None and key is None:  # the fast path of most reads
            plain = self._plain[schema].get(model)
            if plain is not None:
                begins, ends, configuration = plain
                if begins <= self._wall() < ends:
                    self._fresh.hits += 1
                    return configuration
        wanted = (model, self._selector(label, release), schema)
        reading = self._cache.fresh(wanted)
        if reading is None:
            reading = self._cache.renew(self._checked(wanted))
        return self._served(wanted, reading, key)

    async def aget(
        self,
        model: str,
        *,
        label: str | None = None,
        release: int | None = None,
        schema: type[Any] | None = None,
        key: str | None = None,
    ) -> Configuration:
        """Return what `get` returns, without blocking the event loop. It can be cancelled."""
        wanted = (model, self._selector(label, release), schema)
        reading = self._cache.fresh(wanted)
        if reading is None:
            reading = await self._cache.arenew(self._checked(wanted))
        return self._served(wanted, reading, key)

    def get_many(
        self,
        models: Iterable[str],
        *,
        label: str | None = None,
        schema: Mapping[str, type[Any]] | None = None,
        key: str | None = None,
    ) -> dict[str, Configuration]:
        """Return several models' configurations by name, with ten parameters in each request.

        Args:
            models: the models' names.
            label, key: as for `get`.
            schema: the models' classes by model name, for those that have one.

        Raises:
            ModelConfigError: one of them can't be read. If several can't, it has the type of the
                first error and the texts of all.
        """
        wanted = self._many(models, label, schema)
        found, errors = self._cache.renew_all(wanted.values())
        if errors:
            raise type(errors[0])("\n".join(map(str, errors)))
        return {model: self._served(each, found[each], key) for model, each in wanted.items()}

    def preload(
        self,
        models: Iterable[str],
        *,
        label: str | None = None,
        schema: Mapping[str, type[Any]] | None = None,
    ) -> None:
        """Read several models at the start of an application, with ten parameters in each request.

        If a model can't be read, `status()` shows it, and a later read of it may raise the error.
        """
        self._cache.renew_all(self._many(models, label, schema).values())

    def _selector(self, label: str | None, release: int | None) -> str | int:
        if release is None:
            return self._label if label is None else label
        if label is None:
            return release
        raise UsageError(f"pass a label or a release, not both: {label!r} and {release!r}")

    def _many(
        self, models: Iterable[str], label: str | None, schema: Mapping[str, type[Any]] | None
    ) -> dict[str, Key]:
        selector = self._selector(label, None)
        classes = schema or {}
        return {
            model: self._checked((model, selector, classes.get(model)))
            for model in dict.fromkeys(models)
        }

    def _checked(self, key: Key) -> Key:
        model, selector, schema = key
        model_path(self._path, model)
        check_selector(selector)
        if schema is not None and not hasattr(schema, "model_fields"):
            raise UsageError(f"schema takes a class of model_config.schema, not {schema!r}")
        return key
