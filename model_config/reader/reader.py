"""How an application reads its configuration: whole, verified, cached, by label or number."""

from __future__ import annotations

import asyncio
import math
import os
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from model_config.format.errors import (
    LabelNotFoundError,
    ModelConfigError,
    ModelNotFoundError,
    ReleaseNotFoundError,
    UsageError,
)
from model_config.format.names import (
    LATEST,
    PREVIOUS,
    check_selector,
    environment_path,
    model_path,
    release_name,
)
from model_config.format.release import Release
from model_config.reader.cache import Cache
from model_config.reader.configuration import Configuration, configuration, locked_secrets
from model_config.reader.fallback import read_fallback
from model_config.reader.secret import Secret
from model_config.reader.source import Source, Stored
from model_config.reader.store import Store, open_release, secret_in

_Key = tuple[str, str | int]


class Reader:
    """Reads models' configurations from their releases. Make one and share it between threads.

    A configuration is read with one request, two the first time where it has secrets, and
    renewed with one when its time to live is over. Secrets are always read at their newest
    version. Whatever goes wrong with a renewal, the last good configuration goes on being
    served: a warning is logged once for each outage, and AWS is asked again every 5 seconds.

    Args:
        environment: the environment to read, such as "prod".
        prefix: where in SSM all of it stands; the deploy's setting of that name.
        label: the release to read where `get` doesn't say: a label, or "latest" for the newest.
            Default: the environment variable MODEL_CONFIG_LABEL, or else "stable".
        ttl: seconds before AWS is asked again, less up to a tenth so that a fleet doesn't ask
            together. 0 asks each time.
        max_stale: seconds after which a configuration that couldn't be renewed is an error.
            Default: never.
        background: renew behind the request that finds the time to live over, which is served
            the old configuration at once. After a quiet time that can be an old one: `max_stale`
            bounds it.
        fallback: a file written by `model-config export --fallback`, or what is in it. Served
            when AWS can't be asked and nothing was read yet.
        client: a boto3 client for SSM. Default: one of our own, made at the first request from
            boto3's usual settings, with 2 s to connect, 5 s to answer, 3 attempts.
        source: what is asked in place of SSM, without a client; for tests.
        clock: seconds that never go backwards; for tests.

    Raises:
        UsageError: an argument can't be used.
        ReleaseError: the fallback is not what was written.
    """

    def __init__(  # noqa: PLR0913 - settings with a default each, all but the first by name
        self,
        environment: str,
        *,
        prefix: str = "/ai",
        label: str | None = None,
        ttl: float = 300.0,
        max_stale: float | None = None,
        background: bool = False,
        fallback: str | Path | Mapping[str, Any] | None = None,
        client: Any = None,
        source: Source | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environment = environment
        self._path = environment_path(prefix, environment)
        self._label = label or os.environ.get("MODEL_CONFIG_LABEL") or "stable"
        check_selector(self._label)
        _check_seconds("ttl", ttl)
        _check_seconds("max_stale", max_stale or 0)
        self._clock = clock
        self._source: Source = source or Store(client)
        self._fallback = {} if fallback is None else read_fallback(fallback, environment)
        self._cache: Cache[_Key, Configuration] = Cache(
            self._load,
            stand_in=self._from_fallback,
            lasts=_never_changes,
            ttl=ttl,
            max_stale=math.inf if max_stale is None else max_stale,
            background=background,
            clock=clock,
        )
        _READERS.add(self)

    def get(
        self, model: str, *, label: str | None = None, release: int | None = None
    ) -> Configuration:
        """Return a model's configuration.

        Args:
            model: the model's name.
            label: the label to read by, or "latest". Default: the reader's.
            release: the number of the release to read, instead of a label.

        Raises:
            ModelConfigError: a type below it for each thing that can go wrong
                (`model_config.format.errors`), and only where nothing was read before.
        """
        key = self._key(model, label, release)
        found = self._cache.fresh(key)
        return found if found is not None else self._cache.renew(key)

    async def aget(
        self, model: str, *, label: str | None = None, release: int | None = None
    ) -> Configuration:
        """Return what `get` returns, asking AWS in a thread: the event loop is never blocked."""
        key = self._key(model, label, release)
        found = self._cache.fresh(key)
        return found if found is not None else await asyncio.to_thread(self._cache.renew, key)

    def _key(self, model: str, label: str | None, release: int | None) -> _Key:
        if release is None:
            return model, label or self._label
        if label is None:
            return model, release
        raise UsageError(f"give a label or a release, not both: {label!r} and {release!r}")

    def _load(self, key: _Key, previous: Configuration | None) -> Configuration:
        """Ask AWS: for the release and the secrets known of, then for secrets that are new."""
        model, selector = key
        name = release_name(model_path(self._path, model))
        check_selector(selector)
        asked_at = self._clock()
        known = [] if previous is None else list(previous.content.secrets.values())
        if previous is not None and _is_pinned(previous):
            found = self._source.get(known)
            return previous.renewed(self._secrets(previous.content, found), asked_at)

        found = self._source.get([name if selector == LATEST else f"{name}:{selector}", *known])
        if name not in found:
            raise self._not_there(model, selector, name)
        stored = found[name]
        if previous is not None and previous.is_of(stored.version, stored.text):
            return previous.renewed(self._secrets(previous.content, found), asked_at)
        content = open_release(self._source, stored, model, self._environment)
        return configuration(
            content,
            stored.version,
            selector if isinstance(selector, str) else None,
            self._secrets(content, found),
            document=stored.text,
            read_at=asked_at,
            clock=self._clock,
        )

    def _secrets(self, content: Release, found: Mapping[str, Stored]) -> dict[str, Secret]:
        missing = [name for name in content.secrets.values() if name not in found]
        found = {**found, **self._source.get(missing)}
        return {path: secret_in(name, found.get(name)) for path, name in content.secrets.items()}

    def _not_there(self, model: str, selector: str | int, name: str) -> ModelConfigError:
        """Return the error for a release that isn't there: the model, the number or the label."""
        where = f"{model} in {self._environment}"
        newest = {} if selector == LATEST else self._source.get([name])
        if name not in newest:
            return ModelNotFoundError(
                f"there is no release of {where}: no parameter {name}. "
                "Deploy it with `pulumi up`, or check the names of model, environment and prefix. "
                "See which models there are: "
                f"`model-config tree --deployed --environment {self._environment}`"
            )
        number = newest[name].version
        if isinstance(selector, int):
            return ReleaseNotFoundError(
                f"there is no release {selector} of {where}: the newest is {number}, and SSM keeps "
                "the newest 100. See which there are: "
                f"`model-config releases {model} --environment {self._environment}`"
            )
        promoted = selector.removesuffix(PREVIOUS)
        return LabelNotFoundError(
            f"the label {selector!r} is on no release of {where}, whose newest is {number}. Put it "
            f"there: `model-config promote {model} --to {promoted} "
            f"--environment {self._environment}`"
        )

    def _from_fallback(self, key: _Key) -> Configuration | None:
        model, selector = key
        found = self._fallback.get(model)
        if found is None or (isinstance(selector, int) and selector != found.number):
            return None
        return configuration(
            found.content,
            found.number,
            selector if isinstance(selector, str) else None,
            locked_secrets(found.content, "AWS can't be asked, and a fallback holds no secrets"),
            read_at=self._clock(),
            clock=self._clock,
            from_fallback=True,
        )

    def _after_fork(self) -> None:
        self._cache.after_fork()
        self._source.close()


def _is_pinned(configuration: Configuration) -> bool:
    """Tell whether it was asked for by number: a number's content never changes."""
    return configuration.label is None and not configuration.from_fallback


def _never_changes(configuration: Configuration) -> bool:
    return _is_pinned(configuration) and not configuration.secrets


def _check_seconds(what: str, seconds: float) -> None:
    if not seconds >= 0:  # NaN isn't either
        raise UsageError(f"{what} is a number of seconds from 0, not {seconds!r}")


# Weak, so that a reader nobody uses any more can go.
_READERS: weakref.WeakSet[Reader] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for reader in list(_READERS):
        reader._after_fork()  # noqa: SLF001 - of this module


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
