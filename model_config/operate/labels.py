"""Moves labels, which decide the release that readers get. No value is ever rewritten.

A label is *held* if `-previous` is on the same release: a rollback leaves both there, and no
pipeline moves it. A promotion that was interrupted between its two requests looks the same
(`State.interrupted`). Promoting again completes the promotion.

A move first takes the label's rollout out of the document, so that it can't come back to life when
the label returns; then it moves the label; then it records the move.

If several people move a label at once, the last one wins. SSM can't move a label on condition that
it hasn't moved, so `-previous` may miss a promotion that happens between the last check and the
move, one request later: it is then on the release before that, or on none. An automatic move stops
instead: it looks before and after each of its writes, and puts back what it replaced.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from model_config.format import errors
from model_config.format.names import LABELS_ON_A_RELEASE, LATEST, PREVIOUS, check_movable_label
from model_config.format.rollout import REASON_CHARACTERS, Moved, RolloutDocument, Together
from model_config.operate import record
from model_config.operate.environment import Environment, OverwrittenError, State, read_state
from model_config.operate.releases import PastRelease, Releases

#: Refuses a release by raising an exception, such as one that doesn't fit its model's class.
Check = Callable[[PastRelease], object]


class MovedMeanwhileError(errors.StoreError):
    """Somebody else moved the label, so an automatic move has stopped."""


class Move:
    """A verified move of a label, which `make` makes. All but `before` tells of before the move."""

    def __init__(  # noqa: PLR0913 - what moves differ in
        self,
        environment: Environment,
        state: State,
        label: str,
        target: PastRelease,
        reason: str | None,
        *,
        is_rollback: bool = False,
        is_removal: bool = False,
        is_automatic: bool = False,
    ) -> None:
        self.environment, self.state, self.label, self.target = environment, state, label, target
        #: Whether the label is held on its target afterwards; whether it is taken off instead; and
        #: whether the move stops if anybody else has moved the label meanwhile.
        self.is_rollback, self.is_removal, self.is_automatic = is_rollback, is_removal, is_automatic
        self.reason, self.previous, self.release = reason, f"{label}{PREVIOUS}", target.number
        self.releases, self.model = state.releases, state.releases.model
        self.where = environment.where(self.model)
        #: The release that the label is on; once it has moved, that it was on.
        self.before = self.releases.on(label)
        self.was_interrupted = state.interrupted == label
        self.was_held = state.is_held(label) and not self.was_interrupted
        self.ends_hold = self.was_held and not is_rollback
        rollout = state.under_way
        #: The label's rollout, which the move ends.
        self.rollout = rollout if rollout and rollout.label == label else None
        #: The record that an earlier move, to the same release, didn't come to write.
        self.missing: Moved | None = None
        self.together: Together | None = None  #: The promotion of several that it is a part of.
        self.notices: list[str] = []  #: What couldn't be verified or recorded.

    def look(self) -> Releases:
        return self.environment.releases(self.model, documents=False)

    @property
    def origin(self) -> str:
        return f"release {self.before}" if self.before else "no release"

    @property
    def changed(self) -> bool:
        return self.release != self.before

    @property
    def does_something(self) -> bool:
        begins_hold = self.is_rollback and self.releases.on(self.previous) != self.release
        is_unfinished = self.was_interrupted or self.rollout or self.missing
        return bool(self.changed or self.ends_hold or begins_hold or is_unfinished)

    def done(self) -> Iterator[str]:
        label, release = self.label, self.release
        if self.is_removal:
            missing = "is on no release: its removal was missing in the history"
            yield f"{label} {missing if self.missing else f'is taken off release {release}'}."
            return
        if self.changed:
            yield f"{label} moved from {self.origin} to release {release}."
        elif not self.does_something:
            yield f"{label} is already on release {release}: nothing moved."
        elif self.missing:
            yield f"{label} is already on release {release}: its move was missing in the history."
        if self.ends_hold and self.changed:
            yield f"the hold on release {self.before} has ended."
        elif self.ends_hold:
            yield f"{label} stays on release {release} and is no longer held."
        if self.was_interrupted and not self.is_rollback:
            how = "completed" if self.changed else "cancelled"
            yield f"the interrupted promotion is {how}."
        if self.is_rollback:
            yield (
                f"{label} is held on release {release}: no pipeline moves it until somebody "
                "promotes a release."
            )
        if self.rollout:
            how = "aborted" if self.is_rollback else "finished"
            yield f"the rollout of release {self.rollout.release} is {how}."


def prepare_promotion(  # noqa: PLR0913 - the options of a promotion
    environment: Environment,
    model: str,
    label: str,
    *,
    release: int | None = None,
    check: Check | None = None,
    reason: str | None = None,
    is_automatic: bool = False,
    state: State | None = None,
) -> Move:
    """Return a promotion, by default to the newest release, verified. Nothing moves yet."""
    state = _read(environment, model, label, reason, state)
    target = state.releases.select(LATEST if release is None else release)
    move = Move(environment, state, label, target, reason, is_automatic=is_automatic)
    return _verified(move, check)


def prepare_rollback(
    environment: Environment,
    model: str,
    label: str,
    *,
    release: int | None = None,
    reason: str | None = None,
) -> Move:
    """Return a rollback, by default to the release with `-previous`. Nothing moves yet."""
    state = _read(environment, model, label, reason)
    releases, previous = state.releases, f"{label}{PREVIOUS}"
    if release is None and releases.on(previous) is None:
        raise errors.LabelNotFoundError(
            f"{previous} is on no release of {model} in {environment.name}, so there is nothing to "
            f"go back to. Name the release: `model-config rollback {model} --label {label} "
            f"--release N --environment {environment.name}`"
        )
    target = releases.select(previous if release is None else release)
    return _verified(Move(environment, state, label, target, reason, is_rollback=True), None)


def prepare_unlabel(
    environment: Environment, model: str, label: str, *, reason: str | None = None
) -> Move:
    """Return the removal of a label and its `-previous`. Nothing changes yet."""
    state = _read(environment, model, label, reason)
    rollout, unrecorded = state.document.rollout, None
    if state.releases.on(label) is None and state.can_be_written:
        with suppress(errors.AccessDeniedError):
            if last := _last_recorded(environment, state, label):
                unrecorded = next((it for it in state.releases if it.number == last.release), None)
    target = unrecorded or state.releases.select(label)
    if rollout and rollout.label == label:  # even an ended one, which the label would revive
        raise errors.UsageError(
            f"a rollout of release {rollout.release} to {label} of {model} is in the model's "
            f"rollout parameter, so the label can't be taken off. Abort it first: "
            f"`model-config rollout abort {state.releases.place}`"
        )
    move = Move(environment, state, label, target, reason, is_removal=True)
    if unrecorded:
        move.missing = Moved(label, None, target.number, reason, held=False)
    move.notices += _unrecorded(state)
    return move


def check_reason(reason: str | None) -> None:
    count = len(reason or "")
    if count > REASON_CHARACTERS:
        raise errors.UsageError(
            f"the reason has {count:,} characters; the maximum is {REASON_CHARACTERS}"
        )
    if reason is not None and (not reason.strip() or not reason.isprintable()):
        raise errors.UsageError("a reason must be one line of plain text, and not empty")


def verify(
    environment: Environment, releases: Releases, target: PastRelease, check: Check | None
) -> list[str]:
    """Return what could not be verified of a release; raise ReleaseError if it can't be used."""
    content = target.open()
    if check is not None:
        check(target)
    names = list(content.secret_names(releases.path).values())
    try:
        missing = sorted(set(names) - environment.ssm.arns(names).keys())
    except errors.AccessDeniedError as error:
        return [f"It is unknown whether the release's secrets exist: {error}"]
    if missing:
        raise errors.ReleaseError(
            f"release {target.number} of {releases.model} in {releases.environment} names secrets "
            f"that are gone: {', '.join(missing)}. Deploy them again, or choose another release"
        )
    return []


def make(move: Move) -> Move:
    """Make and record a prepared move; its notices say what could not be recorded.

    Raises StoreError if the label's rollout can't be ended: nothing has moved then. After any other
    StoreError, prepare and make the move again. An automatic move raises MovedMeanwhileError.
    """
    if move.is_removal:
        ssm, name = move.environment.ssm, move.releases.name
        # `-previous` first: if the second request fails, the label can still be named again.
        if (before := move.releases.on(move.previous)) is not None:
            ssm.unlabel(name, before, move.previous)
        ssm.unlabel(name, move.release, move.label)
        _stop_unless_on(None, move, move.look())
        _record(move, move.state, None)
    elif not move.does_something:
        move.notices.clear()
    else:
        if move.is_automatic:
            _stop_unless_on(move.before, move, move.look())
        begun = _begin(move)
        if move.is_rollback:
            _roll_back(move)
        else:
            _promote(move)
        _record(move, begun, move.release)
        if move.is_rollback:  # an automatic move gives way only to a hold that it finds recorded
            _check_hold(move)
    return move


def make_together(moves: Sequence[Move]) -> None:
    """Make promotions as one: record all, then move all labels, then record that they moved.

    After an error or a kill, `promotion.settle` completes it and `promotion.restore` undoes it.
    """
    begun = [_begin(move) for move in moves]
    for move in moves:
        _promote(move)
    for move, state in zip(moves, begun, strict=True):
        _record(move, state, move.release)


def _read(
    environment: Environment,
    model: str,
    label: str,
    reason: str | None,
    known: State | None = None,
) -> State:
    check_movable_label(label)
    check_reason(reason)
    return known or environment.state(model)


def _unrecorded(state: State) -> Iterator[str]:
    if state.problem:
        unknown = "It is unknown whether a rollout is under way, and the move is not recorded"
        yield f"{unknown}: {state.problem}"
    elif not state.version:
        missing = "the model has no rollout parameter. A deploy creates it."
        yield f"The move is not recorded: {missing}"


def _verified(move: Move, check: Check | None) -> Move:
    if move.is_automatic and move.was_held:  # since the caller looked
        raise MovedMeanwhileError(
            f"{move.label} of {move.model} is held on release {move.before} by a rollback, so "
            f"release {move.release} was not promoted"
        )
    rollout, place = move.rollout, move.releases.place
    if rollout and not move.is_rollback and rollout.release != move.release:
        raise errors.UsageError(
            f"a rollout of release {rollout.release} to {move.label} of {move.model} is under way, "
            f"so release {move.release} can't be promoted to it. Finish it first: `model-config "
            f"rollout finish {place}`; or abort it: `model-config rollout abort {place}`"
        )
    _check_room(move)
    move.notices += verify(move.environment, move.releases, move.target, check)
    move.notices += _unrecorded(move.state)
    if move.state.can_be_written and not move.does_something:
        move.missing = _missing_record(move)
    return move


def _check_room(move: Move) -> None:
    labels = dict(move.releases.labels)
    previous = move.release if move.is_rollback else move.before
    for label, release in ((move.previous, previous), (move.label, move.release)):
        if release is None:
            continue
        labels[label] = release
        there = sorted(name for name, on in labels.items() if on == release)
        if len(there) > LABELS_ON_A_RELEASE:
            others = [name for name in there if name not in {move.label, move.previous}]
            raise errors.UsageError(
                f"release {release} has no room for {label}: it carries {LABELS_ON_A_RELEASE} "
                f"labels, all that SSM allows. Take one of {', '.join(others)} off: "
                f"`aws ssm unlabel-parameter-version --name {move.releases.name} "
                f"--parameter-version {release} --labels {others[-1]}`"
            )


def _last_recorded(environment: Environment, state: State, label: str) -> Moved | None:
    if (last := state.document.moved) and last.label == label:
        return last
    history = record.read_history(environment.ssm, environment.path, state.releases.model)
    moves = (version.document.moved for version in reversed(history) if version.document)
    return next((moved for moved in moves if moved and moved.label == label), None)


def _missing_record(move: Move) -> Moved | None:
    try:
        last = _last_recorded(move.environment, move.state, move.label)
    except errors.AccessDeniedError:
        return None
    if last and last.release == move.release and last.held in {None, move.is_rollback}:
        return None
    before, previous = last.release if last else None, move.releases.on(move.previous)
    if last is None and previous != move.release:
        before = previous
    return Moved(move.label, move.release, before, move.reason, move.is_rollback)


def _stop_unless_on(release: int | None, move: Move, now: Releases) -> None:
    on = now.on(move.label)
    if on == release:
        return
    where = f"on release {on}" if on else "on no release"
    raise MovedMeanwhileError(
        f"somebody else moved {move.label} of {move.model} in the meantime: it is {where} now, so "
        f"release {move.release} was left alone. See `model-config history {now.place}`, and run "
        "the command again"
    )


def _begin(move: Move) -> State:
    """Write the document that has to be there before the label moves, without a rollout of it."""
    former = move.state.document
    rollout, moved, together = former.rollout, former.moved, move.together or former.together
    if together and together.label == move.label and together.pending and not move.together:
        together = None
    if rollout and rollout.label == move.label:
        rollout = None
        # What tells an interrupted promotion from an abort: only the latter leaves such a record.
        moved = None if record.is_kept(moved) else moved
        if move.is_rollback and move.before:
            # A hold where the label is already leaves no other trace until it is recorded.
            held = not move.changed or move.state.is_held(move.label)
            moved = Moved(move.label, move.before, move.before, held=held)
    document = RolloutDocument(moved, rollout, together)
    if document == former:
        return move.state
    try:
        return _write(move, move.state, document)
    except (MovedMeanwhileError, OverwrittenError):
        raise
    except (errors.StoreError, errors.RolloutError) as error:
        what = "can't be recorded"
        if former.rollout and not rollout:
            what = f"a rollout of release {former.rollout.release} can't be ended"
        raise type(error)(f"{move.model}: {what}, so nothing has moved: {error}") from error


def _roll_back(move: Move) -> None:
    ssm, name = move.environment.ssm, move.releases.name
    ssm.label(name, move.release, move.previous)
    ssm.label(name, move.release, move.label)
    _check_hold(move)


def _check_hold(move: Move) -> None:
    ssm, name = move.environment.ssm, move.releases.name
    now = move.look()
    if now.on(move.label) == move.release != now.on(move.previous):
        ssm.label(name, move.release, move.previous)
        now = move.look()
    if now.on(move.label) == move.release != now.on(move.previous):
        move.notices.append(
            f"{move.previous} is on release {now.on(move.previous)}: somebody else moved it"
        )
    else:
        _stop_unless_on(move.release, move, now)


def _promote(move: Move) -> None:
    ssm, name = move.environment.ssm, move.releases.name
    if not move.changed:
        if move.was_held or move.was_interrupted:
            ssm.unlabel(name, move.release, move.previous)
        return
    before, marked = move.before, None
    # Until `-previous` is on the label's release: someone else may be moving the label.
    while before is not None and before not in {marked, move.release}:
        ssm.label(name, before, move.previous)
        now = move.look()
        if move.is_automatic:
            _put_previous_back(move, now)
            _stop_unless_on(move.before, move, now)
        before, marked = now.on(move.label), before
    if before is None and move.releases.on(move.previous) == move.release:
        ssm.unlabel(name, move.release, move.previous)  # or the label would count as held there
    if before != move.release:
        ssm.label(name, move.release, move.label)
    move.before = before
    if move.is_automatic:
        now = move.look()
        held = now.on(move.previous)
        if held and held != before and now.on(move.label) == move.release:
            # Somebody rolled back in between: `-previous` says where to.
            ssm.label(name, held, move.label)
            now = move.look()
        _stop_unless_on(move.release, move, now)


def _put_previous_back(move: Move, now: Releases) -> None:
    """Put `-previous` where a removal or a rollback had it that this move has just replaced."""
    ssm, on = move.environment.ssm, now.on(move.label)
    if on is None and move.before:
        ssm.unlabel(now.name, move.before, move.previous)
    elif on and on != move.before and read_state(ssm, now).is_held(move.label):
        ssm.label(now.name, on, move.previous)


def _record(move: Move, begun: State, release: int | None) -> None:
    if not begun.can_be_written:
        return
    try:
        now = read_state(move.environment.ssm, move.releases)
        if not now.can_be_written:
            move.notices += _unrecorded(now)
            return
        theirs = now.document.moved
        if move.is_automatic and theirs != begun.document.moved:
            _give_way(move, theirs)
        rollout = now.document.rollout
        kept = None if rollout and rollout.label == move.label else rollout
        moved = Moved(move.label, release, move.before, move.reason, move.is_rollback)
        together = now.document.together
        if move.together:
            together = Together(move.label, move.together.releases)
        _write(move, now, RolloutDocument(move.missing or moved, kept, together))
    except MovedMeanwhileError:
        raise
    except (errors.StoreError, errors.RolloutError) as error:
        move.notices.append(f"The move is not recorded: {error}")


def _write(move: Move, now: State, document: RolloutDocument) -> State:
    environment = move.environment
    try:
        return environment.write(now, document)
    except OverwrittenError as error:
        if not move.is_automatic:
            move.notices.append(str(error))
            return error.written
        theirs = environment.document_before(error.written)
        environment.write(error.written, theirs)
        if theirs.moved != now.document.moved:
            _give_way(move, theirs.moved)
        raise MovedMeanwhileError(str(error)) from error


def _give_way(move: Move, theirs: Moved | None) -> None:
    # Where somebody else has moved the label in the meantime, it belongs.
    if theirs is None or theirs.label != move.label:
        return
    ssm, name = move.environment.ssm, move.releases.name
    previous = theirs.before if theirs.release else None
    if theirs.held:
        previous = theirs.release
    elif record.is_kept(theirs):  # no move: `-previous` belongs where it was, but for a hold's
        former = move.releases.on(move.previous)
        previous = None if former == theirs.release else former
    if previous:
        ssm.label(name, previous, move.previous)
    elif move.before:
        ssm.unlabel(name, move.before, move.previous)
    if theirs.release is None:  # it was taken off
        ssm.unlabel(name, move.release, move.label)
    else:
        ssm.label(name, theirs.release, move.label)
    _stop_unless_on(move.release, move, move.look())
