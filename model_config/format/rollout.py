"""The content of a model's rollout parameter: a rollout under way, and the last move of a label.

Nothing has to run for a rollout to proceed: it is a plan of times, and each reader works out the
share. `docs/release-format.md` describes the text for readers in other languages.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, TypeVar

from model_config.format.codec import PART_BYTES, size_in_bytes, to_json
from model_config.format.errors import RolloutError, UsageError
from model_config.format.names import check_movable_label
from model_config.format.text import one_line

_Read = TypeVar("_Read")

FORMAT = 1
#: The text that a deploy writes: no move is recorded and no rollout is under way.
EMPTY = '{"format":1}'
#: The most characters of a reason, steps of a rollout, units that it names and bytes of one. Set by
#: this package, so that a document with all of them fits.
REASON_CHARACTERS, MAX_STEPS, MAX_UNITS, UNIT_BYTES = 500, 20, 32, 64
#: The number of buckets for units. With it, a share is exact to a hundredth of a percent.
BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Moved:
    """A label's last move: to a release, or None if it was taken off, from one or none."""

    label: str
    release: int | None
    before: int | None
    reason: str | None = None
    held: bool | None = None  #: As by a rollback. None if the record doesn't say.


@dataclass(frozen=True, slots=True)
class Step:
    """The share of units, in percent, from a time on."""

    at: datetime
    percent: float


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout under way, of the candidate `release` to reads by `label`."""

    label: str
    release: int
    before: int  #: What the label is on. Once it moves, the rollout is over.
    salt: str  #: 16 hex digits, drawn anew for each rollout.
    steps: tuple[Step, ...]  #: In order of time, with rising percents.
    units: Mapping[str, int] = field(default_factory=dict)  #: The release of units, by their name.
    plan: Mapping[str, Any] = field(default_factory=dict)  #: For the command line alone.

    def percent(self, now: datetime) -> float:
        """Return the share that is served the candidate at a time: 0 before the first step."""
        return max((step.percent for step in self.steps if step.at <= now), default=0)


@dataclass(frozen=True, slots=True)
class Together:
    """The promotion of several models as one, in the document of each that moves.

    It is pending until all labels are known to have moved. Until then it has the releases that the
    model's own label and `-previous` were on before.
    """

    label: str
    releases: Mapping[str, int]  #: Of each model, those that don't move too.
    before: int | None = None
    previous: int | None = None
    pending: bool = False


@dataclass(frozen=True, slots=True)
class RolloutDocument:
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
    return RolloutDocument(
        _read(document, "moved", _moved),
        _read(document, "rollout", _rollout),
        _read(document, "together", _together),
    )


def rollout_in(text: str) -> Rollout | None:
    """Return the rollout in a document, as readers follow it: whatever else the document holds."""
    return _read(_document(text), "rollout", _rollout)


def write_rollout(document: RolloutDocument) -> str:
    """Return the text of a document, or raise RolloutError if it is not valid or too large."""
    content: dict[str, Any] = {"format": FORMAT}
    if moved := document.moved:
        content["moved"] = {"label": moved.label, "release": moved.release, "from": moved.before}
        content["moved"] |= {"reason": moved.reason} if moved.reason is not None else {}
        content["moved"] |= {"held": moved.held} if moved.held is not None else {}
    if rollout := document.rollout:
        content["rollout"] = {
            "label": rollout.label,
            "release": rollout.release,
            "from": rollout.before,
            "salt": rollout.salt,
            "steps": [{"at": _time(step.at), "percent": step.percent} for step in rollout.steps],
        }
        content["rollout"] |= {"units": dict(rollout.units)} if rollout.units else {}
        content["rollout"] |= {"plan": dict(rollout.plan)} if rollout.plan else {}
    if together := document.together:
        content["together"] = {"label": together.label, "releases": dict(together.releases)}
        if together.pending:
            content["together"] |= {"from": together.before, "previous": together.previous}
            content["together"]["pending"] = True
    text = to_json(content)
    read_rollout(text)
    if (size := size_in_bytes(text)) > PART_BYTES:
        raise RolloutError(
            f"the rollout document has {size:,} bytes; a Standard parameter holds "
            f"{PART_BYTES:,}. Shorten the reason, or use fewer steps, units, or models together"
        )
    return text


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


def _read(
    document: Mapping[str, Any], key: str, read: Callable[[Mapping[str, Any]], _Read]
) -> _Read | None:
    if document.get(key) is None:
        return None
    try:
        return read(_object(document[key], f"`{key}`"))
    except KeyError as error:
        raise RolloutError(f"the rollout document has no {error}") from None
    except UsageError as error:
        raise RolloutError(f"the rollout document is not valid: {error}") from None


def _moved(moved: Mapping[str, Any]) -> Moved:
    reason, held = moved.get("reason"), moved.get("held")
    if reason is not None and (not isinstance(reason, str) or len(reason) > REASON_CHARACTERS):
        raise RolloutError(f"`reason` is not text of at most {REASON_CHARACTERS} characters")
    if not isinstance(held, bool | None):
        raise RolloutError(f"`held` is {held!r}, not true or false")
    release, before = _release_or_none(moved["release"]), _release_or_none(moved.get("from"))
    return Moved(_label(moved), release, before, reason, held)


def _together(together: Mapping[str, Any]) -> Together:
    releases = _object(together["releases"], "`releases`")
    before, previous, *_ = map(
        _release_or_none, (together.get("from"), together.get("previous"), *releases.values())
    )
    return Together(_label(together), releases, before, previous, together.get("pending") is True)


def _rollout(rollout: Mapping[str, Any]) -> Rollout:
    release, before = _release(rollout["release"]), _release(rollout["from"])
    if release == before:
        raise RolloutError(f"the candidate is release {release}, which the label is on already")
    salt, plan = rollout["salt"], rollout.get("plan")
    if not isinstance(salt, str) or not re.fullmatch("[0-9a-f]{16}", salt):
        raise RolloutError("`salt` is not 16 hex digits in lower case")
    units = _object(rollout.get("units", {}), "`units`")
    if len(units) > MAX_UNITS:
        raise RolloutError(f"`units` has {len(units)} units; the limit is {MAX_UNITS}")
    for unit, given in units.items():
        if not 0 < (size := len(unit.encode("utf-8", "surrogatepass"))) <= UNIT_BYTES:
            problem = f"has {size:,} bytes, and a unit has 1 to {UNIT_BYTES} bytes"
            raise RolloutError(f"the unit {one_line(unit[:16])} {problem}")
        if _release(given) not in {release, before}:
            problem = f"is given release {given}, which the rollout doesn't have"
            raise RolloutError(f"the unit {one_line(unit)} {problem}")
    plan = plan if isinstance(plan, Mapping) else {}
    steps = _steps(rollout["steps"])
    return Rollout(_label(rollout), release, before, salt, steps, units, plan)


def _steps(given: Any) -> tuple[Step, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_STEPS:
        raise RolloutError(f"`steps` is not a list of 1 to {MAX_STEPS} steps")
    steps = tuple(_step(_object(step, "a step")) for step in given)
    for earlier, later in pairwise(steps):
        if later.at <= earlier.at:
            raise RolloutError(f"the step at {_time(later.at)} is not after {_time(earlier.at)}")
        if later.percent <= earlier.percent:
            raise RolloutError(
                f"the step to {later.percent:g} percent does not rise from {earlier.percent:g}: a "
                "unit that was served the candidate would go back"
            )
    return steps


def _step(step: Mapping[str, Any]) -> Step:
    percent, at = step["percent"], step["at"]
    if type(percent) not in (int, float) or not 0 <= percent <= 100:  # noqa: PLR2004
        raise RolloutError(f"a step's percent is {percent!r}, not a number from 0 to 100")
    if round(percent, 2) != percent:
        raise RolloutError(f"a step's percent is {percent!r}; it has at most two decimal places")
    # One form only, which every language reads alike, and years that every clock has.
    try:
        if _time(time := datetime.fromisoformat(at)) == at:
            return Step(time, percent)
    except (TypeError, ValueError, OverflowError):
        pass
    raise RolloutError(f'a step is at {at!r}, which is not a time such as "2026-12-01T10:00:00Z"')


def _time(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _label(part: Mapping[str, Any]) -> str:
    label = part["label"]
    if not isinstance(label, str):
        raise RolloutError("`label` is not text")
    check_movable_label(label)
    return label


def _release(value: Any) -> int:
    # In Python a bool is an int; a whole float such as 8.0 isn't an integer in every language.
    if type(value) is not int or value < 1:
        raise RolloutError(f"{value!r} is not a whole number from 1")
    return value


def _release_or_none(value: Any) -> int | None:
    return None if value is None else _release(value)


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RolloutError(f"{what} is not a JSON object")
    return value
