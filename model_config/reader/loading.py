"""Loads readings: the names that a renewal requests, and what it builds from the answer."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from model_config.format.errors import (
    AccessDeniedError,
    ModelConfigError,
    ReleaseError,
    ReleaseNotFoundError,
    SchemaMismatchError,
    SecretUnavailableError,
)
from model_config.format.names import LATEST, model_path, release_name, rollout_name
from model_config.reader.cache.states import Kept, Problem
from model_config.reader.configuration import Configuration
from model_config.reader.fallback import FallbackRelease
from model_config.reader.opening import Answer, Opener
from model_config.reader.reading import Reading, Unfollowed
from model_config.reader.source import Stored

if TYPE_CHECKING:
    from model_config.reader.share import Share

#: Seconds for which a model's rollout isn't requested after a denial. Set by this package.
DENIED = 600.0

#: The key of a read: a model, a label or number, and a class or None.
Key: TypeAlias = tuple[str, str | int, type[Any] | None]

# The errors of a release that was read and can't be used.
_UNUSABLE = (ReleaseError, SchemaMismatchError, SecretUnavailableError)

_log = logging.getLogger(__name__)


class ReadingLoader:
    """Loads a release, its secrets and its model's rollout, all in one request.

    Args:
        opener: builds configurations, and has the source.
        fallback: the releases to serve while AWS can't be reached, by model.
        path: the environment's path, "/ai/prod".
        ttl: seconds that a reading is good for outside of a rollout.
    """

    def __init__(
        self, opener: Opener, fallback: Mapping[str, FallbackRelease], path: str, ttl: float
    ) -> None:
        self._opener, self._fallback, self._path, self._ttl = opener, fallback, path, ttl
        self._denied_until: dict[str, float] = {}

    def prefetched(self, wanted: Mapping[Key, Reading | None]) -> ReadingLoader:
        """Return a loader that has prefetched what these keys need."""
        if len(wanted) == 1:
            return self
        from model_config.reader.prefetch import Prefetched  # noqa: PLC0415 - a faster cold start

        needs = [self._names(key, last) for key, last in wanted.items()]
        loader = copy.copy(self)
        loader._opener = self._opener._replace(  # noqa: SLF001 - of this class
            source=Prefetched(self._opener.source, needs)
        )
        return loader

    def load(self, key: Key, last: Reading | None) -> Reading | Kept[Reading]:
        """Return the reading of a key, or the last good one if the new one can't be used.

        Raises:
            ModelConfigError: it can't be read.
        """
        asked_at = self._opener.clock()
        answer = Answer(self._ask(key[0], self._names(key, last)), asked_at)
        try:
            current = self._current(key, last, answer)
        except _UNUSABLE as error:
            if last is None:
                raise
            return Kept(self._kept(last, answer), Problem.of(error))
        return Reading(current, self._rollout(key, last, answer, current))

    def fallback_for(self, key: Key) -> Reading | None:
        """Return the fallback's release for the same label or number, if it fits the class."""
        model, selector, schema = key
        found = self._fallback.get(model)
        if found is None or selector not in (found.label, found.number):
            return None
        label = selector if isinstance(selector, str) else None
        with suppress(SchemaMismatchError):
            return Reading(self._opener.from_fallback(found, label, schema))
        return None

    def lifetime(self, reading: Reading) -> float:
        """Return the seconds that a reading is good for."""
        if reading.rollout is not None:
            return min(self._ttl, reading.rollout.plan.poll_seconds)
        never_changes = reading.is_pinned and not self._secrets_of(reading)
        return math.inf if never_changes else self._ttl

    def _names(self, key: Key, last: Reading | None) -> list[str]:
        """Return the names in a renewal's request."""
        model, selector, _ = key
        known = [] if last is None else self._secrets_of(last)
        if last is not None and last.is_pinned:
            return known
        path = model_path(self._path, model)
        name = release_name(path)
        if selector == LATEST:
            return [name, *known]
        if isinstance(selector, int) or self._opener.clock() < self._denied_until.get(model, 0.0):
            return [f"{name}:{selector}", *known]
        return [f"{name}:{selector}", rollout_name(path), *known]

    def _secrets_of(self, reading: Reading) -> list[str]:
        if not self._opener.with_secrets:
            return []
        return list(
            dict.fromkeys(
                name
                for each in reading.releases
                for name in each.content.secret_names(model_path(self._path, each.model)).values()
            )
        )

    def _ask(self, model: str, names: Sequence[str]) -> Mapping[str, Stored]:
        source, rollout = self._opener.source, rollout_name(model_path(self._path, model))
        try:
            return source.get(names)
        except AccessDeniedError:
            if rollout not in names:
                raise
        # One denied name makes SSM refuse the whole request, and the reader policy of an older
        # deploy doesn't allow the rollout.
        found = source.get([name for name in names if name != rollout])
        if model not in self._denied_until:
            _log.warning(
                "no permission to read %s, so rollouts of %s are ignored: deploy with this version "
                "of model-config, whose reader policy allows it",
                rollout,
                model,
            )
        self._denied_until[model] = self._opener.clock() + DENIED
        return found

    def _current(self, key: Key, last: Reading | None, answer: Answer) -> Configuration:
        """Return the requested release."""
        model, selector, schema = key
        if last is not None and last.is_pinned:
            return self._opener.renewed(last.configuration, answer)
        path = model_path(self._path, model)
        stored = answer.found.get(release_name(path))
        if stored is None:
            from model_config.reader.not_there import not_there  # noqa: PLC0415 - a faster start

            raise not_there(self._opener.source, path, selector)
        for known in [] if last is None else last.releases:
            if known.is_of(stored.version, stored.text):
                return self._opener.renewed(known, answer)
        label = selector if isinstance(selector, str) else None
        return self._opener.opened(stored, answer, label, schema)

    def _kept(self, last: Reading, answer: Answer) -> Reading:
        """Return the last reading with its newest secrets, as it may be served for days."""
        try:
            return Reading(self._opener.with_newest_secrets(last.configuration, answer))
        except ModelConfigError:
            return last

    def _rollout(
        self, key: Key, last: Reading | None, answer: Answer, current: Configuration
    ) -> Share | Unfollowed | None:
        stored = answer.found.get(rollout_name(model_path(self._path, key[0])))
        if stored is None or '"rollout"' not in stored.text:
            return None
        from model_config.reader.share import Share, plan_in  # noqa: PLC0415 - a faster start

        plan = plan_in(stored, current)
        if plan is None:
            return None
        try:
            candidate = self._candidate(key, last, answer, plan.release)
        except ModelConfigError as error:
            return Unfollowed(plan, Problem.of(error))
        return Share(plan, current, candidate)

    def _candidate(
        self, key: Key, last: Reading | None, answer: Answer, number: int
    ) -> Configuration:
        """Return the candidate, fetched once, because a release's content never changes."""
        model, label, schema = key
        for known in [] if last is None else last.releases:
            if known.release == number and not known.from_fallback:
                return self._opener.renewed(known, answer)
        name = release_name(model_path(self._path, model))
        stored = self._opener.source.get([f"{name}:{number}"]).get(name)
        if stored is None:
            raise ReleaseNotFoundError(f"there is no release {number} of {model}, the candidate")
        return self._opener.opened(stored, answer, str(label), schema)
