"""Changes that a page may make: each prepared and shown first, and made once it was confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from model_config.format.errors import UsageError
from model_config.format.release import Release
from model_config.operate.labels.move_text import done, planned
from model_config.operate.labels.moves import Check, Move
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.parameter import RolloutChange
from model_config.operate.rollouts.plan import RolloutPlan
from model_config.operate.rollouts.rollouts import Rollouts, utc_now
from model_config.operate.rollouts.start import NewRollout, new_salt
from model_config.operate.rollouts.times import duration_of, percents_of
from model_config.operate.target import Target

#: Returns what a model's release is checked with, or None and why there is nothing.
CheckOf = Callable[[str], tuple[Check | None, tuple[str, ...]]]
#: What was typed into a form, by the fields' names.
Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was prepared.

    Attributes:
        what: what it will do, in words.
        notes: what could not be verified, in words.
        differs: what readers get now, and what they get by it; None where that can't be told.
        state: what the change begins from: where that is another by the time it is confirmed,
            somebody else has changed something.
        apply: makes it, and returns what it did, in words.
    """

    what: tuple[str, ...]
    notes: tuple[str, ...]
    differs: tuple[Release | None, Release | None]
    state: str
    apply: Callable[[], tuple[str, ...]]


def prepare(verb: str, target: Target, check_of: CheckOf, model: str, form: Form) -> Change:
    """Return a change, verified. Nothing is changed yet.

    Args:
        verb: "promote", "rollback", "start" or "abort".
        target: the environment.
        check_of: returns what a release is checked with.
        model: the model's name.
        form: what was typed.

    Raises:
        UsageError: it can't be made so.
        ModelConfigError: as `Labels` and `Rollouts` have it.
    """
    if verb == "promote":
        return _promotion(target, check_of, model, form)
    if verb == "rollback":
        return _rollback(target, model, form)
    if verb == "start":
        return _start(target, check_of, model, form)
    if verb == "abort":
        return _abort(target, model, form)
    raise UsageError(f"there is no such change: {verb!r}")


def _promotion(target: Target, check_of: CheckOf, model: str, form: Form) -> Change:
    labels, (check, notes) = target.labels(), check_of(model)
    move = labels.prepare_promotion(
        model, _label(form), release=_number(form), check=check, reason=_reason(form)
    )
    return _moving(move, notes, lambda: labels.make(move))


def _rollback(target: Target, model: str, form: Form) -> Change:
    labels = target.labels()
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
    rollouts, (check, notes) = Rollouts(target.labels()), check_of(model)
    every, percents = duration_of(form.get("every", "")), percents_of(form.get("steps", ""))
    plan = RolloutPlan(percents, every, every, reason=_reason(form))
    new = NewRollout(_label(form), plan, utc_now(), new_salt())
    change = rollouts.start(model, new, release=_number(form), check=check)
    rollout = change.document.rollout
    assert rollout is not None  # noqa: S101 - which `start` made
    what = (
        f"Release {rollout.release} is rolled out to the readers of {rollout.label}, who have "
        f"release {rollout.before}: to {', '.join(f'{percent:g}' for percent in percents)} % of "
        f"them, the first at once and each next one {form['every']} later."
    )
    did = f"the rollout of release {rollout.release} to {rollout.label} has begun."
    differs = (rollout.before, rollout.release)
    return _writing(rollouts, change, (what, did), differs, notes)


def _abort(target: Target, model: str, form: Form) -> Change:
    rollouts = Rollouts(target.labels())
    change = rollouts.abort(model, _reason(form))
    rollout = change.stored.document.rollout
    if rollout is None:
        what = "The rollout document can't be understood, and is replaced by an empty one."
        return _writing(rollouts, change, (what, "it is replaced."), (None, None))
    what = (
        f"The rollout of release {rollout.release} ends. Within {rollout.poll_seconds} seconds all "
        f"readers of {rollout.label} get release {rollout.before} again."
    )
    did = f"the rollout of release {rollout.release} is aborted."
    return _writing(rollouts, change, (what, did), (rollout.release, rollout.before))


def _writing(
    rollouts: Rollouts,
    change: RolloutChange,
    words: tuple[str, str],
    differs: tuple[int | None, int | None],
    notes: tuple[str, ...] = (),
) -> Change:
    """Return a change of a rollout, with what it will do and what it did in words."""
    what, did = words

    def made() -> tuple[str, ...]:
        rollouts.write(change)
        return (did,)

    labels = sorted(change.releases.labels.items())
    state = f"{change.releases.newest.number} {labels} {change.stored.version}"
    before, after = (_content(change.releases, number) for number in differs)
    return Change((what,), (*notes, *change.notes), (before, after), state, made)


def _label(form: Form) -> str:
    return form.get("label", "").strip() or "stable"


def _reason(form: Form) -> str | None:
    return form.get("reason", "").strip() or None


def _number(form: Form) -> int | None:
    text = form.get("release", "").strip()
    if text and not text.isdecimal():
        raise UsageError(f"a release is a whole number, not {text!r}")
    return int(text) if text else None


def _content(releases: Releases, number: int | None) -> Release | None:
    return releases.select(number).content if number else None
