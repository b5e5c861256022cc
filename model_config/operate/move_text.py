"""A label's move in words: what it would do, and what it did."""

from __future__ import annotations

from collections.abc import Iterator

from model_config.operate.moves import Move


def planned(move: Move) -> Iterator[str]:
    """Yield what a move would do, and what that ends or begins."""
    label, release = move.label, move.release
    if not move.does_something:
        yield f"{label} is on release {release} already: nothing would change."
        return
    if move.changed and move.before:
        yield f"{label} moves from release {move.before} to release {release}."
    elif move.changed:
        yield f"{label} moves from no release to release {release}."
    else:
        yield f"{label} stays on release {release}."
    if move.ends_hold:
        yield f"It is held on release {move.before} since a rollback, and will not be any more."
    if move.was_broken_off and not move.is_rollback:
        how = "completed" if move.changed else "given up"
        yield f"A promotion of it from release {move.before} was broken off, and is {how} by this."
    if move.is_rollback:
        yield "It will be held there: no pipeline moves it until somebody promotes a release."
    if move.rollout:
        how = "aborted" if move.is_rollback else "finished"
        yield f"The rollout of release {move.rollout.release} is {how} by it."


def done(move: Move) -> Iterator[str]:
    """Yield what a move did, and what it ended or began."""
    label, release = move.label, move.release
    if move.changed and move.before:
        yield f"{label} moved from release {move.before} to release {release}."
    elif move.changed:
        yield f"{label} moved from no release to release {release}."
    elif not move.does_something:
        yield f"{label} is on release {release} already, nothing moved."
    if move.ends_hold and move.changed:
        yield f"it was held on release {move.before} since a rollback; that is over."
    elif move.ends_hold:
        yield f"{label} stays on release {release}, and is not held any more."
    if move.was_broken_off and not move.is_rollback:
        how = "completed" if move.changed else "given up"
        yield f"the promotion of it that was broken off is {how}."
    if move.is_rollback:
        yield (
            f"{label} is held on release {release}: no pipeline moves it until somebody "
            "promotes a release."
        )
    if move.rollout:
        how = "aborted" if move.is_rollback else "finished"
        yield f"the rollout of release {move.rollout.release} is {how}."
