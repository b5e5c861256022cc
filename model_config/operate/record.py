"""A model's rollout parameter: the rollout under way, and the record of who moved which label.

SSM creates no version when a label moves, so each promotion and rollback writes one here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from model_config.format.errors import RolloutError, StoreError, UsageError
from model_config.format.names import model_path, rollout_name
from model_config.format.rollout import (
    REASON_CHARACTERS,
    Moved,
    Rollout,
    RolloutDocument,
    read_rollout,
    write_rollout,
)
from model_config.operate.releases import Releases
from model_config.operate.rollout_plan import plan_of
from model_config.operate.ssm import Ssm


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A rollout parameter as it was read: an empty document and a problem if it is invalid."""

    name: str
    version: int
    document: RolloutDocument
    problem: str | None = None


class OverwrittenError(StoreError):
    """The write has replaced a concurrent change by somebody else."""

    def __init__(self, message: str, written: StoredRollout) -> None:
        super().__init__(message)
        self.written = written


@dataclass(frozen=True, slots=True)
class Written:
    """One version of a rollout parameter: when and by whom it was written; None if invalid."""

    version: int
    at: datetime
    by: str
    document: RolloutDocument | None


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a label or a rollout, and the version that records it."""

    written: Written
    what: str
    reason: str | None = None


def read_stored(ssm: Ssm, path: str, model: str) -> StoredRollout | None:
    """Return a model's rollout parameter, or None if it has none. No right to a key is needed."""
    name = rollout_name(model_path(path, model))
    parameter = ssm.get([name]).get(name)
    if parameter is None:
        return None
    try:
        return StoredRollout(name, parameter.version, read_rollout(parameter.text))
    except RolloutError as error:
        return StoredRollout(name, parameter.version, RolloutDocument(), str(error))


def write_stored(ssm: Ssm, stored: StoredRollout, document: RolloutDocument) -> StoredRollout:
    """Write a new document to a rollout parameter, and return what is stored now.

    SSM can't write conditionally, but the new version's number reveals a concurrent write: then
    OverwrittenError is raised. Raises RolloutError if the document is invalid.
    """
    text = write_rollout(document)
    version = ssm.write_string(stored.name, text)
    written = StoredRollout(stored.name, version, document)
    between = range(stored.version + 1, version)
    # A write whose answer was lost is repeated: the version before is then our own.
    if between and {read_version(ssm, stored.name, number) for number in between} != {text}:
        raise OverwrittenError(
            f"somebody else wrote {stored.name} at the same moment, and this change replaced "
            f"theirs: versions {between[0]} to {between[-1]} are theirs. See "
            "`model-config history` and `model-config rollout status`",
            written,
        )
    return written


def read_version(ssm: Ssm, name: str, version: int) -> str | None:
    parameter = ssm.get([f"{name}:{version}"]).get(name) if version > 0 else None
    return parameter.text if parameter else None


def document_of(text: str | None) -> RolloutDocument:
    """Return the document in a rollout parameter's value, or an empty one if it is invalid."""
    return _document(text or "") or RolloutDocument()


def under_way(document: RolloutDocument, releases: Releases) -> Rollout | None:
    """Return the rollout that is under way. A move of its label has ended it for readers."""
    rollout = document.rollout
    return rollout if rollout and releases.on(rollout.label) == rollout.before else None


def left_over(document: RolloutDocument, releases: Releases) -> str | None:
    """Return what is wrong with a rollout that another tool's move of its label has ended."""
    rollout = document.rollout
    if rollout is None or under_way(document, releases):
        return None
    on = releases.on(rollout.label)
    return (
        f"another tool moved {rollout.label} from release {rollout.before} to "
        f"{f'release {on}' if on else 'none'} during a rollout of release {rollout.release}, "
        f"which begins again when {rollout.label} returns to release {rollout.before}"
    )


def is_held(label: str, document: RolloutDocument, releases: Releases) -> bool:
    """Return whether a label is held: `-previous` is beside it, or its last record says so."""
    moved, on = document.moved, releases.on(label)
    is_recorded = moved and moved.held and (moved.label, moved.release) == (label, on)
    return bool(is_recorded) or label in releases.held


def is_kept(moved: Moved | None) -> bool:
    """Return whether a record is of no move: of an abort, or of the beginning or end of a hold."""
    return moved is not None and moved.release == moved.before


def interrupted_promotion(document: RolloutDocument, releases: Releases) -> str | None:
    """Return the label whose promotion was interrupted between its two requests, or None.

    It leaves `-previous` beside the label, as a hold does. The record tells the two apart: it says
    that a promotion was the label's last move. If it doesn't say so, the label counts as held.
    """
    moved, together = document.moved, document.together
    if together and together.pending and together.label in releases.held:
        return together.label if releases.on(together.label) == together.before else None
    if moved is None or moved.held is not False or moved.label not in releases.held:
        return None
    return moved.label if releases.on(moved.label) == moved.release else None


def why_it_stays(label: str, document: RolloutDocument, releases: Releases) -> str:
    on = releases.on(label)
    if label == interrupted_promotion(document, releases):
        return f"a promotion of {label} from release {on} was interrupted"
    return f"{label} is held on release {on} by a rollback"


def check_reason(reason: str | None) -> None:
    count = len(reason or "")
    if count > REASON_CHARACTERS:
        raise UsageError(f"the reason has {count:,} characters; the maximum is {REASON_CHARACTERS}")
    if reason is not None and (not reason.strip() or not reason.isprintable()):
        raise UsageError("a reason must be one line of plain text, and not empty")


def read_history(ssm: Ssm, path: str, model: str) -> list[Written]:
    """Return the newest 100 versions of a model's rollout parameter, oldest first."""
    return [
        Written(
            int(version["Version"]),
            version["LastModifiedDate"],
            version.get("LastModifiedUser", ""),
            _document(version["Value"]),
        )
        for version in ssm.history(rollout_name(model_path(path, model)), decrypt=False)
    ]


def started(history: Sequence[Written], rollout: Rollout) -> Written:
    """Return the version that started a rollout, or the oldest that SSM still has."""
    return next(each for each in history if each.document and _has(each.document, rollout))


def events(history: Sequence[Written]) -> list[Event]:
    """Return the changes, newest first. What the oldest of 100 versions changed is unknown."""
    changes = [event for before, after in pairwise(history) for event in _between(before, after)]
    return changes[::-1]


def _between(before: Written, after: Written) -> Iterator[Event]:
    """Yield the changes of a version. A version equal to the one before records a repeated move."""
    if after.document is None:
        yield Event(after, "the document was replaced by an invalid one")
        return
    old, new = before.document or RolloutDocument(), after.document
    moved = new.moved if new.moved != old.moved or new == old else None
    # The record of an abort holds its reason, and is not a move.
    is_abort = moved and moved.release == moved.before and old.rollout and not new.rollout
    if what := _rollout_change(old, new):
        is_start = new.rollout and not _has(old, new.rollout)
        reason = plan_of(new.rollout).reason if new.rollout and is_start else None
        yield Event(after, what, moved.reason if moved and is_abort else reason)
    if moved and not is_abort:
        yield Event(after, _move(moved), moved.reason)


def _rollout_change(old: RolloutDocument, new: RolloutDocument) -> str | None:
    before, after = old.rollout, new.rollout
    rollout = after or before
    if rollout is None or before == after:
        return None
    about = f"rollout of release {rollout.release} to {rollout.label}"
    if after is None:
        # A promotion takes the rollout out before the label moves, and is recorded after that.
        return f"{about} {'aborted' if new.moved and new.moved != old.moved else 'ended'}"
    if before is None or not _has(old, after):
        percents = ", ".join(f"{percent:g}" for percent in plan_of(after).percents)
        return f"{about} started: {', '.join([f'{percents} %', *_given(after.units)])}"
    was_paused, is_paused = plan_of(before).paused, plan_of(after).paused
    if was_paused != is_paused:
        return f"{about} {'paused' if is_paused else 'resumed'}"
    if after.units != before.units:
        new_units = dict(after.units.items() - before.units.items())
        removed = [f"unit {unit} removed" for unit in sorted(before.units.keys() - after.units)]
        return f"{about}: {', '.join([*_given(new_units), *removed])}"
    return f"{about}: {after.steps[-1].percent:g} %"


def _given(units: Mapping[str, int]) -> list[str]:
    return [f"unit {unit} gets release {release}" for unit, release in sorted(units.items())]


def _has(document: RolloutDocument, rollout: Rollout) -> bool:
    """Return whether a document has a rollout too, perhaps in another state."""
    return document.rollout is not None and document.rollout.salt == rollout.salt


def _move(moved: Moved) -> str:
    if moved.release is None:
        return f"{moved.label} taken off release {moved.before}"
    if moved.before is None:
        return f"{moved.label} moved from no release to {moved.release}"
    if moved.before == moved.release:
        how: dict[bool | None, str] = {True: "held there", False: "no longer held"}
        either = "held there, or no longer held"  # a record from before it said so
        return f"{moved.label} kept on release {moved.release}: {how.get(moved.held, either)}"
    held = ", and held there" if moved.held else ""
    return f"{moved.label} moved from release {moved.before} to {moved.release}{held}"


def _document(text: str) -> RolloutDocument | None:
    try:
        return read_rollout(text)
    except RolloutError:
        return None
