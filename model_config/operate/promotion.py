"""A pipeline's promotions: of the models that its deploy changed, except for held labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from model_config.format.errors import ModelConfigError
from model_config.format.rollout import RolloutDocument
from model_config.operate import labels, record, rollouts
from model_config.operate.environment import Environment
from model_config.operate.labels import Check, label_state
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
    """The outcome for one model that a deploy changed, with a message for a log."""

    model: str
    outcome: Outcome
    release: int
    on: int | None  #: The release that the label is on now, if any is known.
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

    A label is not moved if somebody decided otherwise: if a rollback holds it, if a rollout is
    under way, or if a newer release has been promoted, so that repeating an old run undoes nothing.
    If one model fails, the others are still promoted. Running it again with the same numbers
    promotes the rest and changes nothing else. A promotion that was interrupted between its two
    requests has to be completed by a person: if a rollback was not recorded, it may be a hold.

    `before` and `after` have each model's release number in the outputs of the last successful
    update and of this one. Not those of a failed update: the deploy that fixes it promotes what it
    wrote. `rollout` is started instead of moving the label, if the label is on a release.
    """
    label = rollout.label if rollout else label

    for model, release in sorted(after.items()):
        if before.get(model) == release:
            continue
        try:
            try:
                yield _promoted(
                    environment, model, release, label, check_of(model), reason, rollout
                )
            except labels.MovedMeanwhileError:  # look again: the label may be held now
                left = left_alone(*label_state(environment, model), release, label)
                if left is None:
                    raise
                yield left
        except ModelConfigError as error:
            failed = f"{label} could not be moved to release {release}"
            if rollout:
                failed = f"release {release} could not be rolled out to {label}"
            yield Promotion(model, "failed", release, None, f"{model}: {failed}: {error}")


def left_alone(
    releases: Releases, document: RolloutDocument, release: int, label: str
) -> Promotion | None:
    """Return why a label must not be moved to a release automatically, or None if it may be."""
    model, on = releases.model, releases.on(label)
    promote = f"`model-config promote {releases.place} --label {label} --release {release}`"

    def left(outcome: Outcome, message: str) -> Promotion:
        return Promotion(model, outcome, release, on, f"{model}: {message}")

    rollout = record.under_way(document, releases)
    if rollout and rollout.label == label and rollout.release != release:
        return left(
            "rollout",
            f"a rollout of release {rollout.release} to {label} is under way, so release "
            f"{release} was not promoted. Once it is finished or aborted: {promote}",
        )
    if record.is_held(label, document, releases):
        is_interrupted = record.interrupted_promotion(document, releases) == label
        then = "To complete it" if is_interrupted else "Once the reason is resolved"
        not_promoted = f"so release {release} was not promoted. {then}: {promote}"
        stays = "and stays held" if on == release else not_promoted
        why = record.why_it_stays(label, document, releases)
        return left("interrupted" if is_interrupted else "held", f"{why}, {stays}")
    if on is not None and on > release:
        return left(
            "newer",
            f"{label} is on release {on}, which is newer than the {release} of this deploy, so "
            f"nothing moved. To go back to it: {promote}",
        )
    return None


def _promoted(  # noqa: PLR0913, PLR0917 - the options of a promotion
    environment: Environment,
    model: str,
    release: int,
    label: str,
    check: Check | None,
    reason: str | None,
    rollout: NewRollout | None,
) -> Promotion:
    releases, document = label_state(environment, model)
    on, current = releases.on(label), record.under_way(document, releases)
    is_new = on != release and not (current and current.release == release)
    if rollout and on is not None and not is_new:
        message = f"{model}: release {release} is already on {label} or being rolled out to it"
        return Promotion(model, "already there", release, on, message)
    if left := left_alone(releases, document, release, label):
        return left
    options: dict[str, Any] = {"release": release, "check": check}
    if rollout and on is not None:  # otherwise there is no release to roll out from
        change = rollouts.start(environment, model, rollout, **options)
        rollouts.write(change)
        shares = ", ".join(f"{percent:g}" for percent in rollout.plan.percents)
        message = f"{model}: a rollout of release {release} to {label} began: {shares} %"
        return Promotion(model, "rolled out", release, on, message, change.notices)
    options |= {"reason": reason, "is_automatic": True}
    move = labels.make(labels.prepare_promotion(environment, model, label, **options))
    message = f"{model}: {label} is already on release {release}"
    if move.changed:
        message = f"{model}: {label} moved from {move.origin} to {release}"
    outcome: Outcome = "promoted" if move.changed else "already there"
    return Promotion(model, outcome, release, release, message, move.notices)


def not_promoted(
    releases: Releases, document: RolloutDocument, label: str = "stable"
) -> str | None:
    """Return how a label misses the newest release, unless a rollback or a rollout explains it."""
    on, newest = releases.on(label), releases.newest.number
    is_rolling_out = record.under_way(document, releases)
    if on == newest or is_rolling_out or record.is_held(label, document, releases):
        return None
    where = f"on release {on}" if on else "on none: its readers get an error"
    return f"nobody promoted release {newest}, the newest, to {label}, which is {where}"


def unpromoted(environment: Environment, models: Iterable[str], label: str) -> Iterator[str]:
    """Yield a notice for each model whose newest release nobody promoted, or can't be known."""
    for model in models:
        try:
            releases, document = label_state(environment, model)
        except ModelConfigError as error:
            yield f"{model}: it is unknown whether the newest release was promoted: {error}"
            continue
        if problem := not_promoted(releases, document, label):
            command = f"model-config promote {releases.place} --label {label}"
            yield f"{model}: {problem}. To do it: `{command}`"
