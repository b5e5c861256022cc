"""What a read does that found no fresh value, and the attempt that it may wait for."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from model_config.format.errors import ModelConfigError
from model_config.reader.cache.states import State

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Serve(NamedTuple, Generic[ValueT]):
    """The read returns this value at once."""

    value: ValueT


class Refuse(NamedTuple):
    """The read raises this error at once."""

    error: ModelConfigError


class Renew(NamedTuple, Generic[ValueT]):
    """The read begins a renewal and waits for it. If it takes too long, this value is returned.

    Attributes:
        value: the value to return.
        patience: the most seconds to wait.
    """

    value: ValueT
    patience: float


class Ask(NamedTuple):
    """The read has nothing to return before AWS answers, and waits as long as that takes."""


Rule: TypeAlias = Serve[ValueT] | Refuse | Renew[ValueT] | Ask

#: An attempt in flight. Its result is the new state of each key, or empty if it was interrupted.
Flight: TypeAlias = "Future[dict[KeyT, State[ValueT]]]"


class Turn(NamedTuple, Generic[KeyT, ValueT]):
    """What one read does, and the attempt that it waits for if it waits."""

    key: KeyT
    rule: Rule[ValueT]
    flight: Flight[KeyT, ValueT]

    @property
    def patience(self) -> float | None:
        """The most seconds to wait; None for as long as it takes."""
        match self.rule:
            case Ask():
                return None
            case Renew(patience=patience):
                return patience
        return 0

    @property
    def interrupted(self) -> bool:
        """Whether the attempt was interrupted, so that the read must decide again."""
        return self.patience != 0 and self.flight.done() and self.key not in self.flight.result()

    def wait(self) -> None:
        """Wait for the attempt, at most as long as the read may wait."""
        if self.patience != 0:
            with suppress(TimeoutError):
                self.flight.result(self.patience)


def new_flight() -> Flight[KeyT, ValueT]:
    """Return an attempt that begins now. Cancelling a read that waits for it doesn't cancel it."""
    flight: Flight[KeyT, ValueT] = Future()
    flight.set_running_or_notify_cancel()
    return flight
