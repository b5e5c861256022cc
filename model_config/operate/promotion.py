"""Promotions of several models: a pipeline's, one by one, and several models as one.

As one, all labels move or none. The documents of all models that move record the promotion before
the first label moves, and that it is done after the last. So a run that finds it pending knows
where each label was.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from model_config.format.errors import ModelConfigError, UsageError
from model_config.format.names import PREVIOUS
from model_config.format.rollout import Moved, RolloutDocument, Together
from model_config.operate import labels, rollouts
from model_config.operate.environment import Environment, State
from model_config.operate.releases import Releases

#: The outcome for a model's label. "held", "interrupted", "rollout" and "newer" say why it was not
#: moved: a rollback holds it, a promotion of it was interrupted, another rollout is under way, or
#: it is on a newer release.
Outcome: TypeAlias = Literal[
    "promoted", "rolled out", "already there", "held", "interrupted", "rollout", "newer", "failed"
]


@dataclass(frozen=True, slots=True)
class Promotion:
    model: str
    outcome: Outcome
    message: str
    notices: Sequence[str] = ()

    @property
    def was_left(self) -> bool:
        return self.outcome in {"held", "interrupted", "rollout", "newer"}


def promote_changed(  # noqa: C901, PLR0913 - what a pipeline knows
    environment: Environment,
    before: Mapping[str, int],
    after: Mapping[str, int],
    *,
    label: str = "stable",
    check_of: Callable[[str], labels.Check | None] = lambda _: None,
    reason: str | None = None,
    rollout: rollouts.NewRollout | None = None,
) -> Iterator[Promotion]:
    """Promote the models that a deploy changed, one by one, and yield the outcome for each.

    A label is not moved if somebody decided otherwise: if a rollback holds it, if a rollout is
    under way, or if a newer release has been promoted, so that repeating an old run undoes nothing.
    A promotion that was interrupted has to be completed by a person: if a rollback was not
    recorded, it may be a hold. If one model fails, the others are still promoted.

    `before` and `after` have each model's release number in the outputs of the last successful
    update and of this one. Not those of a failed update: the deploy that fixes it promotes what it
    wrote. `rollout` is started instead of moving the label, if the label is on a release.
    """

    def promoted(model: str, release: int) -> Promotion:
        state = environment.state(model)
        on, current = state.releases.on(label), state.under_way
        if rollout and current and current.release == release:
            message = f"{model}: release {release} is already being rolled out to {current.label}"
            return Promotion(model, "already there", message)
        if left := left_alone(state, release, label):
            return left
        check = check_of(model)
        if rollout and on not in {None, release}:  # otherwise there is nothing to roll out from
            if current:
                message = (
                    f"{model}: a rollout of release {current.release} to {current.label} is under "
                    f"way, and a model has one at a time, so none of release {release} was started"
                )
                return Promotion(model, "rollout", message)
            change = rollouts.start(environment, model, rollout, release=release, check=check)
            change.write()
            shares = ", ".join(f"{percent:g}" for percent in rollout.plan.percents)
            message = f"{model}: a rollout of release {release} to {label} began: {shares} %"
            return Promotion(model, "rolled out", message, change.notices)
        move = labels.prepare_promotion(
            environment,
            model,
            label,
            release=release,
            check=check,
            reason=reason,
            is_automatic=True,
        )
        labels.make(move)
        if move.changed:
            message = f"{model}: {label} moved from {move.origin} to {release}"
            return Promotion(model, "promoted", message, move.notices)
        message = f"{model}: {label} is already on release {release}"
        return Promotion(model, "already there", message, move.notices)

    for model, release in sorted(after.items()):
        if before.get(model) == release:
            continue
        try:
            try:
                yield promoted(model, release)
            except labels.MovedMeanwhileError:  # look again: the label may be held now
                left = left_alone(environment.state(model), release, label)
                if left is None:
                    raise
                yield left
        except ModelConfigError as error:
            failed = f"{label} could not be moved to release {release}"
            if rollout:
                failed = f"release {release} could not be rolled out to {label}"
            yield Promotion(model, "failed", f"{model}: {failed}: {error}")


def left_alone(state: State, release: int, label: str) -> Promotion | None:
    model, on = state.releases.model, state.releases.on(label)
    promote = f"`model-config promote {state.releases.place} --label {label} --release {release}`"
    rollout = state.under_way
    if rollout and rollout.label == label and rollout.release != release:
        message = (
            f"{model}: a rollout of release {rollout.release} to {label} is under way, so release "
            f"{release} was not promoted. Once it is finished or aborted: {promote}"
        )
        return Promotion(model, "rollout", message)
    if state.is_held(label):
        is_interrupted = state.interrupted == label
        then = "To complete it" if is_interrupted else "Once the reason is resolved"
        not_promoted = f"so release {release} was not promoted. {then}: {promote}"
        stays = "and stays held" if on == release else not_promoted
        message = f"{model}: {state.why_it_stays(label)}, {stays}"
        return Promotion(model, "interrupted" if is_interrupted else "held", message)
    if on is not None and on > release:
        message = (
            f"{model}: {label} is on release {on}, which is newer than the {release} of this "
            f"deploy, so nothing moved. To go back to it: {promote}"
        )
        return Promotion(model, "newer", message)
    return None


def not_promoted(state: State, label: str = "stable") -> str | None:
    on, newest = state.releases.on(label), state.releases.newest.number
    if on == newest or state.under_way or state.is_held(label):
        return None
    where = f"on release {on}" if on else "on none: its readers get an error"
    return f"nobody promoted release {newest}, the newest, to {label}, which is {where}"


def unpromoted(environment: Environment, models: Iterable[str], label: str) -> Iterator[str]:
    for model in models:
        try:
            state = environment.state(model)
        except ModelConfigError as error:
            yield f"{model}: it is unknown whether the newest release was promoted: {error}"
            continue
        if problem := not_promoted(state, label):
            command = f"model-config promote {state.releases.place} --label {label}"
            yield f"{model}: {problem}. To do it: `{command}`"


def prepare_part(
    environment: Environment, model: str, label: str, check: labels.Check | None, reason: str | None
) -> labels.Move:
    state = environment.state(model)
    left = left_alone(state, state.releases.newest.number, label)
    if left and not _pending(state.document, label):
        raise UsageError(f"{left.message}. Promote the others one by one, without --together")
    if (rollout := state.under_way) and rollout.label == label:
        place = state.releases.place
        raise UsageError(
            f"a rollout of release {rollout.release} to {label} of {model} is under way: finish it "
            f"first, `model-config rollout finish {place}`, or abort it, `model-config rollout "
            f"abort {place}`"
        )
    move = labels.prepare_promotion(
        environment, model, label, check=check, reason=reason, state=state
    )
    if not move.state.can_be_written:
        raise UsageError(
            f"{model} can't be promoted together with others, since it can't be recorded: "
            + " ".join(move.notices)
        )
    return move


def promote_together(moves: Sequence[labels.Move]) -> list[labels.Move]:
    """Make the moves of one environment as one, and return all.

    If no label moves, the models whose records name other releases get new records.
    """
    releases = {move.model: move.release for move in moves}
    for move in moves:
        before, previous = move.before, move.releases.on(move.previous)
        if former := _pending(move.state.document, move.label):
            before, previous = former.before, former.previous
        move.together = Together(move.label, releases, before, previous, pending=True)
    if moving := [move for move in moves if move.does_something]:
        others = [move for move in moves if not move.does_something]
        labels.make_together(moving)
        return [*moving, *others]
    for move in moves:
        former = move.state.document.together
        if former and former.releases != releases:
            together = Together(move.label, releases)
            move.environment.write(move.state, replace(move.state.document, together=together))
    return list(moves)


def settle(environment: Environment, models: Sequence[str], label: str) -> list[str]:
    """Record an interrupted promotion whose labels have all moved; return the models."""
    pending = list(_all_pending(environment, models, label))
    if any(
        state.releases.on(label) != together.releases.get(state.releases.model)
        for state, together in pending
    ):
        return []
    for state, together in pending:
        moved = Moved(label, state.releases.on(label), together.before, held=False)
        whole = Together(label, together.releases)
        environment.write(state, replace(state.document, moved=moved, together=whole))
    return [state.releases.model for state, _ in pending]


def restore(environment: Environment, models: Sequence[str], label: str) -> list[str]:
    """Put the labels of an interrupted promotion back, without a hold; return the models.

    A label that somebody has moved elsewhere in the meantime stays there.
    """
    pending = list(_all_pending(environment, models, label))
    for found, together in pending:
        state, releases = found, found.releases
        if releases.on(label) in {together.before, together.releases.get(releases.model)}:
            rollout = state.document.rollout
            if rollout and rollout.label == label:  # or it would come back with the label
                state = environment.write(state, replace(state.document, rollout=None))
            _put(environment, releases, label, together.before)
            _put(environment, releases, f"{label}{PREVIOUS}", together.previous)
        environment.write(state, replace(state.document, together=None))
    return [state.releases.model for state, _ in pending]


def apart(model: str, states: Mapping[str, State]) -> Iterator[str]:
    """Yield each fallback of a model that is on a release that wasn't promoted with the model's.

    Only of models that have been promoted together.
    """
    all_together = (state.document.together for state in states.values())
    records = [it for it in all_together if it and not it.pending]
    for label in sorted({it.label for it in records if model in it.releases}):
        on = {name: state.releases.on(label) for name, state in states.items()}
        if on[model] is None:
            continue
        content = states[model].releases.select(label).content
        fallbacks = content.config.get("fallbacks") if content else None
        names = fallbacks if isinstance(fallbacks, list) else []
        for name in (it for it in names if isinstance(it, str)):
            whole = [it for it in records if it.label == label and {model, name} <= {*it.releases}]
            if not whole:
                continue
            now = (on[model], on.get(name))
            if now not in [(it.releases[model], it.releases[name]) for it in whole]:
                yield (
                    f"{label} is on release {on[model]}, and on release {on.get(name)} of its "
                    f"fallback {name}: they weren't promoted together"
                )


def _pending(document: RolloutDocument, label: str) -> Together | None:
    together = document.together
    return together if together and together.pending and together.label == label else None


def _all_pending(
    environment: Environment, models: Sequence[str], label: str
) -> Iterator[tuple[State, Together]]:
    for model in models:
        state = environment.state(model)
        if together := _pending(state.document, label):
            yield state, together


def _put(environment: Environment, releases: Releases, label: str, release: int | None) -> None:
    on = releases.on(label)
    if on == release:
        return
    if release is None:
        environment.ssm.unlabel(releases.name, on or 0, label)
    else:
        environment.ssm.label(releases.name, release, label)
