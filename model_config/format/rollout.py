"""The content of a model's rollout parameter: a rollout under way, and the last move of a label.

Nothing has to run for a rollout to proceed: it is a plan of times, and each reader works out the
share. `docs/release-format.md` describes the text for readers in other languages.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from model_config.format.codec import PART_BYTES, size_in_bytes, to_json
from model_config.format.errors import RolloutError, UsageError
from model_config.format.names import check_movable_label, check_selector

FORMAT = 1
#: The text that a deploy writes: no move is recorded and no rollout is under way.
EMPTY = '{"format":1}'
#: The most characters of a reason, steps of a rollout, units that it names and bytes of one. Set by
#: this package, so that a document with all of them fits.
REASON_CHARACTERS, MAX_STEPS, MAX_UNITS, UNIT_BYTES = 500, 20, 32, 64
#: The number of buckets for units. With it, a share is exact to a hundredth of a percent.
BUCKETS = 10_000

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True, slots=True)
class Moved:
    """A label's last move: to a release, or None if it was taken off, from one or none.

    `held` says whether the move holds the label, as a rollback does; None if the record doesn't.
    """

    label: str
    release: int | None
    before: int | None
    reason: str | None = None
    held: bool | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The share of units, in percent, from a time on."""

    at: datetime
    percent: float


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout under way, of the candidate `release` to reads by `label`.

    Attributes:
        before: the release that the label is on. Once the label moves, the rollout is over.
        salt: 16 hex digits, drawn anew for each rollout.
        steps: in order of time, with rising percents.
        units: units that are given a release by name: the candidate, or the label's.
        plan: for the command line; readers ignore it.
    """

    label: str
    release: int
    before: int
    salt: str
    steps: tuple[Step, ...]
    units: Mapping[str, int] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)

    def percent(self, now: datetime) -> float:
        """Return the share that is served the candidate at a time: 0 before the first step."""
        return max((step.percent for step in self.steps if step.at <= now), default=0)


@dataclass(frozen=True, slots=True)
class Together:
    """The promotion of several models as one, in the document of each that moves.

    Attributes:
        releases: the release of each model, of those that don't move too.
        before: while it is pending, the release that the model's label was on, or None.
        previous: while it is pending, the release that its `-previous` was on, or None.
        pending: whether it has begun, and not all labels are known to have moved.
    """

    label: str
    releases: Mapping[str, int]
    before: int | None = None
    previous: int | None = None
    pending: bool = False


@dataclass(frozen=True, slots=True)
class RolloutDocument:
    """The content of a model's rollout parameter."""

    moved: Moved | None = None
    rollout: Rollout | None = None
    together: Together | None = None


def bucket(salt: str, unit: str) -> int:
    """Return the bucket of a unit, from 0 to 9,999. It is the same in every language."""
    digest = hashlib.sha256(f"{salt}:{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def threshold(percent: float) -> int:
    """Return the first bucket outside of a share."""
    return round(percent * BUCKETS / 100)


def read_rollout(text: str) -> RolloutDocument:
    """Return the content of a rollout document, or raise RolloutError. Unknown keys are ignored."""
    document = _document(text)
    moved, together = document.get("moved"), document.get("together")
    with _described():
        last = None if moved is None else _read_moved(_object(moved, "`moved`"))
        models = None if together is None else _read_together(_object(together, "`together`"))
    return RolloutDocument(last, rollout_in(text), models)


def rollout_in(text: str) -> Rollout | None:
    """Return the rollout in a document, as readers follow it: whatever else the document holds."""
    rollout = _document(text).get("rollout")
    with _described():
        return None if rollout is None else _read_rollout(_object(rollout, "`rollout`"))


def write_rollout(document: RolloutDocument) -> str:
    """Return the text of a document, or raise RolloutError if it is not valid or too large."""
    content: dict[str, Any] = {"format": FORMAT}
    if moved := document.moved:
        content["moved"] = {"label": moved.label, "release": moved.release, "from": moved.before}
        optional = {"reason": moved.reason, "held": moved.held}
        content["moved"] |= {key: value for key, value in optional.items() if value is not None}
    if rollout := document.rollout:
        content["rollout"] = {
            "label": rollout.label,
            "release": rollout.release,
            "from": rollout.before,
            "salt": rollout.salt,
            "steps": [{"at": _time(step.at), "percent": step.percent} for step in rollout.steps],
            **({"units": dict(rollout.units)} if rollout.units else {}),
            **({"plan": dict(rollout.plan)} if rollout.plan else {}),
        }
    if together := document.together:
        content["together"] = {"label": together.label, "releases": dict(together.releases)}
        if together.pending:
            former = {"from": together.before, "previous": together.previous}
            content["together"] |= {**former, "pending": True}
    text = to_json(content)
    read_rollout(text)
    if (size := size_in_bytes(text)) > PART_BYTES:
        raise RolloutError(
            f"the rollout document has {size:,} bytes; a Standard parameter holds "
            f"{PART_BYTES:,}. Shorten the reason, or use fewer steps, units, or models together"
        )
    return text


def _read_moved(moved: Mapping[str, Any]) -> Moved:
    check_movable_label(_text(moved["label"], "label"))
    before, reason, held = moved.get("from"), moved.get("reason"), moved.get("held")
    for release in (moved["release"], before):
        if release is not None:
            check_selector(_number(release))
    if reason is not None:
        _text(reason, "reason", REASON_CHARACTERS)
    if not isinstance(held, bool | None):
        raise RolloutError(f"`held` is {held!r}, not true or false")
    return Moved(moved["label"], moved["release"], before, reason, held)


def _read_together(together: Mapping[str, Any]) -> Together:
    check_movable_label(_text(together["label"], "label"))
    releases = _object(together["releases"], "`releases`")
    former = (together.get("from"), together.get("previous"))
    for release in (*releases.values(), *former):
        if release is not None:
            check_selector(_number(release))
    return Together(together["label"], releases, *former, together.get("pending") is True)


def _read_rollout(rollout: Mapping[str, Any]) -> Rollout:
    check_movable_label(_text(rollout["label"], "label"))
    release, before = rollout["release"], rollout["from"]
    for number in (release, before):
        check_selector(_number(number))
    if release == before:
        raise RolloutError(f"the candidate is release {release}, which the label is on already")
    if not re.fullmatch("[0-9a-f]{16}", _text(rollout["salt"], "salt")):
        raise RolloutError("`salt` is not 16 hex digits in lower case")
    steps = _read_steps(rollout["steps"])
    units = _read_units(rollout.get("units", {}), {release, before})
    plan = rollout.get("plan")
    plan = plan if isinstance(plan, Mapping) else {}
    return Rollout(rollout["label"], release, before, rollout["salt"], steps, units, plan)


def _read_units(given: Any, releases: set[int]) -> dict[str, int]:
    units = dict(_object(given, "`units`"))
    if len(units) > MAX_UNITS:
        raise RolloutError(f"`units` has {len(units)} units; the limit is {MAX_UNITS}")
    for unit, release in units.items():
        if not 0 < len(unit.encode("utf-8", "surrogatepass")) <= UNIT_BYTES:
            raise RolloutError(f"a unit is not text of 1 to {UNIT_BYTES} bytes")
        if _number(release) not in releases:
            raise RolloutError(f"a unit is given release {release}, which the rollout doesn't have")
    return units


def _read_steps(given: Any) -> tuple[Step, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_STEPS:
        raise RolloutError(f"`steps` is not a list of 1 to {MAX_STEPS} steps")
    steps = tuple(_read_step(_object(step, "a step")) for step in given)
    for earlier, later in pairwise(steps):
        if later.at <= earlier.at:
            raise RolloutError(f"the step at {_time(later.at)} is not after {_time(earlier.at)}")
        if later.percent <= earlier.percent:
            raise RolloutError(
                f"the step to {later.percent:g} percent does not rise from {earlier.percent:g}: a "
                "unit that was served the candidate would go back"
            )
    return steps


def _read_step(step: Mapping[str, Any]) -> Step:
    percent, at = step["percent"], step["at"]
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:  # noqa: PLR2004
        raise RolloutError(f"a step's percent is {percent!r}, not a number from 0 to 100")
    if round(percent, 2) != percent:
        raise RolloutError(f"a step's percent is {percent!r}; it has at most two decimal places")
    # One form only, which every language reads alike, and years that every clock has.
    try:
        if isinstance(at, str) and _TIME.fullmatch(at):
            return Step(datetime.fromisoformat(at), percent)
    except ValueError:  # such as a 30th of February
        pass
    raise RolloutError(f'a step is at {at!r}, which is not a time such as "2026-12-01T10:00:00Z"')


def _time(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _text(value: Any, what: str, most: int = PART_BYTES) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise RolloutError(f"`{what}` is not text of at most {most:,} characters")
    return value


def _number(value: Any) -> int:
    # In Python a bool is an int; a whole float such as 8.0 isn't an integer in every language.
    if isinstance(value, bool) or not isinstance(value, int):
        raise RolloutError(f"{value!r} is not a whole number")
    return value


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RolloutError(f"{what} is not a JSON object")
    return value


def _document(text: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise RolloutError("the rollout document is not JSON") from None
    document = _object(parsed, "the rollout document")
    if type(document.get("format")) is not int or document["format"] != FORMAT:
        raise RolloutError(
            f"the rollout document has format {document.get('format')!r}, and this version "
            f"supports {FORMAT}: update the model-config package"
        )
    return document


@contextmanager
def _described() -> Iterator[None]:
    """Turn what reading a value may raise into a RolloutError."""
    try:
        yield
    except KeyError as error:
        raise RolloutError(f"the rollout document has no {error}") from None
    except UsageError as error:  # a label or a release's number
        raise RolloutError(f"the rollout document is not valid: {error}") from None
