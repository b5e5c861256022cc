"""Moves labels, which decide the release that readers get. No value is ever rewritten.

Needs `ssm:LabelParameterVersion`, `ssm:UnlabelParameterVersion`, `ssm:GetParameters` and
`ssm:GetParameterHistory` on the release (and its parts, where it has any), and `kms:Decrypt` for
it. Optionally: `ssm:GetParameters` on the model's secrets, without `kms:Decrypt`, to check that
they exist; `ssm:GetParameters` and `ssm:PutParameter` on the rollout parameter, to respect a
rollout and to record the move.

A label is *held* if `-previous` is on the same release: a rollback leaves both there, and no
pipeline moves it. A promotion that was interrupted between its two requests looks the same, and so
may simultaneous promotions. The record tells them apart if it has the label's last move
(`record.interrupted_promotion`). Promoting again completes the promotion.

If several people move a label at once, the last one wins. SSM can't move a label on condition that
it hasn't moved, so `-previous` may miss a promotion that happens between the last check and the
move, one request later: it is then on the release before that, or on none.
"""

from __future__ import annotations

from dataclasses import replace

from model_config.format.errors import (
    AccessDeniedError,
    LabelNotFoundError,
    RolloutError,
    StoreError,
    UsageError,
)
from model_config.format.names import PREVIOUS, check_movable_label
from model_config.format.rollout import Moved, RolloutDocument
from model_config.operate.environment import Environment
from model_config.operate.moves import Check, Move, check_rollout, check_room, verify
from model_config.operate.record import (
    OverwrittenError,
    StoredRollout,
    check_reason,
    read_stored,
    write_stored,
)
from model_config.operate.releases import Releases


def prepare_promotion(  # noqa: PLR0913 - the options of a promotion
    environment: Environment,
    model: str,
    label: str,
    *,
    release: int | None = None,
    check: Check | None = None,
    reason: str | None = None,
) -> Move:
    """Return a promotion, verified. Nothing moves yet.

    The default release is the newest. Repeating a promotion changes nothing; repeating an
    interrupted one completes it. Raises UsageError if the label can't be used, there is no room for
    it on the release or a rollout of another release is under way, ReleaseError if the release
    fails verification, and whatever `check` raises.
    """
    check_movable_label(label)
    releases = environment.releases(model, documents=False)
    target = releases.newest if release is None else releases.select(release)
    move = Move(environment, releases, label, target, releases.on(label), is_rollback=False)
    return _verified(replace(move, reason=reason), check)


def prepare_rollback(
    environment: Environment,
    model: str,
    label: str,
    *,
    release: int | None = None,
    reason: str | None = None,
) -> Move:
    """Return a rollback, verified. Nothing moves yet.

    The default release is the one with `<label>-previous`; LabelNotFoundError is raised if there is
    none. Other errors are those of `prepare_promotion`, but a rollout is no obstacle.
    """
    check_movable_label(label)
    releases = environment.releases(model, documents=False)
    previous = f"{label}{PREVIOUS}"
    if release is None and releases.on(previous) is None:
        raise LabelNotFoundError(
            f"{previous} is on no release of {model} in {releases.environment}, so there is "
            f"nothing to go back to. Name the release: `model-config rollback {model} --label "
            f"{label} --release N --environment {releases.environment}`"
        )
    target = releases.select(previous if release is None else release)
    move = Move(environment, releases, label, target, releases.on(label), is_rollback=True)
    return _verified(replace(move, reason=reason), None)


def prepare_unlabel(
    environment: Environment, model: str, label: str, *, reason: str | None = None
) -> Move:
    """Return a label to take off with `unlabel`, as a move to the release that it is on.

    Raises LabelNotFoundError if no release has it, and UsageError if a rollout of it is under way.
    """
    check_movable_label(label)
    check_reason(reason)
    releases = environment.releases(model, documents=False)
    target = releases.select(label)
    stored, notices = _read_record(environment, model)
    rollout = stored.document.rollout if stored else None
    if rollout and rollout.label == label:  # even an ended one, which the label would revive
        place = f"{model} --environment {releases.environment}"
        raise UsageError(
            f"a rollout of release {rollout.release} to {label} of {model} is in the model's "
            f"rollout parameter, so the label can't be taken off. Abort it first: "
            f"`model-config rollout abort {place}`"
        )
    move = Move(environment, releases, label, target, target.number, is_rollback=False)
    return replace(move, reason=reason, stored=stored, notices=notices)


def unlabel(move: Move) -> Move:
    """Take a label and its `-previous` off, and record it; return the move with its notices."""
    ssm, name = move.environment.ssm, move.releases.name
    # `-previous` first: if the second request fails, the label can still be named to try again.
    if (before := move.releases.on(move.previous)) is not None:
        ssm.unlabel(name, before, move.previous)
    ssm.unlabel(name, move.release, move.label)
    return _record(move, None)


def label_state(environment: Environment, model: str) -> tuple[Releases, RolloutDocument]:
    """Return a model's releases, and its rollout document, empty if it can't be read."""
    releases = environment.releases(model, documents=False)
    stored, _ = _read_record(environment, model)
    return releases, stored.document if stored else RolloutDocument()


def make(move: Move) -> Move:
    """Make and record a prepared move; return it with the release that the label was on.

    If recording fails, the label has still moved: the returned move's notices say so. After a
    StoreError, prepare and make the move again to complete it.
    """
    if not move.does_something:
        return replace(move, notices=())
    return _record(_roll_back(move) if move.is_rollback else _promote(move), move.release)


def _verified(move: Move, check: Check | None) -> Move:
    check_reason(move.reason)
    stored, notices = _read_record(move.environment, move.model)
    move = replace(move, stored=stored)
    check_rollout(move)
    check_room(move)
    unverified = verify(move.environment.ssm, move.releases, move.target, check)
    return replace(move, notices=(*unverified, *notices))


def _read_record(
    environment: Environment, model: str
) -> tuple[StoredRollout | None, tuple[str, ...]]:
    """Return a model's rollout parameter, and a notice if it can't be used."""
    unknown = "It is unknown whether a rollout is under way, and the move is not recorded"
    try:
        stored = read_stored(environment.ssm, environment.path, model)
    except AccessDeniedError as error:
        return None, (f"{unknown}: {error}",)
    if stored is None:
        missing = "the model has no rollout parameter. A deploy creates it."
        return None, (f"The move is not recorded: {missing}",)
    return stored, (f"{unknown}: {stored.problem}",) if stored.problem else ()


def _roll_back(move: Move) -> Move:
    ssm, name = move.environment.ssm, move.releases.name
    if move.releases.on(move.previous) != move.release:
        ssm.label(name, move.release, move.previous)
    if move.changed:
        ssm.label(name, move.release, move.label)
    return move


def _promote(move: Move) -> Move:
    ssm, name = move.environment.ssm, move.releases.name
    if move.label in move.releases.held and not move.changed:
        ssm.unlabel(name, move.release, move.previous)
        return move
    before, marked = move.before, None
    # Until `-previous` is on the label's release: someone else may be moving the label.
    while before is not None and before not in {marked, move.release}:
        ssm.label(name, before, move.previous)
        releases = move.environment.releases(move.model, documents=False)
        before, marked = releases.on(move.label), before
    if before != move.release:
        ssm.label(name, move.release, move.label)
    return replace(move, before=before)


def _record(move: Move, release: int | None) -> Move:
    """Record a move to a release, or to none, and end the rollout that it ended."""
    stored = move.stored
    if stored is None or stored.problem:
        return move
    rollout = stored.document.rollout
    kept = None if rollout and rollout.label == move.label else rollout
    moved = Moved(move.label, release, move.before, move.reason, move.is_rollback)
    try:
        write_stored(move.environment.ssm, stored, RolloutDocument(moved, kept))
    except OverwrittenError as error:
        return replace(move, notices=(*move.notices, str(error)))
    except (StoreError, RolloutError) as error:
        if move.rollout and not move.changed:
            raise
        return replace(move, notices=(*move.notices, f"The move is not recorded: {error}"))
    return move
