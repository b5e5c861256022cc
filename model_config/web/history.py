"""A model's page, with the history of its labels as a list and a timeline, and its rollout's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, zip_longest
from typing import NamedTuple

from model_config.comparing.changes import Change, changes
from model_config.format.errors import ModelNotFoundError, StoreError, StoreUnavailableError
from model_config.format.names import PREVIOUS, model_path, release_name
from model_config.format.rollout import Rollout, Step
from model_config.operate import record
from model_config.operate.environment import State, read_state
from model_config.operate.record import Event, Written
from model_config.operate.releases import PastRelease, Releases, read_releases
from model_config.operate.rollout_plan import due_at, next_step, plan_of, steps_from
from model_config.operate.ssm import Ssm, Watch
from model_config.web.pages import Content, Notice
from model_config.web.site import Site, notices_of

#: The number of newest columns that are drawn. Set by this package: about two screens.
_COLUMNS = 24
#: The size of a timeline's columns and lanes, and of the line with the releases' numbers.
COLUMN, LANE, HEAD = 56, 30, 26
_GAP = 3


class Entry(NamedTuple):
    at: datetime
    by: str
    event: Event | None = None
    release: PastRelease | None = None
    before: PastRelease | None = None
    changes: Sequence[Change] | None = None


def model(site: Site, watch: Watch, stack: str, name: str) -> Content:
    path = site.environment(stack).path
    with site.view_of(stack, watch) as ssm:
        releases = read_releases(ssm, path, name, documents=True)
        history, problems = history_of(ssm, path, name)
        newest = history[-1].document if history else None
        state = State(releases, newest) if newest else State(releases)
        values = {
            "stack": stack,
            "releases": releases,
            "rollout": state.under_way,
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
        return record.read_history(ssm, path, name), ()
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
    entries = [Entry(event.written.at, event.written.by, event) for event in record.events(history)]
    for release, before in releases.with_former():
        old, new = before.content if before else None, release.content
        changed = changes(old, new) if old and new else None
        entries.append(Entry(release.at, release.by, None, release, before, changed))
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


class Bar(NamedTuple):
    x: int
    width: int
    release: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A drawn timeline, with columns of one width: between two events may be days or seconds."""

    width: int
    height: int
    since: datetime
    #: The left edge of each release's column, with its number.
    marks: list[tuple[int, int]]
    #: The name, the upper edge and the bars of each label, and of its rollouts.
    lanes: list[tuple[str, int, list[Bar]]]


@dataclass(frozen=True, slots=True)
class _Period:
    """A period in which a label or its rollout was on a release; `end` is None if it still is."""

    lane: str
    release: int
    begin: datetime
    end: datetime | None = None


def timeline(releases: Releases, history: Sequence[Written]) -> Timeline:
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


WIDTH, HEIGHT = 640, 200
#: The number of times on the axis.
_TICKS = 4


def rollout(site: Site, watch: Watch, stack: str, name: str) -> Content:
    path, now = site.environment(stack).path, datetime.now(UTC)
    with site.view_of(stack, watch) as ssm:
        releases = read_releases(ssm, path, name, documents=False)
        state = read_state(ssm, releases)
        history, problems = history_of(ssm, path, name)
        notices = (*notices_of(stack, ssm), *problems)
    current = state.under_way
    values = {
        "stack": stack,
        "model": name,
        "problem": state.problem,
        "events": [event for event in record.events(history or []) if "rollout" in event.what],
        "rollout": current,
        "plan": plan_of(current) if current else None,
        "begun": record.started(history, current) if history and current else None,
        "next": next_step(current, now) if current else None,
        "due": due_at(current) if current else None,
        "curve": curve(current, now) if current else None,
    }
    return Content("rollout", f"Rollout of {name} in {stack}", values, notices)


class Point(NamedTuple):
    x: float
    y: float
    step: Step
    is_past: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """A drawn rollout: the share of readers over time."""

    line: str  #: The whole plan, as an SVG path.
    past: str  #: The area below the past steps, as an SVG path.
    now: float
    points: tuple[Point, ...]
    ticks: tuple[tuple[float, datetime], ...]
    width: int = WIDTH
    height: int = HEIGHT


def curve(rollout: Rollout, now: datetime) -> Curve:
    """Return the drawing of a rollout. A paused one's steps are drawn at their earliest time."""
    plan = plan_of(rollout)
    missing = plan.percents[len(rollout.steps) :]
    earliest = max(rollout.steps[-1].at + plan.interval, now)
    steps = rollout.steps + steps_from(missing, earliest, plan.interval)
    begin = steps[0].at
    end = max(due_at(rollout) or steps[-1].at, steps[-1].at, now)
    span = max(end - begin, timedelta(seconds=1))

    def x(at: datetime) -> float:
        return round((at - begin) / span * WIDTH, 1)

    points = tuple(
        Point(x(step.at), round(HEIGHT - step.percent / 100 * HEIGHT, 1), step, step.at <= now)
        for step in steps
    )
    present = max(x(now), 0)
    return Curve(
        line=f"M0 {HEIGHT}{''.join(f'H{p.x}V{p.y}' for p in points)}H{WIDTH}",
        past=f"M0 {HEIGHT}{''.join(f'H{p.x}V{p.y}' for p in points if p.is_past)}"
        f"H{present}V{HEIGHT}Z",
        now=present,
        points=points,
        ticks=tuple(
            (round(n / (_TICKS - 1) * WIDTH, 1), begin + n / (_TICKS - 1) * span)
            for n in range(_TICKS)
        ),
    )
