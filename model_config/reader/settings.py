"""Checks a reader's arguments, before any request to AWS."""

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
        ttl: the time after which a configuration is renewed; 0 asks AWS at every read.
        max_stale: the age at which a configuration that can't be renewed is no longer served.
        max_wait: the longest time that a read with a value to serve waits for a renewal; 0 never
            waits.

    Raises:
        UsageError: a value is not a number of seconds, or two of them contradict each other.
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
                "would be too old before it is renewed. Raise max_stale or lower ttl"
            )
        if self.ttl == 0 and self.max_wait == 0:
            raise UsageError(
                "ttl=0 waits for AWS at every read, and max_wait=0 never waits: pass only one"
            )

    @property
    def always(self) -> bool:
        """Whether every read asks AWS."""
        return self.ttl == 0


def check_seconds(name: str, seconds: object, *, least: float = 0) -> None:
    """Refuse a value that is not a number of seconds.

    Raises:
        UsageError: the value is not a number, or is below `least`.
    """
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not cast(float, seconds) >= least:  # so that NaN is refused, too
        raise UsageError(f"{name} is a number of seconds from {least:g}, not {seconds!r}")


def chosen_environment(given: str | None) -> str:
    """Return the environment to read: the argument, otherwise MODEL_CONFIG_ENVIRONMENT.

    Raises:
        UsageError: neither is set.
    """
    environment = given if given is not None else os.environ.get("MODEL_CONFIG_ENVIRONMENT")
    if environment is None or (given is None and not environment):
        raise UsageError(
            'no environment: pass one, such as Reader("prod"), or set MODEL_CONFIG_ENVIRONMENT'
        )
    return _text("environment", environment)


def chosen_label(given: str | None) -> str:
    """Return the label to read by: the argument, otherwise MODEL_CONFIG_LABEL, otherwise "stable".

    Raises:
        UsageError: the label is not valid.
    """
    label = given if given is not None else os.environ.get("MODEL_CONFIG_LABEL") or "stable"
    check_selector(_text("label", label))
    return label


def chosen_clock(given: Clock | None) -> Clock:
    """Return the clock: the argument, otherwise the machine's clocks.

    Raises:
        UsageError: the argument is not a clock.
    """
    if given is None:
        return SystemClock()
    if not callable(given) or not callable(getattr(given, "wall", None)):
        raise UsageError(
            "clock must return seconds when it is called, and its `wall()` seconds since 1970"
        )
    return given


def chosen_source(source: Source | None, client: Any, **connection: Any) -> tuple[Source, int]:
    """Return the source, and the most attempts of a read that has nothing to serve.

    Args:
        source, client: one of them, or neither.
        connection: the arguments of `Connection`; None for those that are not set.

    Raises:
        UsageError: an argument is not valid, or two contradict each other.
    """
    given = {name: value for name, value in connection.items() if value is not None}
    for name in {"connect_timeout", "read_timeout"} & given.keys():
        check_seconds(name, given[name], least=0.001)
    if "region" in given:
        _text("region", given["region"])
    session = given.get("session")
    if session is not None and not callable(getattr(session, "get_credentials", None)):
        kind = type(session).__name__
        raise UsageError(f"session is of type {kind}: pass a boto3 or botocore session")
    for name, passed in (("source", source), ("client", client)):
        if passed is not None and given:
            raise UsageError(
                f"{' and '.join(given)} can't be combined with {name}: they are for the client "
                "that the reader creates itself"
            )
    if source is not None and client is not None:
        raise UsageError("pass a client or a source, not both")
    if client is not None:
        check_client(client)
    if source is not None or client is not None:
        return source or Store(client), 1
    return Store(connection=Connection(**given, attempts=1)), ATTEMPTS


def check_client(client: Any) -> None:
    """Refuse anything but a boto3 client for SSM.

    Raises:
        UsageError: says what was passed.
    """
    service = getattr(getattr(client, "meta", None), "service_model", None)
    found = getattr(service, "service_name", "ssm")
    if found != "ssm" or not callable(getattr(client, "get_parameters", None)):
        kind = f"a client for {found}" if found != "ssm" else f"of type {type(client).__name__}"
        raise UsageError(
            f'client is {kind}: pass a boto3 client for SSM, such as boto3.client("ssm"), or a '
            "session as session="
        )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a str, not {type(value).__name__}")
    return value
