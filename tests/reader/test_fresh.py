"""What is at hand for most reads: as long as it may be, and no longer."""

from __future__ import annotations

from typing import Any

from model_config.reader.fresh import FreshReadings
from model_config.reader.reading import Reading

KEY = ("chat", "stable", None)
READING: Any = Reading("a configuration")


def test_only_reads_by_the_readers_label_are_at_hand(clock: Any) -> None:
    fresh = FreshReadings(clock.wall, "stable")
    for selector in ("stable", "canary", 7):
        fresh.put(("chat", selector, None), READING, 60)
    assert fresh.plain == {None: {"chat": (clock.wall(), clock.wall() + 60, "a configuration")}}


def test_what_is_dropped_is_at_hand_no_longer(clock: Any) -> None:
    fresh = FreshReadings(clock.wall, "stable")
    fresh.put(KEY, READING, 60)
    fresh.drop(KEY)
    assert fresh.get(KEY) is None
    assert fresh.plain == {None: {}}
