"""A model's page, with the history of its labels as a list and a timeline, and its rollout's."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, zip_longest
from typing import Any, NamedTuple

from model_config.comparing.changes import changes
from model_config.format import errors, names
from model_config.format.rollout import Rollout, Step
from model_config.operate import record, rollout_plan
from model_config.operate.environment import State, read_state
from model_config.operate.record import Written
from model_config.operate.releases import Releases, read_releases
from model_config.operate.ssm import Ssm, Watch
from model_config.web.site import Content, Notice, Site, notices_of

#: The number of newest columns that are drawn. Set by this package: about two screens.
_COLUMNS = 24
#: The size of a timeline's columns and lanes, and of the line with the releases' numbers.
COLUMN, LANE, HEAD = 56, 30, 26
_GAP = 3
#: The size of a rollout's curve.
WIDTH, HEIGHT = 640, 200


def model(site: Site, watch: Watch, stack: str, name: str) -> Content:
    path = site.environment(stack).path
    with site.view_of(stack, watch) as ssm:
        releases = read_releases(ssm, path, name, documents=True)
        history, problems = _history(ssm, path, name)
        notices = [*notices_of(stack, ssm), *problems]
        newest = history[-1].document if history else None
    values = {
        "stack": stack,
        "releases": releases,
        "rollout": State(releases, newest).under_way if newest else None,
        "entries": _entries(releases, history or []),
        "timeline": timeline(releases, history or []),
        "is_recorded": history is not None,
        "elsewhere": [
            other
            for other in site.environments
            if other != stack and _is_in(site, watch, other, name)
        ],
    }
    return Content("model", f"{name} in {stack}", values, notices)


def _history(ssm: Ssm, path: str, name: str) -> tuple[list[Written] | None, list[Notice]]:
    """Return the versions of a rollout parameter; or None, and notices why they can't be read."""
    try:
        return record.read_history(ssm, path, name), []
    except errors.StoreUnavailableError:
        raise
    except errors.ModelNotFoundError:  # deployed by a version without rollout parameters
        return None, []
    except errors.StoreError as error:
        return None, [Notice(f"The history of the labels can't be read: {error}")]


def _is_in(site: Site, watch: Watch, stack: str, name: str) -> bool:
    release = names.release_name(names.model_path(site.environment(stack).path, name))
    with site.view_of(stack, watch) as ssm:
        try:
            return release in ssm.get([release])
        except errors.StoreError:  # its own page says why
            return False


def _entries(releases: Releases, history: list[Written]) -> list[dict[str, Any]]:
    """Return events and releases, newest first; a release with its changes, if they are known."""
    entries: list[dict[str, Any]] = [
        {"at": event.written.at, "event": event} for event in record.events(history)
    ]
    for release, before in releases.with_former():
        old, new = before.content if before else None, release.content
        changed = changes(old, new) if old and new else None
        entries.append({"at": release.at, "release": release, "before": before, "changes": changed})
    return sorted(entries, key=lambda entry: entry["at"], reverse=True)


class Bar(NamedTuple):
    x: int
    width: int
    release: int


class Timeline(NamedTuple):
    """A drawn timeline, with columns of one width: between two events may be days or seconds."""

    width: int
    height: int
    since: datetime
    #: The left edge of each release's column, with its number.
    marks: list[tuple[int, int]]
    #: The name, the upper edge and the bars of each label, and of its rollouts.
    lanes: list[tuple[str, int, list[Bar]]]


class _Period(NamedTuple):
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
    marks = [(columns[it.at], it.number) for it in releases if it.at in columns]
    lanes = [(lane, HEAD + n * LANE, bars[lane]) for n, lane in enumerate(bars)]
    return Timeline(width, HEAD + len(lanes) * LANE, shown[0], marks, lanes)


def _label_periods(releases: Releases, history: Sequence[Written]) -> Iterator[_Period]:
    oldest = releases.oldest.at
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
    for label, release in releases.labels.items():
        if not label.endswith(names.PREVIOUS):
            known, since = on.get(label, (None, oldest))
            # Without a record of its last move, only its present release is known.
            yield _Period(label, release, since if known == release else releases.newest.at)


def _rollout_periods(history: Sequence[Written]) -> Iterator[_Period]:
    def salt(written: Written) -> str | None:
        rollout = written.document.rollout if written.document else None
        return rollout.salt if rollout else None

    begun = [next(versions) for _, versions in groupby(history, key=salt)]
    for written, following in zip_longest(begun, begun[1:]):
        if written.document and (rollout := written.document.rollout):
            end = following.at if following else None
            yield _Period(f"{rollout.label} rollout", rollout.release, written.at, end)


def rollout(site: Site, watch: Watch, stack: str, name: str) -> Content:
    path, now = site.environment(stack).path, datetime.now(UTC)
    with site.view_of(stack, watch) as ssm:
        state = read_state(ssm, read_releases(ssm, path, name, documents=False))
        history, problems = _history(ssm, path, name)
        notices = [*notices_of(stack, ssm), *problems]
    values: dict[str, Any] = {
        "stack": stack,
        "model": name,
        "problem": state.problem,
        "events": [event for event in record.events(history or []) if "rollout" in event.what],
        "rollout": state.under_way,
    }
    if current := state.under_way:
        values |= {
            "plan": rollout_plan.plan_of(current),
            "begun": record.started(history, current) if history else None,
            "next": rollout_plan.next_step(current, now),
            "due": rollout_plan.due_at(current),
            "curve": curve(current, now),
        }
    return Content("rollout", f"Rollout of {name} in {stack}", values, notices)


class Point(NamedTuple):
    x: float
    y: float
    step: Step
    is_past: bool


class Curve(NamedTuple):
    line: str  #: The whole plan, as an SVG path.
    past: str  #: The area below the past steps, as an SVG path.
    now: float
    points: list[Point]
    ticks: list[tuple[float, datetime]]
    width: int = WIDTH
    height: int = HEIGHT


def curve(rollout: Rollout, now: datetime) -> Curve:
    """Return the drawing of a rollout. A paused one's steps are drawn at their earliest time."""
    plan, last = rollout_plan.plan_of(rollout), rollout.steps[-1]
    missing = plan.percents[len(rollout.steps) :]
    earliest = max(last.at + plan.interval, now)
    steps = rollout.steps + rollout_plan.steps_from(missing, earliest, plan.interval)
    begin = steps[0].at
    end = max(rollout_plan.due_at(rollout) or steps[-1].at, steps[-1].at, now)
    span = max(end - begin, timedelta(seconds=1))

    def x(at: datetime) -> float:
        return round((at - begin) / span * WIDTH, 1)

    def path(points: Sequence[Point]) -> str:
        return f"M0 {HEIGHT}{''.join(f'H{point.x}V{point.y}' for point in points)}"

    points = [
        Point(x(step.at), round(HEIGHT - step.percent / 100 * HEIGHT, 1), step, step.at <= now)
        for step in steps
    ]
    past, present = [point for point in points if point.is_past], max(x(now), 0)
    times = [begin + share * span / 3 for share in range(4)]
    return Curve(
        line=f"{path(points)}H{WIDTH}",
        past=f"{path(past)}H{present}V{HEIGHT}Z",
        now=present,
        points=points,
        ticks=[(x(at), at) for at in times],
    )
