"""One look at SSM: nothing is asked twice, much is asked at once, and what is known is kept.

A view asks the same things as the commands do, through the same functions. A look answers from what
it has heard already. Where AWS is away, it answers with what earlier looks have heard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from model_config.format.errors import StoreError, StoreUnavailableError
from model_config.operate.inventory import Inventory, Item, Result, Watch, unwatched
from model_config.operate.pace import Pace
from model_config.reader.source import Stored
from model_config.reader.store import Store

#: Requests at once: at 50 ms for an answer more than the pace allows.
THREADS = 4
#: Requests in a second, half of what SSM takes by default (AWS General Reference, Systems Manager
#: quotas, GetParameters): the other half is for applications. As many may go at once.
RATE = 20
#: Shared by all looks of this process: environments may share an account.
PACE = Pace(RATE, RATE)

_Found: TypeAlias = list[Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What SSM answered, and when."""

    found: _Found
    at: datetime


#: What the looks at one environment have heard, by what was asked.
Memory: TypeAlias = dict[str, Answer]


class Look(Inventory):
    """An inventory for one view.

    Attributes:
        away: why AWS can't be asked, or None while it can.
        as_of: when the oldest of the earlier answers was given that this look has used, or None.

    Args:
        store: what really asks. It stays, with its connections, from one look to the next.
        watch: shows how far it is.
        memory: what earlier looks have heard; this one adds to it.
        pace: holds requests back.
        threads: requests at once.
    """

    def __init__(
        self,
        store: Store,
        watch: Watch = unwatched,
        *,
        memory: Memory | None = None,
        pace: Pace | None = PACE,
        threads: int = THREADS,
    ) -> None:
        super().__init__(None, watch)
        self._store, self._memory = store, {} if memory is None else memory
        self._pace, self._threads = pace, threads
        self._heard: dict[str, _Found | StoreError] = {}
        self.away: StoreUnavailableError | None = None
        self.as_of: datetime | None = None

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], what: str
    ) -> list[Result]:
        """Return what a function gives for each item, several at once."""
        if self._threads == 1:
            return super().map(function, items, what)
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                return list(self.watch(pool.map(function, items), what, len(items)))
            finally:
                pool.shutdown(cancel_futures=True)

    def _pages(self, operation: str, about: list[str], **wanted: Any) -> Iterator[dict[str, Any]]:
        key = f"{operation} {json.dumps(wanted, sort_keys=True)}"
        if key not in self._heard:
            pages = super()._pages(operation, about, **wanted)
            self._hear([key], lambda: {key: list(pages)})
        yield from self._told(key)

    def _get_batch(self, names: list[str]) -> list[Stored]:
        keys = {name: f"get_parameters {name}" for name in names}
        if missing := [name for name in names if keys[name] not in self._heard]:
            ask = super()._get_batch

            def each_by_itself() -> dict[str, _Found]:
                found = {stored.name: stored for stored in ask(missing)}
                bare = {name: name.partition(":")[0] for name in missing}
                return {keys[n]: [found[bare[n]]] if bare[n] in found else [] for n in missing}

            self._hear([keys[name] for name in missing], each_by_itself)
        return [stored for name in names for stored in self._told(keys[name])]

    def _hear(self, keys: Sequence[str], ask: Callable[[], Mapping[str, _Found]]) -> None:
        """Ask AWS and keep its answers; where it is away, take those that were given before."""
        try:
            found = ask()
        except StoreUnavailableError as error:
            self.away = error
            self._heard.update((key, self._remembered(key, error)) for key in keys)
        except StoreError as error:
            if len(keys) > 1:
                raise  # which of them is refused isn't known: they are asked for one by one
            self._heard[keys[0]] = error
        else:
            self._heard.update(found)
            self._memory.update({key: Answer(found[key], datetime.now(UTC)) for key in keys})

    def _remembered(self, key: str, error: StoreError) -> _Found | StoreError:
        answer = self._memory.get(key)
        if answer is None:
            return error
        self.as_of = min(self.as_of or answer.at, answer.at)
        return answer.found

    def _told(self, key: str) -> _Found:
        heard = self._heard[key]
        if isinstance(heard, StoreError):
            raise heard
        return heard

    def _ask(self, operation: str, about: Sequence[str], **wanted: Any) -> dict[str, Any]:
        if self.away:
            raise type(self.away)(str(self.away))  # the others would each wait for the same
        if self._pace:
            self._pace.wait()
        self.requests += 1
        return self._store._ask(operation, about, **wanted)  # noqa: SLF001 - on its behalf

    def _client(self) -> Any:
        return self._store._client()  # noqa: SLF001 - likewise
