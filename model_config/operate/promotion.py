"""A pipeline's promotions: of the models that its deploy changed, except for held labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from model_config.format.errors import ModelConfigError
from model_config.format.rollout import RolloutDocument
from model_config.operate import rollouts
from model_config.operate.environment import Environment
from model_config.operate.labels import label_state, make, prepare_promotion
from model_config.operate.moves import Check
from model_config.operate.record import interrupted_promotion, under_way, why_it_stays
from model_config.operate.releases import Releases
from model_config.operate.rollouts import NewRollout

#: The outcome for a model's label. "held", "interrupted", "rollout" and "newer" say why it was not
#: moved: a rollback holds it, a promotion of it was interrupted, another rollout is under way, or
#: it is on a newer release.
Outcome: TypeAlias = Literal[
    "promoted", "rolled out", "already there", "held", "interrupted", "rollout", "newer", "failed"
]


@dataclass(frozen=True, slots=True)
class Promotion:
    """The outcome for one model that a deploy changed.

    Attributes:
        outcome: whether its label was moved, and if not, why.
        release: the release that this deploy wrote.
        on: the release that the label is on now, or None if there is none or it is unknown.
        message: the outcome in words, for a log or a summary.
        notices: what could not be verified or recorded, in words.
    """

    model: str
    outcome: Outcome
    release: int
    on: int | None
    message: str
    notices: tuple[str, ...] = ()

    @property
    def was_left(self) -> bool:
        """Whether the label was left alone for a reason that a person should know."""
        return self.outcome in {"held", "interrupted", "rollout", "newer"}


def promote_changed(  # noqa: PLR0913 - what a pipeline knows
    environment: Environment,
    before: Mapping[str, int],
    after: Mapping[str, int],
    *,
    label: str = "stable",
    check_of: Callable[[str], Check | None] = lambda _: None,
    reason: str | None = None,
    rollout: NewRollout | None = None,
) -> Iterator[Promotion]:
    """Promote the models that a deploy changed, one by one, and yield the outcome for each.

    Models that this deploy didn't change are skipped. A label is not moved if somebody decided
    otherwise: if a rollback holds it, if a rollout is under way, or if a newer release has been
    promoted, so that repeating an old run undoes nothing. If one model fails, the others are still
    promoted. Running it again with the same numbers promotes the rest and changes nothing else. A
    promotion that was interrupted between its two requests has to be completed by a person: if a
    rollback was not recorded, it may be a hold.

    Args:
        environment: the environment.
        before: each model's release number in the outputs of the last successful update. Not those
            of a failed update: the deploy that fixes it promotes what it wrote.
        after: each model's release number in the outputs of this update.
        label: the label to move.
        check_of: returns the check of a model's release before its label moves.
        reason: recorded with each move, such as the run's URL.
        rollout: a rollout to start instead of moving the label, if the label is on a release.
    """
    for model, release in sorted(after.items()):
        if before.get(model) == release:
            continue
        check = check_of(model)
        if rollout:
            yield _roll_out(environment, model, release, rollout, check=check, reason=reason)
        else:
            yield _promote(environment, model, release, label=label, check=check, reason=reason)


def left_alone(
    releases: Releases, document: RolloutDocument, release: int, label: str
) -> Promotion | None:
    """Return why a label must not be moved to a release automatically, or None if it may be."""
    model, on = releases.model, releases.on(label)
    place = f"{model} --label {label} --environment {releases.environment}"
    promote = f"`model-config promote {place} --release {release}`"

    def left(outcome: Outcome, message: str) -> Promotion:
        return Promotion(model, outcome, release, on, f"{model}: {message}")

    rollout = under_way(document, releases)
    if rollout and rollout.label == label and rollout.release != release:
        return left(
            "rollout",
            f"a rollout of release {rollout.release} to {label} is under way, so release "
            f"{release} was not promoted. Once it is finished or aborted: {promote}",
        )
    if label in releases.held:
        is_interrupted = interrupted_promotion(document, releases) == label
        then = "To complete it" if is_interrupted else "Once the reason is resolved"
        not_promoted = f"so release {release} was not promoted. {then}: {promote}"
        stays = "and stays held" if on == release else not_promoted
        why = why_it_stays(label, document, releases)
        return left("interrupted" if is_interrupted else "held", f"{why}, {stays}")
    if on is not None and on > release:
        return left(
            "newer",
            f"{label} is on release {on}, which is newer than the {release} of this deploy, so "
            f"nothing moved. To go back to it: {promote}",
        )
    return None


def _promote(  # noqa: PLR0913 - the options of a promotion
    environment: Environment,
    model: str,
    release: int,
    *,
    label: str,
    check: Check | None,
    reason: str | None,
) -> Promotion:
    done = Promotion(
        model, "promoted", release, release, f"{model}: {label} is already on release {release}"
    )
    try:
        if left := left_alone(*label_state(environment, model), release, label):
            return left
        move = make(
            prepare_promotion(
                environment, model, label, release=release, check=check, reason=reason
            )
        )
    except ModelConfigError as error:
        message = f"{model}: {label} could not be moved to release {release}: {error}"
        return replace(done, outcome="failed", on=None, message=message)
    done = replace(done, notices=move.notices)
    if not move.changed:
        return replace(done, outcome="already there")
    return replace(done, message=f"{model}: {label} moved from {move.origin} to {release}")


def _roll_out(  # noqa: PLR0913 - the options of a rollout
    environment: Environment,
    model: str,
    release: int,
    new: NewRollout,
    *,
    check: Check | None,
    reason: str | None,
) -> Promotion:
    label, of_release = new.label, f"release {release}"
    shares = ", ".join(f"{percent:g}" for percent in new.plan.percents)
    began = f"{model}: a rollout of {of_release} to {label} began: {shares} %"
    done = Promotion(model, "rolled out", release, None, began)
    try:
        releases, document = label_state(environment, model)
        on, current = releases.on(label), under_way(document, releases)
        done = replace(done, on=on)
        if on is None:  # there is no release to roll out from
            return _promote(environment, model, release, label=label, check=check, reason=reason)
        if on == release or (current and current.release == release):
            message = f"{model}: {of_release} is already on {label} or being rolled out to it"
            return replace(done, outcome="already there", message=message)
        if left := left_alone(releases, document, release, label):
            return left
        change = rollouts.start(environment, model, new, release=release, check=check)
        rollouts.write(change)
    except ModelConfigError as error:
        message = f"{model}: {of_release} could not be rolled out to {label}: {error}"
        return replace(done, outcome="failed", message=message)
    return replace(done, notices=change.notices)
