"""Prefetches the parameters of several renewals, in as few requests as possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from model_config.format.errors import ModelConfigError, StoreUnavailableError
from model_config.reader.source import Source, Stored
from model_config.reader.states import Problem
from model_config.reader.store import BATCH


class Prefetched:
    """A source that has fetched some parameters already, and gets the rest from another source.

    A refused request is ignored: one denied name refuses the whole request, so each renewal then
    makes its own, and the others don't suffer. A request without an answer ends the prefetching,
    and each renewal that needs more gets the same error.

    Args:
        source: the other source.
        needs: the names that each renewal needs. They stay in one request if they fit.
    """

    def __init__(self, source: Source, needs: Iterable[Sequence[str]]) -> None:
        self._source = source
        self._found: dict[str, Stored | None] = {}
        self._away: Problem | None = None
        for names in _requests(needs):
            self._fetch(names)

    def get(self, names: Sequence[str]) -> Mapping[str, Stored]:
        """Return parameters, as the other source does."""
        missing = [name for name in names if name not in self._found]
        if missing and self._away is not None:
            raise self._away.error()
        known = (self._found.get(name) for name in names)
        found = {stored.name: stored for stored in known if stored is not None}
        return {**found, **self._source.get(missing)} if missing else found

    def close(self) -> None:
        """Close the other source's connections."""
        self._source.close()

    def _fetch(self, names: list[str]) -> None:
        if self._away is not None:
            return
        try:
            found = self._source.get(names)
        except StoreUnavailableError as error:
            self._away = Problem.of(error)
        except ModelConfigError:
            return
        else:
            self._found |= {name: found.get(_bare(name)) for name in names}


def _requests(needs: Iterable[Sequence[str]]) -> Iterable[list[str]]:
    """Yield the names of each request: at most ten, and each parameter in one form only."""
    request: dict[str, str] = {}
    for names in needs:
        more = {_bare(name): name for name in names}
        in_two_forms = any(request.get(bare, name) != name for bare, name in more.items())
        if request and (in_two_forms or len(request | more) > BATCH):
            yield list(request.values())
            request = {}
        request |= more
    if request:
        yield list(request.values())


def _bare(name: str) -> str:
    return name.partition(":")[0]
