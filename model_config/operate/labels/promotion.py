"""A pipeline's promotions: of the models that its deploy changed, except for held labels.

A person's `model-config promote` uses only `Labels`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from model_config.format.errors import ModelConfigError
from model_config.format.rollout import RolloutDocument
from model_config.operate.labels.labels import Labels
from model_config.operate.labels.moves import Check, Move
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.parameter import interrupted_promotion, under_way, why_it_stays
from model_config.operate.rollouts.rollouts import Rollouts
from model_config.operate.rollouts.start import NewRollout

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
        model: the model's name.
        outcome: whether its label was moved, and if not, why.
        release: the release that this deploy wrote.
        on: the release that the label is on now, or None if there is none or it is unknown.
        message: the outcome in words, for a log or a summary.
        notes: what could not be verified or recorded, in words.
    """

    model: str
    outcome: Outcome
    release: int
    on: int | None
    message: str
    notes: tuple[str, ...] = ()

    @property
    def was_left(self) -> bool:
        """Whether the label was left alone for a reason that a person should know."""
        return self.outcome in {"held", "interrupted", "rollout", "newer"}


def promote_changed(  # noqa: PLR0913 - what a pipeline knows
    labels: Labels,
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
        labels: the environment's labels.
        before: each model's release number in the outputs of the last successful update. Not those
            of a failed update: the deploy that fixes it promotes what it wrote.
        after: each model's release number in the outputs of this update.
        label: the label to move.
        check_of: returns the check of a model's configuration before its label moves, such as its
            class in the project.
        reason: recorded with each move, such as the run's URL.
        rollout: a rollout to start instead of moving the label, if the label is on a release.
    """
    for model, release in sorted(after.items()):
        if before.get(model) != release:
            check = check_of(model)
            if rollout is None:
                yield _promoted(labels, model, label, release=release, check=check, reason=reason)
            else:
                yield _rolled_out(labels, model, release, rollout, check, reason)


def left_alone(
    releases: Releases, document: RolloutDocument, release: int, label: str
) -> Promotion | None:
    """Return why a label must not be moved automatically, or None if it may be.

    Args:
        releases: the model's releases.
        document: its rollout document.
        release: the release that the label would be moved to.
        label: the label.
    """
    model = releases.model
    rollout, on = under_way(document, releases), releases.on(label)
    place = f"{model} --label {label} --environment {releases.environment}"
    promote = f"`model-config promote {place} --release {release}`"
    if rollout and rollout.label == label and rollout.release != release:
        message = (
            f"{model}: a rollout of release {rollout.release} to {label} is under way, so release "
            f"{release} was not promoted. Once it is finished or aborted: {promote}"
        )
        return Promotion(model, "rollout", release, on, message)
    if label in releases.held:
        is_interrupted = interrupted_promotion(document, releases) == label
        then = "To complete it" if is_interrupted else "Once the reason is resolved"
        left = f"so release {release} was not promoted. {then}: {promote}"
        stays = "and stays held" if on == release else left
        message = f"{model}: {why_it_stays(label, document, releases)}, {stays}"
        return Promotion(model, "interrupted" if is_interrupted else "held", release, on, message)
    if on is not None and on > release:
        message = (
            f"{model}: {label} is on release {on}, which is newer than the {release} of this "
            f"deploy, so nothing moved. To go back to it: {promote}"
        )
        return Promotion(model, "newer", release, on, message)
    return None


def _promoted(  # noqa: PLR0913 - one model of the above
    labels: Labels,
    model: str,
    label: str,
    *,
    release: int,
    check: Check | None,
    reason: str | None,
) -> Promotion:
    try:
        if left := left_alone(*labels.state(model), release, label):
            return left
        move = labels.promote(model, label, release=release, check=check, reason=reason)
    except ModelConfigError as error:
        message = f"{model}: {label} could not be moved to release {release}: {error}"
        return Promotion(model, "failed", release, None, message)
    return _moved(move)


def _rolled_out(  # noqa: PLR0913, PLR0917 - likewise, as a rollout
    labels: Labels,
    model: str,
    release: int,
    new: NewRollout,
    check: Check | None,
    reason: str | None,
) -> Promotion:
    on = None
    try:
        releases, document = labels.state(model)
        on, current = releases.on(new.label), under_way(document, releases)
        if on is None:  # there is no release to roll out from
            return _promoted(labels, model, new.label, release=release, check=check, reason=reason)
        if on == release or (current and current.release == release):
            message = (
                f"{model}: release {release} is already on {new.label} or being rolled out to it"
            )
            return Promotion(model, "already there", release, on, message)
        if left := left_alone(releases, document, release, new.label):
            return left
        rollouts = Rollouts(labels)
        change = rollouts.start(model, new, release=release, check=check)
        rollouts.write(change)
    except ModelConfigError as error:
        message = f"{model}: release {release} could not be rolled out to {new.label}: {error}"
        return Promotion(model, "failed", release, on, message)
    shares = ", ".join(f"{percent:g}" for percent in new.plan.percents)
    message = f"{model}: a rollout of release {release} to {new.label} began: {shares} %"
    return Promotion(model, "rolled out", release, on, message, change.notes)


def _moved(move: Move) -> Promotion:
    if not move.changed:
        message = f"{move.model}: {move.label} is already on release {move.release}"
        return Promotion(
            move.model, "already there", move.release, move.release, message, move.notes
        )
    before = f"release {move.before}" if move.before else "no release"
    message = f"{move.model}: {move.label} moved from {before} to {move.release}"
    return Promotion(move.model, "promoted", move.release, move.release, message, move.notes)
