"""Describes a label's move in words, before and after it."""

from __future__ import annotations

from collections.abc import Iterator

from model_config.operate.labels.moves import Move


def planned(move: Move) -> Iterator[str]:
    """Yield what a move would do, and the hold or rollout that it would begin or end."""
    label, release = move.label, move.release
    if not move.does_something:
        yield f"{label} is already on release {release}: nothing would change."
        return
    if move.changed:
        yield f"{label} moves from {move.origin} to release {release}."
    else:
        yield f"{label} stays on release {release}."
    if move.ends_hold:
        yield f"A rollback holds it on release {move.before}. This move ends the hold."
    if move.was_interrupted and not move.is_rollback:
        how = "completes" if move.changed else "cancels"
        yield f"A promotion from release {move.before} was interrupted. This move {how} it."
    if move.is_rollback:
        yield "It will be held there: no pipeline moves it until somebody promotes a release."
    if move.rollout:
        how = "aborts" if move.is_rollback else "finishes"
        yield f"This move {how} the rollout of release {move.rollout.release}."


def done(move: Move) -> Iterator[str]:
    """Yield what a move did, and the hold or rollout that it began or ended."""
    label, release = move.label, move.release
    if move.changed:
        yield f"{label} moved from {move.origin} to release {release}."
    elif not move.does_something:
        yield f"{label} is already on release {release}: nothing moved."
    if move.ends_hold and move.changed:
        yield f"the hold on release {move.before} has ended."
    elif move.ends_hold:
        yield f"{label} stays on release {release} and is no longer held."
    if move.was_interrupted and not move.is_rollback:
        how = "completed" if move.changed else "cancelled"
        yield f"the interrupted promotion is {how}."
    if move.is_rollback:
        yield (
            f"{label} is held on release {release}: no pipeline moves it until somebody "
            "promotes a release."
        )
    if move.rollout:
        how = "aborted" if move.is_rollback else "finished"
        yield f"the rollout of release {move.rollout.release} is {how}."
