"""What a read is served at once: without a lock, and without a look at what is known of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

from model_config.reader.configuration import Configuration
from model_config.reader.loading import Key
from model_config.reader.reading import Reading

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

#: From when, and to when, by the wall clock, something may be served.
Span: TypeAlias = tuple[float, float, ValueT]


class Fresh(Generic[KeyT, ValueT]):
    """Values by key, each with the time in which it need not be asked for.

    The wall clock alone is looked at: one call instead of two, and a tenth of a microsecond. A
    wall clock that is set back lengthens a lifetime once, by less than itself.

    Args:
        wall: returns seconds since 1970.

    Attributes:
        hits: how many reads were served, counted without a lock.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._values: dict[KeyT, Span[ValueT]] = {}
        self.hits = 0

    def get(self, key: KeyT) -> ValueT | None:
        """Return the key's value if it need not be asked for."""
        found = self._values.get(key)
        if found is None:
            return None
        begins, ends, value = found
        if not begins <= self._wall() < ends:
            return None
        self.hits += 1
        return value

    def put(self, key: KeyT, value: ValueT, seconds: float) -> None:
        """Serve a value for so long."""
        now = self._wall()
        self._values[key] = now, now + seconds, value

    def drop(self, key: KeyT) -> None:
        """Serve the key's value no longer."""
        self._values.pop(key, None)


class FreshReadings(Fresh[Key, Reading]):
    """Readings, and at hand for most reads what they get: by the reader's label, and no rollout.

    Args:
        wall: returns seconds since 1970.
        label: the reader's label.

    Attributes:
        plain: configurations by class and model, since two look-ups by one name take less time
            than one by three.
    """

    def __init__(self, wall: Callable[[], float], label: str) -> None:
        super().__init__(wall)
        self._label = label
        self.plain: defaultdict[type[Any] | None, dict[str, Span[Configuration]]]
        self.plain = defaultdict(dict)

    def put(self, key: Key, value: Reading, seconds: float) -> None:
        """Serve a reading for so long."""
        super().put(key, value, seconds)
        model, selector, schema = key
        if selector != self._label:
            return
        if value.rollout is None:
            begins, ends, _ = self._values[key]
            self.plain[schema][model] = begins, ends, value.configuration
        else:
            self.plain[schema].pop(model, None)

    def drop(self, key: Key) -> None:
        """Serve the key's reading no longer."""
        super().drop(key)
        model, selector, schema = key
        if selector == self._label:
            self.plain[schema].pop(model, None)
