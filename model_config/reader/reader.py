"""Reads configurations in an application: whole, verified, cached, by label or number."""

from __future__ import annotations

import logging
import math
import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

from model_config.format import names
from model_config.format.errors import ModelConfigError, SecretUnavailableError, UsageError
from model_config.reader.attempts import Attempts, Entry, Times
from model_config.reader.configuration import Configuration, Secret, check_schema
from model_config.reader.problems import raise_if_a_signals
from model_config.reader.readings import Key, Readings
from model_config.reader.source import Clock, Source

if TYPE_CHECKING:  # imported where they are needed, for a faster cold start
    from pathlib import Path

    from model_config.reader.report import Counters, Incidents, Status

_log = logging.getLogger("model_config.reader")

#: Called with the old and the new configuration.
Callback: TypeAlias = Callable[[Configuration, Configuration], object]

#: The most bytes of UTF-8 in a unit's key. Set by this package: a longer key is probably a mistake,
#: such as a whole document.
KEY_BYTES = 1024
#: Seconds to wait for a connection and for an answer, and the tries of a read that has nothing to
#: serve. Set by this package: they end within about 20 seconds.
CONNECT_TIMEOUT, READ_TIMEOUT, TRIES = 2.0, 5.0, 3
#: The change of the wall clock, in seconds, that counts as a freeze. Set by this package: time
#: servers correct a clock by less, and a time to live is longer.
TOLERANCE = 1.0


class SystemClock:
    """The machine's clocks.

    The monotonic clock stops while a process is frozen, as in Lambda, so any time that the wall
    clock gains on it is added. Setting that one back changes nothing.
    """

    __slots__ = ("_monotonic", "_state", "wall")

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._monotonic, self.wall = monotonic, wall
        # How far the clocks are apart, and the time of all freezes. Of two threads that notice the
        # same freeze, each sets the same.
        self._state = wall() - monotonic(), 0.0

    def __call__(self) -> float:
        """Return seconds that never go backwards."""
        apart, frozen = self._state
        now = self._monotonic()
        gained = self.wall() - now - apart
        if not -TOLERANCE < gained < TOLERANCE:
            frozen += max(0.0, gained)
            self._state = apart + gained, frozen
        return now + frozen


class Reader:
    """Reads models' configurations from their releases. Create one and share it between threads.

    docs/applications.md describes when it reads, and what it serves if AWS can't be reached.

    Args:
        environment: such as "prod". Default: the variable MODEL_CONFIG_ENVIRONMENT.
        prefix: the path above all environments in SSM, as in the stack's setting `prefix`.
        label: a label, or "latest". Default: the variable MODEL_CONFIG_LABEL, otherwise "stable".
        ttl: seconds until a renewal, up to a tenth less. 0 asks AWS at every read, and waits.
        max_stale: seconds until what can't be renewed is an error. Default: never.
        max_wait: seconds that one read waits for a renewal. `math.inf`: no threads are started.
        fallback: a file by `model-config export --fallback`, or its parsed content, served if AWS
            can't be reached and nothing was read yet, for the label that it was exported by.
        secrets: False for a role that may not read secrets.
        region, session: for the client that the reader creates, of boto3 or botocore.
        connect_timeout, read_timeout: in seconds. Default: 2 to connect, 5 to answer. An attempt is
            given up after four times the longer one.
        client: a boto3 client for SSM, with its own region, timeouts and retries.
        source, clock: replace SSM and the machine's clocks; for tests.
    """

    def __init__(  # noqa: PLR0913 - settings, all with a default and all but the first by name
        self,
        environment: str | None = None,
        *,
        prefix: str = "/ai",
        label: str | None = None,
        ttl: float = 30.0,
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
        if environment is None:
            environment = os.environ.get("MODEL_CONFIG_ENVIRONMENT") or None
        if environment is None:
            raise UsageError(
                'no environment: pass one, such as Reader("prod"), or set MODEL_CONFIG_ENVIRONMENT'
            )
        self._environment = _text("environment", environment)
        self._path = names.environment_path(prefix, self._environment)
        label = label if label is not None else os.environ.get("MODEL_CONFIG_LABEL") or "stable"
        names.check_selector(_text("label", label))
        self._label = label
        if not isinstance(secrets, bool):  # "false" would be true
            raise UsageError(f"secrets must be a bool, not {type(secrets).__name__}")
        own = {"session": session, "region": region}
        own |= {"connect_timeout": connect_timeout, "read_timeout": read_timeout}
        given = {name: value for name, value in own.items() if value is not None}
        self._source = _chosen_source(source, client, given)
        timeouts = {"connect_timeout": CONNECT_TIMEOUT, "read_timeout": READ_TIMEOUT} | given
        longest = max(timeouts["connect_timeout"], timeouts["read_timeout"])
        times = _checked_times(ttl, max_stale, max_wait, (TRIES + 1) * longest)
        if clock is not None and not (callable(clock) and callable(getattr(clock, "wall", None))):
            raise UsageError(
                "clock must return seconds when it is called, and its `wall()` seconds since 1970"
            )
        self._clock = clock or SystemClock()
        self._wall = self._clock.wall
        kept = {}
        if fallback is not None:
            from model_config.reader.files import read_fallback  # noqa: PLC0415 - a faster start

            kept = read_fallback(fallback, self._path)
        readings = Readings(self._source, self._path, self._clock, kept, with_secrets=secrets)
        tries = TRIES if source is None and client is None else 1
        self.ttl = ttl
        self._attempts = Attempts(readings, times, self._clock, label, tries, self._report)
        self._spans = self._attempts.spans
        # Not from Python's generator, whose state forked workers and restored snapshots share.
        self._unit = os.urandom(16).hex()
        self._hits = 0
        self._own: dict[Key, Configuration] = {}
        self._served: dict[Key, tuple[Configuration, float]] = {}  # by its own id, since when
        self._callbacks: list[Callback] = []
        self._incidents: Incidents | None = None
        _READERS.add(self)

    def get(
        self,
        model: str,
        *,
        label: str | None = None,
        release: int | None = None,
        schema: type[Any] | None = None,
        key: str | None = None,
    ) -> Configuration:
        """Return a model's configuration, by the reader's label unless a label or release is given.

        `key` is the unit in a rollout, such as a user's id; by default, an id of this process. With
        `schema`, the last release that fits the class is served.

        Raises:
            ModelConfigError: nothing can be served. Each cause has a subclass
                (`model_config.format.errors`).
        """
        if label is None and release is None:  # the fast path of most reads
            try:
                span = self._spans[schema].get(model)
            except TypeError:  # unhashable, and refused below
                span = None
            if span is not None:
                begins, ends, configuration, share = span
                now = self._wall()
                if begins <= now < ends and (share is None or key is not None):
                    self._hits += 1
                    if key is None:
                        return configuration
                    check_key(key)
                    return configuration if share is None else share.serve(key, now)
        wanted = self._key(model, label, release, schema)
        self._attempts.read([wanted])
        return self._chosen(wanted, key)

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
        wanted = self._key(model, label, release, schema)
        await self._attempts.aread([wanted])
        return self._chosen(wanted, key)

    def get_many(
        self,
        models: Iterable[str],
        *,
        label: str | None = None,
        schema: Mapping[str, type[Any]] | None = None,
        key: str | None = None,
    ) -> dict[str, Configuration]:
        """Return several models' configurations by name, with ten parameters in each request.

        `schema` holds classes by the models' names. If several can't be read, the error has the
        type of the first and the texts of all.
        """
        models = _names(models)
        if label is None and schema is None and key is None:  # a fast path, as in `get`
            spans, now = self._spans[None], self._wall()
            served: dict[str, Configuration] = {}
            for model in models:
                span = spans.get(model)
                if span is None or not span[0] <= now < span[1] or span[3] is not None:
                    break
                served[model] = span[2]
            else:
                self._hits += len(served)
                return served
        wanted = self._keys(models, label, schema)
        self._attempts.read(wanted.values())
        served, errors = {}, []
        for model, one in wanted.items():
            try:
                served[model] = self._chosen(one, key)
            except ModelConfigError as error:
                errors.append(error)
        if errors:
            raise type(errors[0])("\n".join(map(str, errors)))
        return served

    def preload(
        self,
        models: Iterable[str],
        *,
        label: str | None = None,
        schema: Mapping[str, type[Any]] | None = None,
    ) -> None:
        """Read several models at the start of an application. Failures are in `status()`."""
        self._attempts.read(self._keys(_names(models), label, schema).values())

    def refresh(self, *models: str) -> None:
        """Renew these models, or all that were read, and wait. Failures are in `status()`."""
        for model in models:
            names.check_segment("model", model)
        known = [key for key in list(self._attempts.entries) if not models or key[0] in models]
        self._attempts.read(known, always=True)

    def on_change(self, callback: Callback) -> None:
        """Call a function with the old and the new configuration after each change.

        A change is a new release, a rotated secret, or a step of a rollout that moves the reader's
        own id. The call is made in a thread of the reader's own, unless it has none.
        """
        if not callable(callback):
            kind = type(callback).__name__
            raise UsageError(f"on_change takes a function of two configurations, not {kind}")
        self._callbacks.append(callback)

    def status(self) -> Status:
        """Return what is served, its age and what went wrong, as plain data for JSON."""
        from model_config.reader.report import Describer  # noqa: PLC0415 - for a cold start

        now, models = Describer(self._attempts, self._clock), self._served
        aws = now.aws(getattr(self._source, "boto3_because", None))
        return {"environment": self._environment, "aws": aws, "models": now.models(models)}

    def counters(self) -> Counters:
        """Return totals since the reader was created, for metrics."""
        return {
            "hits": self._hits + self._attempts.hits,
            "renewals": self._attempts.renewals,
            "failures": self._attempts.failures,
            "seconds": round(self._attempts.seconds, 6),
        }

    def close(self) -> None:
        """Close connections. A later read opens new ones."""
        self._source.close()

    def after_restore(self) -> None:
        """Reset a reader in a copy of its process: call it in Lambda SnapStart's restore hook.

        It closes connections and draws a new id for rollouts. A fork does this by itself.
        """
        self._unit = os.urandom(16).hex()
        self._attempts.forget()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _key(
        self, model: str, label: str | None, release: int | None, schema: type[Any] | None
    ) -> Key:
        if label is not None and release is not None:
            raise UsageError(f"pass a label or a release, not both: {label!r} and {release!r}")
        if release is not None:
            names.check_release(release)  # even if it is known: True equals 1
        named = self._label if label is None else _text("label", label)
        selector = named if release is None else release
        key = (model, selector, schema)
        try:
            is_known = key in self._attempts.entries
        except TypeError:  # unhashable
            is_known = False
        if not is_known:
            names.check_segment("model", model)
            if selector is not self._label:
                names.check_selector(selector)
            if schema is not None:
                check_schema(schema, "schema")
        return key

    def _keys(
        self, models: Iterable[str], label: str | None, schema: Mapping[str, type[Any]] | None
    ) -> dict[str, Key]:
        classes = schema or {}
        if not isinstance(classes, Mapping):
            raise UsageError("schema takes the models' classes by their names here, as a dict")
        return {model: self._key(model, label, None, classes.get(model)) for model in models}

    def _chosen(self, wanted: Key, key: str | None) -> Configuration:
        unit = self._unit if key is None else check_key(key)
        entry, oldest = self._attempts.entries.get(wanted), self._attempts.times.max_stale
        if entry is None or entry.reading is None or self._clock() - entry.read_at > oldest:
            raise self._attempts.refusal(entry)
        if (share := entry.reading.share) is None:
            return entry.reading.configuration
        configuration = share.serve(unit, self._wall())
        if key is None and self._own.get(wanted) is not configuration:
            # A step of the rollout has moved the reader's own id.
            self._own[wanted] = configuration
            self._attempts.run(lambda: self._serve(wanted, configuration))
        return configuration

    def _report(self, landed: Mapping[Key, Entry]) -> None:
        for key, entry in landed.items():
            reading = entry.reading
            is_told = entry.problem is not None or (reading is not None and reading.unfollowed)
            if self._incidents is None and is_told:
                from model_config.reader.report import Incidents  # noqa: PLC0415 - a faster start

                self._incidents = Incidents(self._clock)
            try:
                if self._incidents is not None:
                    self._incidents.note(key, entry)
            except BaseException as error:  # noqa: BLE001 - a log handler may raise anything
                raise_if_a_signals(error)
            if reading is not None:
                share, own = reading.share, reading.configuration
                self._own[key] = share.serve(self._unit, self._wall()) if share else own
                self._serve(key, self._own[key])

    def _serve(self, key: Key, now: Configuration) -> None:
        # If two threads notice a change, one of them gets it.
        before, since = self._served.pop(key, (None, 0.0))
        is_same = before is not None and _is_same(before, now)
        self._served[key] = now, since if is_same else self._wall()
        if before is None or is_same:
            return
        for callback in list(self._callbacks):
            try:
                callback(before, now)
            except BaseException as error:  # noqa: BLE001 - likewise, and the others are called
                raise_if_a_signals(error)
                _log.exception("a callback of on_change failed for %r", now)


def check_key(key: object) -> str:
    """Return the key of a unit, of 1 to 1,024 bytes. No error shows it: it may be personal."""
    if not isinstance(key, str):
        raise UsageError(f"key must be a str, such as a user's id, not {type(key).__name__}")
    if not key:
        raise UsageError("key is empty: pass the id of a user, a tenant or a conversation, or none")
    if not key.isascii() or len(key) > KEY_BYTES:
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise UsageError("key has half of a surrogate pair, which UTF-8 can't hold") from None
        if size > KEY_BYTES:
            raise UsageError(f"key has {size:,} bytes; the limit is {KEY_BYTES:,}")
    return key


def _is_same(one: Configuration, other: Configuration) -> bool:
    def compared(it: Configuration) -> tuple[object, ...]:
        return it.release, it.digest, it.from_fallback, it.secrets.keys()

    def text(secret: Secret) -> str | None:
        with suppress(SecretUnavailableError):
            return secret.reveal()
        return None

    return one is other or (
        compared(one) == compared(other)
        and all(text(one.secrets[path]) == text(other.secrets[path]) for path in one.secrets)
    )


def _names(models: Iterable[str]) -> dict[str, None]:
    try:
        if not isinstance(models, str):
            return dict.fromkeys(models)
    except TypeError:  # of what is no list, or holds no names
        pass
    raise UsageError(f'pass several models as a list of names, such as ["chat"], not {models!r}')


# The checks of a reader's arguments, before any request to AWS.


def _checked_times(ttl: float, max_stale: float | None, max_wait: float, deadline: float) -> Times:
    times = Times(ttl, math.inf if max_stale is None else max_stale, max_wait, deadline)
    for name in ("ttl", "max_stale", "max_wait"):
        _check_seconds(name, getattr(times, name))
    if times.max_stale < ttl:
        raise UsageError(
            f"max_stale ({times.max_stale:g}) is below ttl ({ttl:g}): a configuration would be too "
            "old before it is renewed. Raise max_stale or lower ttl"
        )
    if ttl == 0 and max_wait == 0:
        raise UsageError(
            "ttl=0 waits for AWS at every read, and max_wait=0 never waits: pass only one"
        )
    return times


def _chosen_source(source: Source | None, client: Any, given: Mapping[str, Any]) -> Source:
    for name in {"connect_timeout", "read_timeout"} & given.keys():
        _check_seconds(name, given[name], least=0.001)
    if "region" in given:
        _text("region", given["region"])
    session = given.get("session")
    if session is not None:
        _check_has("session", session, "a boto3 or botocore session", "get_credentials")
    for name, passed in (("source", source), ("client", client)):
        if passed is not None and given:
            raise UsageError(
                f"{' and '.join(given)} can't be combined with {name}: they are for the client "
                "that the reader creates itself"
            )
    if source is not None and client is not None:
        raise UsageError("pass a client or a source, not both")
    if source is not None:
        _check_has("source", source, "a Source", "get", "close")
        return source
    if client is None and session is None:
        return _own_source(given)
    if client is not None:
        _check_client(client)
    from model_config.reader.store import Store  # noqa: PLC0415 - imports botocore

    return Store(client, **given)


def _own_source(given: Mapping[str, Any]) -> Source:
    if os.environ.get("MODEL_CONFIG_LOCAL"):
        from model_config.reader.files import LocalFile  # noqa: PLC0415 - for development

        return LocalFile()
    with suppress(ImportError):  # the extra `crt`
        from model_config.reader.crt import Crt  # noqa: PLC0415 - imports awscrt

        return Crt(**given)
    from model_config.reader.store import Store  # noqa: PLC0415 - imports botocore

    return Store(**given)


def _check_client(client: Any) -> None:
    service = getattr(getattr(client, "meta", None), "service_model", None)
    name = getattr(service, "service_name", "ssm")
    if name != "ssm" or not callable(getattr(client, "get_parameters", None)):
        kind = f"a client for {name}" if name != "ssm" else f"of type {type(client).__name__}"
        raise UsageError(
            f'client is {kind}: pass a boto3 client for SSM, such as boto3.client("ssm"), or a '
            "session as session="
        )


def _check_has(name: str, given: object, what: str, *methods: str) -> None:
    if not all(callable(getattr(given, method, None)) for method in methods):
        raise UsageError(f"{name} is of type {type(given).__name__}: pass {what}")


def _check_seconds(name: str, seconds: object, *, least: float = 0) -> None:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not cast(float, seconds) >= least:  # so that NaN is refused, too
        raise UsageError(f"{name} is a number of seconds from {least:g}, not {seconds!r}")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a str, not {type(value).__name__}")
    return value


# Weak, so that unused readers are garbage-collected.
_READERS: weakref.WeakSet[Reader] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for reader in list(_READERS):
        reader.after_restore()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
