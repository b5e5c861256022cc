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
from model_config.operate.labels.moves import Check
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
            deployed = _Deployed(labels, model, release, check_of(model), reason)
            yield deployed.rolled_out(rollout) if rollout else deployed.promoted(label)


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


@dataclass(frozen=True, slots=True)
class _Deployed:
    """A release that a deploy wrote, and how to promote it."""

    labels: Labels
    model: str
    release: int
    check: Check | None
    reason: str | None

    def promoted(self, label: str) -> Promotion:
        try:
            if left := left_alone(*self.labels.state(self.model), self.release, label):
                return left
            move = self.labels.prepare_promotion(
                self.model, label, release=self.release, check=self.check, reason=self.reason
            )
            move = self.labels.make(move)
        except ModelConfigError as error:
            message = f"{label} could not be moved to release {self.release}: {error}"
            return self._outcome("failed", None, message)
        if not move.changed:
            message = f"{label} is already on release {self.release}"
            return self._outcome("already there", self.release, message, move.notes)
        message = f"{label} moved from {move.origin} to {self.release}"
        return self._outcome("promoted", self.release, message, move.notes)

    def rolled_out(self, new: NewRollout) -> Promotion:
        on, of_release = None, f"release {self.release}"
        try:
            releases, document = self.labels.state(self.model)
            on, current = releases.on(new.label), under_way(document, releases)
            if on is None:  # there is no release to roll out from
                return self.promoted(new.label)
            if on == self.release or (current and current.release == self.release):
                message = f"{of_release} is already on {new.label} or being rolled out to it"
                return self._outcome("already there", on, message)
            if left := left_alone(releases, document, self.release, new.label):
                return left
            rollouts = Rollouts(self.labels)
            change = rollouts.start(self.model, new, release=self.release, check=self.check)
            rollouts.write(change)
        except ModelConfigError as error:
            message = f"{of_release} could not be rolled out to {new.label}: {error}"
            return self._outcome("failed", on, message)
        shares = ", ".join(f"{percent:g}" for percent in new.plan.percents)
        message = f"a rollout of {of_release} to {new.label} began: {shares} %"
        return self._outcome("rolled out", on, message, change.notes)

    def _outcome(
        self, outcome: Outcome, on: int | None, message: str, notes: tuple[str, ...] = ()
    ) -> Promotion:
        return Promotion(self.model, outcome, self.release, on, f"{self.model}: {message}", notes)
