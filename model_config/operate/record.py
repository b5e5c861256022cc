"""The record of who moved which label: the versions of a model's rollout parameter.

SSM creates no version when a label moves, so each promotion and rollback writes one there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from model_config.format import errors, names
from model_config.format.rollout import Moved, Rollout, RolloutDocument, read_rollout
from model_config.operate.rollout_plan import plan_of
from model_config.operate.ssm import Ssm


@dataclass(frozen=True, slots=True)
class Written:
    """One version of a rollout parameter: when and by whom it was written; None if invalid."""

    version: int
    at: datetime
    by: str
    document: RolloutDocument | None


@dataclass(frozen=True, slots=True)
class Event:
    written: Written
    what: str
    reason: str | None = None


def read_history(ssm: Ssm, path: str, model: str) -> list[Written]:
    """Return the newest 100 versions of a model's rollout parameter, oldest first."""
    return [
        Written(
            int(version["Version"]),
            version["LastModifiedDate"],
            version.get("LastModifiedUser", ""),
            _document(version["Value"]),
        )
        for version in ssm.history(names.rollout_name(names.model_path(path, model)), decrypt=False)
    ]


def document_of(text: str | None) -> RolloutDocument:
    """Return the document in a rollout parameter's value, or an empty one if it is invalid."""
    return _document(text or "") or RolloutDocument()


def is_kept(moved: Moved | None) -> bool:
    """Return whether a record is of no move: of an abort, or of the beginning or end of a hold."""
    return moved is not None and moved.release == moved.before


def started(history: Sequence[Written], rollout: Rollout) -> Written:
    """Return the version that started a rollout, or the oldest that SSM still has."""
    return next(it for it in history if it.document and _has(it.document, rollout))


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
    is_abort = is_kept(moved) and old.rollout and not new.rollout
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
    except errors.RolloutError:
        return None
