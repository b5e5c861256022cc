"""One attempt to ask for values, or a few where a read has nothing else to get."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol, TypeVar

from model_config.format.errors import CredentialsError
from model_config.reader.breaker import full_jitter
from model_config.reader.states import Kept, Problem, Result

#: Seconds of the first pause at most between attempts that a read waits for: ours.
FIRST_RETRY = 0.2

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Loader(Protocol[KeyT, ValueT]):
    """What asks for values."""

    def ahead(self, wanted: Mapping[KeyT, ValueT | None]) -> Loader[KeyT, ValueT]:
        """Return what loads these, having asked for as much as it can in few requests."""
        ...

    def load(self, key: KeyT, last: ValueT | None) -> ValueT | Kept[ValueT]:
        """Return a key's value, given the last good one. It may raise anything."""
        ...

    def stand_in(self, key: KeyT) -> ValueT | None:
        """Return what to serve for a key that was never good when AWS can't be asked."""
        ...

    def lifetime(self, value: ValueT) -> float:
        """Return the seconds that a value is good for; infinite for one that can't change."""
        ...


def ask(
    loader: Loader[KeyT, ValueT], wanted: Mapping[KeyT, ValueT | None], attempts: int
) -> dict[KeyT, Result[ValueT]]:
    """Return what came of asking for values, whatever it is.

    Args:
        loader: what asks.
        wanted: the keys, each with its last good value.
        attempts: how often to ask for what there is nothing to serve for.
    """
    results = _ask_once(loader, wanted)
    for attempt in range(1, attempts):
        again = {
            key: last
            for key, last in wanted.items()
            if last is None and _is_worth_another(loader, key, results[key])
        }
        if not again:
            break
        time.sleep(full_jitter(attempt, FIRST_RETRY))
        results |= _ask_once(loader, again)
    return results


def _is_worth_another(loader: Loader[KeyT, ValueT], key: KeyT, result: Result[ValueT]) -> bool:
    return (
        isinstance(result, Problem)
        and result.is_outage
        and not issubclass(result.kind, CredentialsError)
        and loader.stand_in(key) is None
    )


def _ask_once(
    loader: Loader[KeyT, ValueT], wanted: Mapping[KeyT, ValueT | None]
) -> dict[KeyT, Result[ValueT]]:
    try:
        ahead = loader.ahead(wanted)
    except Exception as error:  # noqa: BLE001 - nothing may cost the last good one
        return dict.fromkeys(wanted, Problem.of(error))
    return {key: _load(ahead, key, last) for key, last in wanted.items()}


def _load(
    loader: Loader[KeyT, ValueT], key: KeyT, last: ValueT | None
) -> ValueT | Kept[ValueT] | Problem:
    try:
        return loader.load(key, last)
    except Exception as error:  # noqa: BLE001 - likewise
        return Problem.of(error)
