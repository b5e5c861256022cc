"""Draws a model's timeline: a mark for each release, and bars for the releases of each label.

Each event gets a column of the same width, since the time between two may be days or seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from model_config.format.names import PREVIOUS
from model_config.format.rollout import Moved
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.history import Written

#: The number of newest columns that are drawn. Set by this package: about two screens.
_COLUMNS = 24
COLUMN, LANE, HEAD = 56, 30, 26
_GAP = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """A release, at the left edge of its column."""

    x: int
    number: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A period in which a label was on a release.

    Attributes:
        is_rollout: whether it is a rollout to a share of the label's readers.
    """

    x: int
    width: int
    release: int
    is_rollout: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """The bars of one label, or of its rollouts."""

    name: str
    y: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A drawn timeline.

    Attributes:
        since: the start of the first column.
    """

    width: int
    height: int
    since: datetime
    marks: tuple[Mark, ...]
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class _Period:
    """A period in which a label or its rollout was on a release; `end` is None if it still is."""

    label: str
    release: int
    begin: datetime
    end: datetime | None
    is_rollout: bool = False


def timeline(releases: Releases, history: Sequence[Written]) -> Timeline:
    """Return the timeline of a model; its history is oldest first."""
    periods = [*_label_periods(releases, history), *_rollout_periods(history)]
    times = {each.at for each in releases} | {each.begin for each in periods}
    times |= {each.end for each in periods if each.end}
    shown = sorted(times)[-_COLUMNS:]
    columns = {at: number for number, at in enumerate(shown)}
    end = len(shown)

    def bar(period: _Period) -> Bar:
        first = columns.get(period.begin, 0)
        last = columns.get(period.end, 0) if period.end else end
        width = (last - first) * COLUMN - _GAP
        return Bar(first * COLUMN, width, period.release, period.is_rollout)

    visible = [each for each in periods if each.end is None or each.end > shown[0]]
    names = sorted({(each.label, each.is_rollout) for each in visible})
    drawn = tuple(
        Lane(
            f"{label} rollout" if is_rollout else label,
            HEAD + number * LANE,
            tuple(
                bar(each)
                for each in visible
                if (each.label, each.is_rollout) == (label, is_rollout)
            ),
        )
        for number, (label, is_rollout) in enumerate(names)
    )
    marks = tuple(
        Mark(columns[each.at] * COLUMN, each.number) for each in releases if each.at in columns
    )
    return Timeline(end * COLUMN, HEAD + len(drawn) * LANE, shown[0], marks, drawn)


def _label_periods(releases: Releases, history: Sequence[Written]) -> Iterator[_Period]:
    """Yield the recorded periods of each label."""
    oldest, labels = releases.oldest.at, releases.labels
    on: dict[str, tuple[int, datetime]] = {}
    for at, moved in _moves(history):
        release, since = on.get(moved.label, (moved.before, oldest))
        if release is not None and since < at:
            yield _Period(moved.label, release, since, at)
        on[moved.label] = (moved.release, at)
    for label, release in labels.items():
        if label.endswith(PREVIOUS):
            continue
        known, since = on.get(label, (None, oldest))
        # Without a record of its last move, only its present release is known.
        begin = since if known == release else max(each.at for each in releases)
        yield _Period(label, release, begin, None)


def _moves(history: Sequence[Written]) -> Iterator[tuple[datetime, Moved]]:
    last = None
    for each in history:
        moved = each.document.moved if each.document else None
        if moved and moved != last:
            yield each.at, moved
        last = moved or last


def _rollout_periods(history: Sequence[Written]) -> Iterator[_Period]:
    period, salt = None, None
    for each in history:
        rollout = each.document.rollout if each.document else None
        if period and (rollout is None or rollout.salt != salt):
            yield replace(period, end=each.at)
            period = None
        if rollout and period is None:
            period = _Period(rollout.label, rollout.release, each.at, None, is_rollout=True)
            salt = rollout.salt
    if period:
        yield period
