"""A model's page: its releases and the history of its labels, as a list and as a timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, zip_longest
from typing import NamedTuple

from model_config.comparing.changes import Change, changes
from model_config.format.errors import ModelNotFoundError, StoreError, StoreUnavailableError
from model_config.format.names import PREVIOUS, model_path, release_name
from model_config.operate.record import Event, Written, events, read_history, under_way
from model_config.operate.releases import PastRelease, Releases, read_releases
from model_config.operate.ssm import Ssm, Watch
from model_config.web.pages import Content, Notice
from model_config.web.site import Site, notices_of

#: The number of newest columns that are drawn. Set by this package: about two screens.
_COLUMNS = 24
#: The size of a timeline's columns and lanes, and of the line with the releases' numbers.
COLUMN, LANE, HEAD = 56, 30, 26
_GAP = 3


class Entry(NamedTuple):
    """A new release with its changes from the one before, or a change of a label or a rollout."""

    at: datetime
    by: str
    event: Event | None = None
    release: PastRelease | None = None
    before: PastRelease | None = None
    changes: Sequence[Change] | None = None


def model(site: Site, watch: Watch, stack: str, name: str) -> Content:
    """Read a model's releases and the history of its labels."""
    path = site.environment(stack).path
    with site.view_of(stack, watch) as ssm:
        releases = read_releases(ssm, path, name, documents=True)
        history, problems = history_of(ssm, path, name)
        newest = history[-1].document if history else None
        values = {
            "stack": stack,
            "releases": releases,
            "rollout": under_way(newest, releases) if newest else None,
            "entries": _entries(releases, history or []),
            "timeline": timeline(releases, history or []),
            "is_recorded": history is not None,
        }
        notices = (*notices_of(stack, ssm), *problems)
    others = (other for other in site.environments if other != stack)
    values["elsewhere"] = [other for other in others if _is_in(site, watch, other, name)]
    return Content("model", f"{name} in {stack}", values, notices)


def history_of(ssm: Ssm, path: str, name: str) -> tuple[list[Written] | None, tuple[Notice, ...]]:
    """Return the versions of a rollout parameter; or None, and notices why they can't be read."""
    try:
        return read_history(ssm, path, name), ()
    except StoreUnavailableError:
        raise
    except ModelNotFoundError:  # deployed by a version without rollout parameters
        return None, ()
    except StoreError as error:
        return None, (Notice(f"The history of the labels can't be read: {error}"),)


def _is_in(site: Site, watch: Watch, stack: str, name: str) -> bool:
    release = release_name(model_path(site.environment(stack).path, name))
    with site.view_of(stack, watch) as ssm:
        try:
            return release in ssm.get([release])
        except StoreError:  # its own page says why
            return False


def _entries(releases: Releases, history: list[Written]) -> list[Entry]:
    """Return the releases and the changes of labels and rollouts, newest first."""
    entries = [Entry(event.written.at, event.written.by, event) for event in events(history)]
    for release, before in releases.with_former():
        old, new = before.content if before else None, release.content
        changed = changes(old, new) if old and new else None
        entries.append(Entry(release.at, release.by, None, release, before, changed))
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


class Bar(NamedTuple):
    """A drawn period in which a label, or a rollout to its readers, was on a release."""

    x: int
    width: int
    release: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A drawn timeline.

    Each event gets a column of the same width, since the time between two may be days or seconds.

    Attributes:
        since: the start of the first column.
        marks: the left edge of each release's column, with its number.
        lanes: the name, the upper edge and the bars of each label, and of its rollouts.
    """

    width: int
    height: int
    since: datetime
    marks: list[tuple[int, int]]
    lanes: list[tuple[str, int, list[Bar]]]


@dataclass(frozen=True, slots=True)
class _Period:
    """A period in which a label or its rollout was on a release; `end` is None if it still is."""

    lane: str
    release: int
    begin: datetime
    end: datetime | None = None


def timeline(releases: Releases, history: Sequence[Written]) -> Timeline:
    """Return the timeline of a model; its history is oldest first."""
    periods = [*_label_periods(releases, history), *_rollout_periods(history)]
    times = {release.at for release in releases}
    times |= {at for period in periods for at in (period.begin, period.end) if at}
    shown = sorted(times)[-_COLUMNS:]
    columns = {at: number * COLUMN for number, at in enumerate(shown)}
    width = len(shown) * COLUMN
    bars: dict[str, list[Bar]] = {}
    for period in sorted(periods, key=lambda period: period.lane):
        first = columns.get(period.begin, 0)
        last = columns.get(period.end, 0) if period.end else width
        if last > first:  # it ended after the first column
            bar = Bar(first, last - first - _GAP, period.release)
            bars.setdefault(period.lane, []).append(bar)
    marks = [(columns[each.at], each.number) for each in releases if each.at in columns]
    lanes = [(lane, HEAD + n * LANE, bars[lane]) for n, lane in enumerate(bars)]
    return Timeline(width, HEAD + len(lanes) * LANE, shown[0], marks, lanes)


def _label_periods(releases: Releases, history: Sequence[Written]) -> Iterator[_Period]:
    """Yield the recorded periods of each label."""
    oldest, labels = releases.oldest.at, releases.labels
    on: dict[str, tuple[int | None, datetime]] = {}
    last = None
    for written in history:
        moved = written.document.moved if written.document else None
        if moved is None or moved == last:
            continue
        last = moved
        release, since = on.get(moved.label, (moved.before, oldest))
        if release is not None and since < written.at:
            yield _Period(moved.label, release, since, written.at)
        on[moved.label] = (moved.release, written.at)
    for label, release in labels.items():
        if label.endswith(PREVIOUS):
            continue
        known, since = on.get(label, (None, oldest))
        # Without a record of its last move, only its present release is known.
        begin = since if known == release else releases.newest.at
        yield _Period(label, release, begin)


def _rollout_periods(history: Sequence[Written]) -> Iterator[_Period]:
    begun = [next(versions) for _, versions in groupby(history, key=_salt)]
    for written, following in zip_longest(begun, begun[1:]):
        if written.document and (rollout := written.document.rollout):
            end = following.at if following else None
            yield _Period(f"{rollout.label} rollout", rollout.release, written.at, end)


def _salt(written: Written) -> str | None:
    rollout = written.document.rollout if written.document else None
    return rollout.salt if rollout else None
