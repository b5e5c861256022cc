"""Rollouts, which give a release to a share of a label's readers first.

No service runs a rollout. The document in the model's rollout parameter has the times, and each
reader computes the share. If two people change a rollout at once, the last write wins, and its
author gets an error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from secrets import token_hex

from model_config.format.errors import AccessDeniedError, RolloutError, UsageError
from model_config.format.names import check_movable_label
from model_config.format.rollout import Moved, Rollout, RolloutDocument, write_rollout
from model_config.operate import labels, record, rollout_plan
from model_config.operate.environment import Environment, State


@dataclass(frozen=True, slots=True)
class NewRollout:
    label: str
    plan: rollout_plan.RolloutPlan
    begin: datetime
    units: tuple[str, ...] = ()  #: They get the candidate whatever their share.
    #: Another in each rollout, so that each starts with another share of units; but the same in all
    #: regions, so that a unit gets the same release in each.
    salt: str = field(default_factory=partial(token_hex, 8))


@dataclass(frozen=True, slots=True)
class RolloutChange:
    """A verified change of a model's rollout parameter, which `write` makes."""

    environment: Environment
    state: State
    document: RolloutDocument
    notices: Sequence[str] = ()

    @property
    def where(self) -> str:
        return self.environment.where(self.state.releases.model)

    def write(self) -> None:
        """Write it. Raises OverwrittenError if it replaced somebody else's."""
        self.environment.write(self.state, self.document)


def current(environment: Environment, model: str, *, valid: bool = False) -> State:
    """Return a model's state, or refuse if it has no rollout parameter, or no valid document."""
    state = environment.state(model)
    if isinstance(state.problem, AccessDeniedError):
        raise state.problem
    if not state.version:
        raise UsageError(
            f"{model} in {environment.name} has no rollout parameter. A deploy creates it: "
            f"`pulumi up --refresh --stack {environment.name}`"
        )
    if valid and state.problem:  # a newer version of this program may have written it
        raise RolloutError(
            f"{state.problem}. To replace it: `model-config rollout abort {state.releases.place}`"
        )
    return state


def start(  # noqa: PLR0913 - the options of a rollout
    environment: Environment,
    model: str,
    new: NewRollout,
    *,
    release: int | None = None,
    check: labels.Check | None = None,
    force: bool = False,
) -> RolloutChange:
    """Return a new rollout with a verified candidate, by default the newest; not written yet."""
    check_movable_label(new.label)
    labels.check_reason(new.plan.reason)
    if not new.plan.percents[-1] and not new.units:
        raise UsageError("a rollout to 0 % of the units reaches nobody: name units with --unit")
    state = current(environment, model, valid=True)
    releases = state.releases
    candidate = releases.newest if release is None else releases.select(release)
    if (other := state.under_way) and not force:
        raise UsageError(
            f"a rollout of release {other.release} to {other.label} of {model} is under way. "
            "Finish or abort it first, or replace it with --force"
        )
    if state.is_held(new.label) and not force:
        why = state.why_it_stays(new.label)
        raise UsageError(f"{model}: {why}. To roll out to its readers anyway, add --force")
    before, where = releases.on(new.label), f"of {model} in {releases.environment}"
    if before is None:
        option = "" if new.label == "stable" else " --new-label"
        raise UsageError(
            f"{new.label} is on no release {where}, so it has no readers: promote a release first, "
            f"`model-config promote {releases.place} --label {new.label}{option} --release N`"
        )
    if before == candidate.number:
        raise UsageError(f"{new.label} {where} is already on release {before}")
    rollout = Rollout(
        label=new.label,
        release=candidate.number,
        before=before,
        salt=new.salt,
        steps=rollout_plan.steps_from(new.plan.percents, new.begin, new.plan.interval),
        units=dict.fromkeys(new.units, candidate.number),
        plan=new.plan.to_json(),
    )
    document = replace(state.document, rollout=rollout)
    write_rollout(document)  # refuse an invalid document before the candidate is verified
    notices = labels.verify(environment, releases, candidate, check)
    return RolloutChange(environment, state, document, notices)


def change(
    environment: Environment, model: str, changed: Callable[[Rollout, datetime], Rollout]
) -> RolloutChange:
    """Return a change of the rollout under way, such as `rollout_plan.paused`."""
    state = current(environment, model, valid=True)
    rollout = changed(_required(state.under_way, state), rollout_plan.utc_now())
    document = replace(state.document, rollout=rollout)
    write_rollout(document)  # refuse an invalid document before any region has it
    return RolloutChange(environment, state, document)


def with_unit(rollout: Rollout, unit: str, release: int | None, *, remove: bool) -> Rollout:
    units = dict(rollout.units)
    if remove:
        if units.pop(unit, None) is None:
            named = ", ".join(units) or "none"
            raise UsageError(f"the rollout names no unit {unit!r}; its units: {named}")
        if not units and not rollout_plan.plan_of(rollout).percents[-1]:
            raise UsageError(
                f"{unit!r} is the only unit of a rollout to 0 % of the others: to end it, "
                "`model-config rollout abort MODEL`"
            )
        return replace(rollout, units=units)
    release = rollout.release if release is None else release
    if release not in {rollout.release, rollout.before}:
        raise UsageError(
            f"release {release} is neither the rollout's candidate, {rollout.release}, nor the "
            f"one that {rollout.label} is on, {rollout.before}"
        )
    return replace(rollout, units={**units, unit: release})


def abort(environment: Environment, model: str, reason: str | None = None) -> RolloutChange:
    """Return the document, even an invalid one, without a rollout; not written yet."""
    labels.check_reason(reason)
    state = current(environment, model)
    rollout, moved = state.document.rollout, state.document.moved
    rollout = rollout or _interrupted_finish(environment, state)
    if not state.problem:
        _required(rollout, state)
    on = state.releases.on(rollout.label) if rollout else None
    if rollout and on:  # also without a reason: it tells an abort from an interrupted finish
        held = state.is_held(rollout.label) and state.interrupted != rollout.label
        moved = Moved(rollout.label, on, on, reason, held)
    return RolloutChange(environment, state, replace(state.document, moved=moved, rollout=None))


def finish(
    environment: Environment,
    model: str,
    *,
    check: labels.Check | None = None,
    reason: str | None = None,
) -> labels.Move:
    state = current(environment, model, valid=True)
    rollout = _required(_interrupted_finish(environment, state) or state.under_way, state)
    return labels.prepare_promotion(
        environment, model, rollout.label, release=rollout.release, check=check, reason=reason
    )


def finish_due(
    environment: Environment,
    model: str,
    check_of: Callable[[str], labels.Check | None] = lambda _: None,
    reason: str | None = None,
) -> labels.Move | str | None:
    """Return the promotion that finishes a rollout that is due, or why it must not; not made yet.

    None if no rollout is due. Raises UsageError if the finish of one was interrupted.
    """
    state = current(environment, model)
    if interrupted := _interrupted_finish(environment, state):
        place = state.releases.place
        raise UsageError(
            f"the finish of a rollout of release {interrupted.release} to {interrupted.label} was "
            f"interrupted. Complete it: `model-config rollout finish {place}`; or abort it: "
            f"`model-config rollout abort {place}`"
        )
    rollout = state.under_way
    at = rollout_plan.due_at(rollout) if rollout else None
    if rollout is None or at is None or at > rollout_plan.utc_now():
        return None
    if state.interrupted != rollout.label and state.is_held(rollout.label):
        return f"{state.why_it_stays(rollout.label)}, and stays held"
    return labels.prepare_promotion(
        environment,
        model,
        rollout.label,
        release=rollout.release,
        check=check_of(model),
        reason=reason,
        is_automatic=True,
    )


def same_elsewhere(
    environments: Sequence[Environment], model: str, new: NewRollout, release: int | None
) -> tuple[NewRollout, list[Environment]]:
    """Return a new rollout, and the regions that don't have it yet.

    After a start that was interrupted, it has the salt and the times of the regions that have it.
    """
    missing: list[Environment] = []
    same: Rollout | None = None
    for environment in environments if len(environments) > 1 else ():
        state = current(environment, model)
        rollout = state.under_way
        candidate = state.releases.newest.number if release is None else release
        wanted = (new.label, candidate, new.plan.to_json(), dict.fromkeys(new.units, candidate))
        if rollout and (rollout.label, rollout.release, rollout.plan, rollout.units) == wanted:
            same = rollout
        else:
            missing.append(environment)
    if same is None or not missing:
        return new, list(environments)
    return replace(new, salt=same.salt, begin=same.steps[0].at), missing


def _interrupted_finish(environment: Environment, state: State) -> Rollout | None:
    """Return a rollout that was taken out of the document to be finished, and then wasn't.

    A rollback or an abort that takes one out records a move in the same version.
    """
    if state.document.rollout or state.problem:
        return None
    former, moved = environment.document_before(state), state.document.moved
    rollout = former.rollout
    if rollout is None or record.is_kept(moved) or moved not in {None, former.moved}:
        return None
    is_between = state.releases.on(rollout.label) in {rollout.before, rollout.release}
    return rollout if is_between else None


def _required(rollout: Rollout | None, state: State) -> Rollout:
    if rollout is None:
        model, environment = state.releases.model, state.releases.environment
        raise UsageError(f"no rollout of {model} in {environment} is under way")
    return rollout
