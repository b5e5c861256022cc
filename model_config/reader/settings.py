"""What a reader is made with, checked before AWS is asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, cast

from model_config.format.errors import UsageError
from model_config.format.names import check_selector
from model_config.reader.clock import Clock, SystemClock
from model_config.reader.connection import ATTEMPTS, Connection
from model_config.reader.source import Source
from model_config.reader.store import Store


@dataclass(frozen=True, slots=True)
class Times:
    """How old a configuration may get, and how long a read may wait. All in seconds.

    Attributes:
        ttl: after which a configuration is asked for again; 0 asks each time.
        max_stale: after which one that could not be renewed isn't served any more.
        max_wait: that a read with something to serve waits for a renewal; 0 never waits.

    Raises:
        UsageError: one is not a number of seconds, or two contradict each other.
    """

    ttl: float
    max_stale: float
    max_wait: float

    def __post_init__(self) -> None:
        for name in ("ttl", "max_stale", "max_wait"):
            check_seconds(name, getattr(self, name))
        if self.max_stale < self.ttl:
            raise UsageError(
                f"max_stale ({self.max_stale:g}) is below ttl ({self.ttl:g}): a configuration "
                "would be too old before it is asked for again. Raise max_stale or lower ttl"
            )
        if self.ttl == 0 and self.max_wait == 0:
            raise UsageError(
                "ttl=0 asks AWS each time and waits, and max_wait=0 never waits: give one of them"
            )

    @property
    def always(self) -> bool:
        """Whether each read asks AWS."""
        return self.ttl == 0


def check_seconds(name: str, seconds: object, *, least: float = 0) -> None:
    """Refuse what is not a number of seconds.

    Raises:
        UsageError: it isn't, or is below `least`.
    """
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not cast(float, seconds) >= least:  # NaN isn't either
        raise UsageError(f"{name} is a number of seconds from {least:g}, not {seconds!r}")


def chosen_environment(given: str | None) -> str:
    """Return the environment to read: the argument, or what MODEL_CONFIG_ENVIRONMENT says.

    Raises:
        UsageError: neither does.
    """
    environment = given if given is not None else os.environ.get("MODEL_CONFIG_ENVIRONMENT")
    if environment is None or (given is None and not environment):
        raise UsageError(
            'no environment: pass one, such as Reader("prod"), or set MODEL_CONFIG_ENVIRONMENT'
        )
    return _text("environment", environment)


def chosen_label(given: str | None) -> str:
    """Return the label to read by: the argument, what MODEL_CONFIG_LABEL says, or "stable".

    Raises:
        UsageError: it can't be used.
    """
    label = given if given is not None else os.environ.get("MODEL_CONFIG_LABEL") or "stable"
    check_selector(_text("label", label))
    return label


def chosen_clock(given: Clock | None) -> Clock:
    """Return what measures time: the argument, or the machine's clocks.

    Raises:
        UsageError: it can't be called, or doesn't tell the time of day.
    """
    if given is None:
        return SystemClock()
    if not callable(given) or not callable(getattr(given, "wall", None)):
        raise UsageError("clock gives seconds when it is called, and since 1970 by its `wall()`")
    return given


def chosen_source(source: Source | None, client: Any, **connection: Any) -> tuple[Source, int]:
    """Return what to ask, and how often where a read has nothing else to serve.

    Args:
        source, client: one of them or none.
        connection: what a client is made with, as `Connection` has it; None where not given.

    Raises:
        UsageError: two arguments contradict each other, or one can't be used.
    """
    given = {name: value for name, value in connection.items() if value is not None}
    for name in {"connect_timeout", "read_timeout"} & given.keys():
        check_seconds(name, given[name], least=0.001)
    if "region" in given:
        _text("region", given["region"])
    session = given.get("session")
    if session is not None and not callable(getattr(session, "get_credentials", None)):
        kind = type(session).__name__
        raise UsageError(f"session is of type {kind}: pass a session of boto3's or botocore's")
    for name, taken in (("source", source), ("client", client)):
        if taken is not None and given:
            raise UsageError(f"{' and '.join(given)} say how a client is made, and there is {name}")
    if source is not None and client is not None:
        raise UsageError("give a client or a source, not both")
    if client is not None:
        check_client(client)
    if source is not None or client is not None:
        return source or Store(client), 1
    return Store(connection=Connection(**given, attempts=1)), ATTEMPTS


def check_client(client: Any) -> None:
    """Refuse what is not a boto3 client for SSM.

    Raises:
        UsageError: with what it is.
    """
    service = getattr(getattr(client, "meta", None), "service_model", None)
    found = getattr(service, "service_name", "ssm")
    if found != "ssm" or not callable(getattr(client, "get_parameters", None)):
        kind = f"a client for {found}" if found != "ssm" else f"of type {type(client).__name__}"
        raise UsageError(
            f'client is {kind}: pass a boto3 client for SSM, such as boto3.client("ssm"), or a '
            "session as session="
        )


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{what} is text, not of type {type(value).__name__}")
    return value
