"""Who moved which label and changed which rollout, from the versions of one parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from model_config.format.errors import RolloutError
from model_config.format.names import model_path, rollout_name
from model_config.format.rollout import Moved, Rollout, RolloutDocument
from model_config.format.rollout_document import read_rollout
from model_config.operate.rollouts.plan import plan_of
from model_config.operate.store import OperatorStore


@dataclass(frozen=True, slots=True)
class Written:
    """One version of a rollout parameter.

    Attributes:
        version: its number in SSM.
        at: when it was written.
        by: the ARN of its author, if SSM has it.
        document: its content; None if it is invalid.
    """

    version: int
    at: datetime
    by: str
    document: RolloutDocument | None


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a label or a rollout.

    Attributes:
        written: the version that records it.
        what: the change, in words.
        reason: the author's reason, or None.
    """

    written: Written
    what: str
    reason: str | None = None


def read_history(store: OperatorStore, path: str, model: str) -> list[Written]:
    """Return the newest 100 versions of a model's rollout parameter, oldest first.

    The path is the environment's, "/ai/prod". Needs `ssm:GetParameterHistory` on the parameter.

    Raises:
        ModelNotFoundError: the model has no rollout parameter.
        StoreError: AWS is unavailable or refuses.
    """
    versions = store.history(rollout_name(model_path(path, model)), decrypt=False)
    return [
        Written(
            int(version["Version"]),
            version["LastModifiedDate"],
            version.get("LastModifiedUser", ""),
            _document(version["Value"]),
        )
        for version in versions
    ]


def started(history: list[Written], rollout: Rollout) -> Written:
    """Return the version that started a rollout, or the oldest that SSM still has."""
    return next(each for each in history if each.document and _goes_on(each.document, rollout))


def events(history: list[Written]) -> list[Event]:
    """Return the changes, newest first.

    The change of the oldest of 100 versions is unknown, since SSM has dropped the version before
    it.
    """
    found = [event for before, after in pairwise(history) for event in _between(before, after)]
    return found[::-1]


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
        is_start = new.rollout and not _goes_on(old, new.rollout)
        reason = plan_of(new.rollout).reason if new.rollout and is_start else None
        yield Event(after, what, moved.reason if moved and is_abort else reason)
    if moved and not is_abort:
        yield Event(after, _move(moved), moved.reason)


def _rollout_change(old: RolloutDocument, new: RolloutDocument) -> str | None:
    before, after = old.rollout, new.rollout
    if before == after:
        return None
    if after is None:
        moved = new.moved if new.moved != old.moved else None
        return _end(before, moved) if before else None
    about = _about(after)
    if before is None or not _goes_on(old, after):
        steps = ", ".join(f"{percent:g}" for percent in plan_of(after).percents)
        return f"{about} started: {steps} %"
    was_paused, is_paused = plan_of(before).paused, plan_of(after).paused
    if was_paused != is_paused:
        return f"{about} {'paused' if is_paused else 'resumed'}"
    return f"{about}: {after.steps[-1].percent:g} %"


def _end(rollout: Rollout, moved: Moved | None) -> str:
    is_finished = moved and (moved.label, moved.release) == (rollout.label, rollout.release)
    return f"{_about(rollout)} {'finished' if is_finished else 'aborted'}"


def _about(rollout: Rollout) -> str:
    return f"rollout of release {rollout.release} to {rollout.label}"


def _goes_on(document: RolloutDocument, rollout: Rollout) -> bool:
    """Return whether a document has a rollout too, perhaps in another state."""
    return document.rollout is not None and document.rollout.salt == rollout.salt


def _move(moved: Moved) -> str:
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
