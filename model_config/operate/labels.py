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

A move first takes the label's rollout out of the document, so that it can't come back to life when
the label returns; then it moves the label; then it records the move.

If several people move a label at once, the last one wins. SSM can't move a label on condition that
it hasn't moved, so `-previous` may miss a promotion that happens between the last check and the
move, one request later: it is then on the release before that, or on none. An automatic move stops
instead: it looks before and after each of its writes, and puts back what it replaced.
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
    document_of,
    is_held,
    is_kept,
    last_move,
    read_stored,
    read_version,
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
    is_automatic: bool = False,
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
    return _verified(replace(move, reason=reason, is_automatic=is_automatic), check)


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


class MovedMeanwhileError(StoreError):
    """Somebody else moved the label, so an automatic move has stopped."""


def make(move: Move) -> Move:
    """Make and record a prepared move; return it with the release that the label was on.

    Raises StoreError if the label's rollout can't be ended: nothing has moved then. If recording
    fails, the label has still moved: the returned move's notices say so. After a StoreError,
    prepare and make the move again to complete it. An automatic move raises MovedMeanwhileError.
    """
    if not move.does_something:
        return replace(move, notices=())
    if move.is_automatic:
        _stop_if_moved(move, _look(move))
    before = move
    move = _end_rollout(move)
    move = _roll_back(move) if move.is_rollback else _promote(move)
    # What the move did is told by what was there before it.
    return replace(_record(move, move.release), stored=before.stored)


def _verified(move: Move, check: Check | None) -> Move:
    check_reason(move.reason)
    stored, notices = _read_record(move.environment, move.model)
    move = replace(move, stored=stored)
    if move.is_automatic and move.was_held:  # since the caller looked
        raise MovedMeanwhileError(
            f"{move.label} of {move.model} is held on release {move.before} by a rollback, so "
            f"release {move.release} was not promoted"
        )
    check_rollout(move)
    check_room(move)
    unverified = verify(move.environment.ssm, move.releases, move.target, check)
    if stored and not stored.problem and not move.does_something:
        move = _find_missing_record(move)
    return replace(move, notices=(*unverified, *notices))


def _find_missing_record(move: Move) -> Move:
    """Find whether an earlier move to the same release was interrupted before it was recorded."""
    last = move.document.moved
    if last is None or last.label != move.label:
        try:
            environment = move.environment
            last = last_move(environment.ssm, environment.path, move.model, move.label)
        except AccessDeniedError:
            return move
    if last and last.release == move.release and last.held in {None, move.is_rollback}:
        return move
    before, previous = last.release if last else None, move.releases.on(move.previous)
    if last is None and previous != move.release:
        before = previous
    missing = Moved(move.label, move.release, before, move.reason, move.is_rollback)
    return replace(move, missing=missing)


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


def _look(move: Move) -> Releases:
    return move.environment.releases(move.model, documents=False)


def _stop_if_moved(move: Move, now: Releases) -> None:
    on = now.on(move.label)
    if on == move.before:
        return
    where = f"on release {on}" if on else "on no release"
    raise MovedMeanwhileError(
        f"somebody else moved {move.label} of {move.model} in the meantime: it is {where} now, so "
        f"release {move.release} was left alone. See `model-config history {move.model} "
        f"--environment {now.environment}`, and run the command again"
    )


def _end_rollout(move: Move) -> Move:
    """Take the label's rollout out of the document before the label moves."""
    rollout, moved = move.document.rollout, move.document.moved
    if rollout is None or rollout.label != move.label:
        return move
    # What tells an interrupted promotion from an abort: only the latter leaves such a record.
    moved = None if is_kept(moved) else moved
    if move.is_rollback and move.before:
        held = is_held(move.label, move.document, move.releases)
        moved = Moved(move.label, move.before, move.before, held=held)
    try:
        return _write(move, RolloutDocument(moved))
    except MovedMeanwhileError:
        raise
    except StoreError as error:
        ending = f"the rollout of release {rollout.release} can't be ended, so nothing has moved"
        raise type(error)(f"{move.model}: {ending}: {error}") from error


def _roll_back(move: Move) -> Move:
    ssm, name = move.environment.ssm, move.releases.name
    ssm.label(name, move.release, move.previous)
    ssm.label(name, move.release, move.label)
    now = _look(move)
    if now.on(move.label) == move.release != now.on(move.previous):
        ssm.label(name, move.release, move.previous)
        now = _look(move)
    if now.on(move.label) == move.release != now.on(move.previous):
        notice = f"{move.previous} is on release {now.on(move.previous)}: somebody else moved it"
        return replace(move, notices=(*move.notices, notice))
    _stop_if_moved(replace(move, before=move.release), now)
    return move


def _promote(move: Move) -> Move:
    ssm, name = move.environment.ssm, move.releases.name
    if not move.changed:
        if move.was_held or move.was_interrupted:
            ssm.unlabel(name, move.release, move.previous)
        return move
    before, marked = move.before, None
    # Until `-previous` is on the label's release: someone else may be moving the label.
    while before is not None and before not in {marked, move.release}:
        ssm.label(name, before, move.previous)
        now = _look(move)
        if move.is_automatic:
            _stop_if_moved(move, now)
        before, marked = now.on(move.label), before
    if before != move.release:
        ssm.label(name, move.release, move.label)
    move = replace(move, before=before)
    if move.is_automatic:
        now = _look(move)
        held = now.on(move.previous)
        if held and held != before and now.on(move.label) == move.release:
            # Somebody rolled back in between: `-previous` says where to.
            ssm.label(name, held, move.label)
            now = _look(move)
        _stop_if_moved(replace(move, before=move.release), now)
    return move


def _record(move: Move, release: int | None) -> Move:
    """Record a move to a release, or to none, in the document as it is now."""
    stored, former = move.stored, move.document.moved
    if stored is None or stored.problem:
        return move
    try:
        stored = read_stored(move.environment.ssm, move.environment.path, move.model) or stored
        move = replace(move, stored=stored)
        theirs = stored.document.moved
        if move.is_automatic and theirs and theirs != former and theirs.label == move.label:
            _give_way(move, theirs)
        rollout = stored.document.rollout
        kept = None if rollout and rollout.label == move.label else rollout
        moved = Moved(move.label, release, move.before, move.reason, move.is_rollback)
        return _write(move, RolloutDocument(move.missing or moved, kept))
    except MovedMeanwhileError:
        raise
    except (StoreError, RolloutError) as error:
        return replace(move, notices=(*move.notices, f"The move is not recorded: {error}"))


def _write(move: Move, document: RolloutDocument) -> Move:
    """Write a move's document. An automatic move puts back what it replaced, and gives way."""
    stored, ssm = move.stored, move.environment.ssm
    if stored is None:
        return move
    try:
        return replace(move, stored=write_stored(ssm, stored, document))
    except OverwrittenError as error:
        written = error.written
        if not move.is_automatic:
            return replace(move, stored=written, notices=(*move.notices, str(error)))
        theirs = document_of(read_version(ssm, stored.name, written.version - 1))
        write_stored(ssm, written, theirs)
        _give_way(move, theirs.moved)
        raise MovedMeanwhileError(str(error)) from error


def _give_way(move: Move, theirs: Moved | None) -> None:
    """Put a label where somebody else has moved it in the meantime, and stop."""
    if theirs is None or theirs.label != move.label or theirs == move.document.moved:
        return
    ssm, name = move.environment.ssm, move.releases.name
    previous = theirs.release if theirs.held else theirs.before
    if previous:
        ssm.label(name, previous, move.previous)
    if theirs.release is None:  # it was taken off
        ssm.unlabel(name, move.release, move.label)
    else:
        ssm.label(name, theirs.release, move.label)
    _stop_if_moved(replace(move, before=move.release), _look(move))
