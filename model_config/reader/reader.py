"""How an application reads its configuration: whole, verified, cached, by label or number."""

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
    """Reads models' configurations from their releases. Make one and share it between threads.

    A configuration is read with one request, two the first time where it has secrets, and
    renewed with one when its time to live is over. Secrets are always read at their newest
    version. Whatever goes wrong with a renewal, the last good configuration goes on being
    served, and until AWS answers again no read waits for it. What goes wrong is logged when it
    begins, changes and ends, and can be asked: `status()`.

    Args:
        environment: the environment to read, such as "prod". Default: the environment variable
            MODEL_CONFIG_ENVIRONMENT.
        prefix: where in SSM all of it stands; the deploy's setting of that name.
        label: the release to read where `get` doesn't say: a label, or "latest" for the newest.
            Default: the environment variable MODEL_CONFIG_LABEL, or else "stable".
        ttl: seconds before AWS is asked again, less up to a tenth so that a fleet doesn't ask
            together. 0 asks each time, and waits.
        max_stale: seconds after which a configuration that couldn't be renewed is an error.
            Default: never.
        max_wait: seconds that the one read which finds the time to live over waits for the
            renewal; all others are served at once. 0 never waits. `math.inf` renews in the
            reading thread and makes none, in an outage too; for tests and scripts.
        fallback: a file written by `model-config export --fallback`, or what is in it. Served
            when AWS can't be asked and nothing was read yet, for the label it was made from.
        secrets: False for a role that may not read them: each says so when it is revealed.
        region: the AWS region. Default: what botocore's usual settings say.
        session: a boto3 or botocore session to make the client from.
        connect_timeout, read_timeout: seconds to wait for a connection and for an answer.
            Default: 2 to connect, 5 to answer.
        client: a boto3 client for SSM, with its own region, timeouts and retries. Default: one
            that is made at the first request. A read that has nothing else to serve then asks up
            to 3 times, a renewal once.
        source: what is asked in place of SSM; for tests.
        clock: what measures time, as `model_config.reader.clock.Clock`; for tests.

    Raises:
        UsageError: an argument can't be used, or two contradict each other.
        ReleaseError: the fallback is not what was written.
    """

    def __init__(  # noqa: PLR0913 - settings with a default each, all but the first by name
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
            Opener(source, clock, with_secrets=secrets), releases, self._path, ttl
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
            schema: a class that the configuration must fit. A release that doesn't is not served
                where an earlier one did. `as_model` gives the instance, made once.
            key: whose read this is during a rollout: the id of a user, a tenant, a conversation,
                text of at most 1,024 bytes. Default: this reader's own id, drawn anew in each
                process.

        Raises:
            ModelConfigError: a type below it for each thing that can go wrong
                (`model_config.format.errors`), and only where nothing was read before.
        """
        if label is None and release is None and key is None:  # most reads, each of which counts
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
        return self._served(reading, key)

    async def aget(
        self,
        model: str,
        *,
        label: str | None = None,
        release: int | None = None,
        schema: type[Any] | None = None,
        key: str | None = None,
    ) -> Configuration:
        """Return what `get` returns. The event loop goes on, and the wait can be cancelled."""
        wanted = (model, self._selector(label, release), schema)
        reading = self._cache.fresh(wanted)
        if reading is None:
            reading = await self._cache.arenew(self._checked(wanted))
        return self._served(reading, key)

    def get_many(
        self,
        models: Iterable[str],
        *,
        label: str | None = None,
        schema: Mapping[str, type[Any]] | None = None,
        key: str | None = None,
    ) -> dict[str, Configuration]:
        """Return several models' configurations by name, asking for ten parameters a request.

        Args:
            models: the models' names.
            label, key: as for `get`.
            schema: the class of each model that has one, by name.

        Raises:
            ModelConfigError: one of them can't be had. Of several, the first one's type, and
                the texts of all.
        """
        wanted = self._many(models, label, schema)
        found, errors = self._cache.renew_all(wanted.values())
        if errors:
            raise type(errors[0])("\n".join(map(str, errors)))
        return {model: self._served(found[wanted[model]], key) for model in wanted}

    def preload(
        self,
        models: Iterable[str],
        *,
        label: str | None = None,
        schema: Mapping[str, type[Any]] | None = None,
    ) -> None:
        """Read several models ahead, ten parameters a request, for the start of an application.

        One that can't be read is an error once it is read, and in `status()` before.
        """
        self._cache.renew_all(self._many(models, label, schema).values())

    def _selector(self, label: str | None, release: int | None) -> str | int:
        if release is None:
            return self._label if label is None else label
        if label is None:
            return release
        raise UsageError(f"give a label or a release, not both: {label!r} and {release!r}")

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
