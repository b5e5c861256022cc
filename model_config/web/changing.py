"""The changes that pages can make. Each one is previewed first, and made after a confirmation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from model_config.format.errors import UsageError
from model_config.format.release import Release
from model_config.operate.labels.move_text import done, planned
from model_config.operate.labels.moves import Check, Move
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.parameter import RolloutChange
from model_config.operate.rollouts.plan import RolloutPlan
from model_config.operate.rollouts.rollouts import Rollouts, utc_now
from model_config.operate.rollouts.start import NewRollout
from model_config.operate.rollouts.times import duration_of, percents_of
from model_config.operate.target import Target

#: Returns the check of a model's releases; or None, and the reason why there is none.
CheckOf = Callable[[str], tuple[Check | None, tuple[str, ...]]]
#: A form's input, by the names of its fields.
Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A prepared change.

    Attributes:
        what: its effects, in words.
        notes: what could not be verified, in words.
        differs: the releases that readers get before and after it; None if one is unknown.
        state: the state that it was prepared for. If the state differs when the change is
            confirmed, somebody else has changed something.
        apply: makes the change, and returns its effects, in words.
    """

    what: tuple[str, ...]
    notes: tuple[str, ...]
    differs: tuple[Release | None, Release | None]
    state: str
    apply: Callable[[], tuple[str, ...]]


def prepare(verb: str, target: Target, check_of: CheckOf, model: str, form: Form) -> Change:
    """Return a verified change, without making it.

    Args:
        verb: "promote", "rollback", "start" or "abort".

    Raises:
        UsageError: the input is invalid, or the change is impossible.
        ModelConfigError: as documented for `Labels` and `Rollouts`.
    """
    if verb == "promote":
        return _promotion(target, check_of, model, form)
    if verb == "rollback":
        return _rollback(target, model, form)
    if verb == "start":
        return _start(target, check_of, model, form)
    if verb == "abort":
        return _abort(target, model, form)
    raise UsageError(f"unknown change: {verb!r}")


def _promotion(target: Target, check_of: CheckOf, model: str, form: Form) -> Change:
    labels, (check, notes) = target.labels, check_of(model)
    move = labels.prepare_promotion(
        model, _label(form), release=_number(form), check=check, reason=_reason(form)
    )
    return _moving(move, notes, lambda: labels.make(move))


def _rollback(target: Target, model: str, form: Form) -> Change:
    labels = target.labels
    move = labels.prepare_rollback(model, _label(form), release=_number(form), reason=_reason(form))
    return _moving(move, (), lambda: labels.make(move))


def _moving(move: Move, notes: tuple[str, ...], make: Callable[[], Move]) -> Change:
    def made() -> tuple[str, ...]:
        after = make()
        return (*done(after), *after.notes)

    state = f"{move.before} {move.release} {move.stored.version if move.stored else None}"
    differs = _content(move.releases, move.before), move.target.content
    return Change(tuple(planned(move)), (*notes, *move.notes), differs, state, made)


def _start(target: Target, check_of: CheckOf, model: str, form: Form) -> Change:
    rollouts, (check, notes) = Rollouts(target.labels), check_of(model)
    every, percents = duration_of(form.get("every", "")), percents_of(form.get("steps", ""))
    plan = RolloutPlan(percents, every, every, reason=_reason(form))
    new = NewRollout(_label(form), plan, utc_now())
    change = rollouts.start(model, new, release=_number(form), check=check)
    rollout = change.document.rollout
    assert rollout is not None  # noqa: S101 - `start` sets it
    what = (
        f"Release {rollout.release} replaces release {rollout.before} for a growing share of the "
        f"readers of {rollout.label}: {', '.join(f'{percent:g}' for percent in percents)} %. The "
        f"first step starts immediately, each further step {form['every']} later."
    )
    did = f"the rollout of release {rollout.release} to {rollout.label} has started."
    differs = (rollout.before, rollout.release)
    change = replace(change, notes=(*notes, *change.notes))
    return _writing(rollouts, change, what, did, differs)


def _abort(target: Target, model: str, form: Form) -> Change:
    rollouts = Rollouts(target.labels)
    change = rollouts.abort(model, _reason(form))
    rollout = change.stored.document.rollout
    if rollout is None:
        what = "The rollout document is invalid. An empty one replaces it."
        return _writing(rollouts, change, what, "the rollout document was replaced.", (None, None))
    what = (
        f"The rollout of release {rollout.release} ends. Within {rollout.poll_seconds} seconds, "
        f"all readers of {rollout.label} get release {rollout.before} again."
    )
    did = f"the rollout of release {rollout.release} was aborted."
    return _writing(rollouts, change, what, did, (rollout.release, rollout.before))


def _writing(
    rollouts: Rollouts,
    change: RolloutChange,
    what: str,
    did: str,
    differs: tuple[int | None, int | None],
) -> Change:
    """Return a change of a rollout, described by `what` before it is made and by `did` after."""

    def made() -> tuple[str, ...]:
        rollouts.write(change)
        return (did,)

    labels = sorted(change.releases.labels.items())
    state = f"{change.releases.newest.number} {labels} {change.stored.version}"
    before, after = (_content(change.releases, number) for number in differs)
    return Change((what,), change.notes, (before, after), state, made)


def _label(form: Form) -> str:
    return form.get("label", "").strip() or "stable"


def _reason(form: Form) -> str | None:
    return form.get("reason", "").strip() or None


def _number(form: Form) -> int | None:
    text = form.get("release", "").strip()
    if text and not text.isdecimal():
        raise UsageError(f"a release must be a whole number, not {text!r}")
    return int(text) if text else None


def _content(releases: Releases, number: int | None) -> Release | None:
    return releases.select(number).content if number else None
