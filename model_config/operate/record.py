"""The record of who moved which label: versions of the model's rollout parameter.

SSM creates no version when a label moves, so each promotion and rollback writes one here.
"""

from __future__ import annotations

from dataclasses import replace

from model_config.format.errors import AccessDeniedError, RolloutError, StoreError, UsageError
from model_config.format.rollout import Moved, RolloutDocument
from model_config.format.rollout_document import REASON_CHARACTERS
from model_config.operate.moves import Move
from model_config.operate.rollout_parameter import (
    OverwrittenError,
    StoredRollout,
    read_stored,
    write_stored,
)
from model_config.operate.store import OperatorStore


def check_reason(reason: str | None) -> None:
    """Refuse a reason that can't be recorded.

    Raises:
        UsageError: it is too long, or has unprintable characters.
    """
    if reason is None:
        return
    if len(reason) > REASON_CHARACTERS:
        raise UsageError(
            f"the reason has {len(reason):,} characters; the maximum is {REASON_CHARACTERS}"
        )
    if not reason.strip() or not reason.isprintable():
        raise UsageError("a reason must be one line of plain text, and not empty")


def read_record(
    store: OperatorStore, path: str, model: str
) -> tuple[StoredRollout | None, tuple[str, ...]]:
    """Return a model's rollout parameter, and a note if it can't be used."""
    unknown = "It is unknown whether a rollout is under way, and the move is not recorded"
    try:
        stored = read_stored(store, path, model)
    except AccessDeniedError as error:
        return None, (f"{unknown}: {error}",)
    if stored is None:
        note = "The move is not recorded: the model has no rollout parameter. A deploy creates it."
        return None, (note,)
    return stored, (f"{unknown}: {stored.problem}",) if stored.problem else ()


def record(store: OperatorStore, move: Move) -> Move:
    """Record a move, and end the rollout that it ended.

    If recording fails, the label has still moved: the returned move's notes say so.

    Raises:
        StoreError: the rollout that the move should have ended continues.
    """
    stored = move.stored
    if stored is None or stored.problem:
        return move
    rollout = stored.document.rollout
    kept = None if rollout and rollout.label == move.label else rollout
    moved = Moved(move.label, move.release, move.before, move.reason, move.is_rollback)
    try:
        write_stored(store, stored, RolloutDocument(moved, kept))
    except OverwrittenError as error:
        return replace(move, notes=(*move.notes, str(error)))
    except (StoreError, RolloutError) as error:
        if move.rollout and not move.changed:
            raise
        return replace(move, notes=(*move.notes, f"The move is not recorded: {error}"))
    return move
