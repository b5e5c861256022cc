"""One attempt to load values, or a few if a read has nothing else to serve."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol, TypeVar

from model_config.format.errors import CredentialsError
from model_config.reader.breaker import full_jitter
from model_config.reader.states import Kept, Problem, Result

#: The longest first pause between attempts that a read waits for, in seconds. Set by this package.
FIRST_RETRY = 0.2

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Loader(Protocol[KeyT, ValueT]):
    """Loads values from the source."""

    def prefetched(self, wanted: Mapping[KeyT, ValueT | None]) -> Loader[KeyT, ValueT]:
        """Return a loader that has prefetched what these keys need, in few requests."""
        ...

    def load(self, key: KeyT, last: ValueT | None) -> ValueT | Kept[ValueT]:
        """Return a key's value, given the last good one. It may raise any exception."""
        ...

    def fallback_for(self, key: KeyT) -> ValueT | None:
        """Return what to serve for a key that was never loaded while AWS can't be reached."""
        ...

    def lifetime(self, value: ValueT) -> float:
        """Return the seconds that a value is good for; infinite if it can't change."""
        ...


def ask(
    loader: Loader[KeyT, ValueT], wanted: Mapping[KeyT, ValueT | None], attempts: int
) -> dict[KeyT, Result[ValueT]]:
    """Load values and return the result for each key. Nothing is raised.

    Args:
        loader: loads the values.
        wanted: the keys, each with its last good value.
        attempts: the most attempts for keys that have no value to serve.
    """
    results = _ask_once(loader, wanted)
    for attempt in range(1, attempts):
        again = {
            key: last
            for key, last in wanted.items()
            if last is None and _is_retryable(loader, key, results[key])
        }
        if not again:
            break
        time.sleep(full_jitter(attempt, FIRST_RETRY))
        results |= _ask_once(loader, again)
    return results


def _is_retryable(loader: Loader[KeyT, ValueT], key: KeyT, result: Result[ValueT]) -> bool:
    return (
        isinstance(result, Problem)
        and result.is_outage
        and not issubclass(result.kind, CredentialsError)
        and loader.fallback_for(key) is None
    )


def _ask_once(
    loader: Loader[KeyT, ValueT], wanted: Mapping[KeyT, ValueT | None]
) -> dict[KeyT, Result[ValueT]]:
    try:
        prefetched = loader.prefetched(wanted)
    except Exception as error:  # noqa: BLE001 - no error may lose the last good value
        return dict.fromkeys(wanted, Problem.of(error))
    return {key: _load(prefetched, key, last) for key, last in wanted.items()}


def _load(
    loader: Loader[KeyT, ValueT], key: KeyT, last: ValueT | None
) -> ValueT | Kept[ValueT] | Problem:
    try:
        return loader.load(key, last)
    except Exception as error:  # noqa: BLE001 - no error may lose the last good value
        return Problem.of(error)
