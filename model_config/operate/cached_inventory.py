"""An inventory for one view: it asks SSM nothing twice, and sends several requests at once.

A view calls the same functions as the commands do. Repeated questions are answered from a cache.
While AWS is unavailable, the inventory returns the answers that earlier inventories received.
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

#: Concurrent requests. At 50 ms for each answer, this is more than the rate allows.
THREADS = 4
#: Requests in a second: half of the default quota (AWS General Reference, Systems Manager quotas,
#: GetParameters), so that the other half is left to applications. Also the largest burst.
RATE = 20
#: Shared by all inventories of this process, since environments may share an account.
PACE = Pace(RATE, RATE)

_Found: TypeAlias = list[Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What SSM answered, and when."""

    found: _Found
    at: datetime


#: The latest answers about one environment, by request.
Memory: TypeAlias = dict[str, Answer]


class CachedInventory(Inventory):
    """An inventory that sends each request once.

    Attributes:
        away: why AWS is unavailable, or None while it is available.
        as_of: the time of the oldest answer that was reused because AWS is unavailable, or None.

    Args:
        store: sends the requests. Successive inventories share it, with its connections.
        watch: shows progress.
        memory: the answers to earlier inventories; this one adds to them.
        pace: limits the request rate.
        threads: concurrent requests.
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
        self._answers: dict[str, _Found | StoreError] = {}
        self.away: StoreUnavailableError | None = None
        self.as_of: datetime | None = None

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], what: str
    ) -> list[Result]:
        """Return the function's result for each item, in their order; several run at once."""
        if self._threads == 1:
            return super().map(function, items, what)
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                return list(self.watch(pool.map(function, items), what, len(items)))
            finally:
                pool.shutdown(cancel_futures=True)

    def _pages(self, operation: str, about: list[str], **wanted: Any) -> Iterator[dict[str, Any]]:
        key = f"{operation} {json.dumps(wanted, sort_keys=True)}"
        if key not in self._answers:
            pages = super()._pages(operation, about, **wanted)
            self._fetch([key], lambda: {key: list(pages)})
        yield from self._answer(key)

    def _get_batch(self, names: list[str]) -> list[Stored]:
        keys = {name: f"get_parameters {name}" for name in names}
        if missing := [name for name in names if keys[name] not in self._answers]:
            ask = super()._get_batch

            def answer_by_name() -> dict[str, _Found]:
                found = {stored.name: stored for stored in ask(missing)}
                bare = {name: name.partition(":")[0] for name in missing}
                return {keys[n]: [found[bare[n]]] if bare[n] in found else [] for n in missing}

            self._fetch([keys[name] for name in missing], answer_by_name)
        return [stored for name in names for stored in self._answer(keys[name])]

    def _fetch(self, keys: Sequence[str], ask: Callable[[], Mapping[str, _Found]]) -> None:
        """Ask AWS and cache its answers; while it is unavailable, reuse earlier answers."""
        try:
            found = ask()
        except StoreUnavailableError as error:
            self.away = error
            self._answers.update((key, self._remembered(key, error)) for key in keys)
        except StoreError as error:
            if len(keys) > 1:
                raise  # the caller asks for each name by itself to find the one that is denied
            self._answers[keys[0]] = error
        else:
            self._answers.update(found)
            self._memory.update({key: Answer(found[key], datetime.now(UTC)) for key in keys})

    def _remembered(self, key: str, error: StoreError) -> _Found | StoreError:
        answer = self._memory.get(key)
        if answer is None:
            return error
        self.as_of = min(self.as_of or answer.at, answer.at)
        return answer.found

    def _answer(self, key: str) -> _Found:
        answer = self._answers[key]
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def _ask(self, operation: str, about: Sequence[str], **wanted: Any) -> dict[str, Any]:
        if self.away:  # every further request would wait for the same timeout
            raise type(self.away)(str(self.away))
        if self._pace:
            self._pace.wait()
        self.requests += 1
        return self._store._ask(operation, about, **wanted)  # noqa: SLF001 - on its behalf

    def _client(self) -> Any:
        return self._store._client()  # noqa: SLF001 - likewise
