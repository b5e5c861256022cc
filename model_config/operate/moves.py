"""A label's move: its effects, and its preconditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from model_config.format.errors import AccessDeniedError, ReleaseError, UsageError
from model_config.format.names import LABELS_ON_A_RELEASE, PREVIOUS
from model_config.format.rollout import Moved, Rollout, RolloutDocument
from model_config.operate.environment import Environment
from model_config.operate.record import (
    StoredRollout,
    interrupted_promotion,
    is_held,
    under_way,
)
from model_config.operate.releases import PastRelease, Releases
from model_config.operate.ssm import Ssm

#: Refuses a release by raising an exception, such as one that doesn't fit its model's class.
Check = Callable[[PastRelease], object]


@dataclass(frozen=True, slots=True)
class Move:
    """A verified move of a label, which `labels.make` makes.

    Attributes:
        before: the number of the release that the label is on, or None.
        is_rollback: whether the label is held on its target afterwards.
        is_automatic: whether it stops if anybody else has moved the label meanwhile.
        missing: the record that an earlier move, to the same release, didn't come to write.
        stored: the model's rollout parameter, which records the move; None if there is none or
            access is denied.
        notices: what could not be verified or recorded, in words.
    """

    environment: Environment
    releases: Releases
    label: str
    target: PastRelease
    before: int | None
    is_rollback: bool
    reason: str | None = None
    is_automatic: bool = False
    missing: Moved | None = None
    stored: StoredRollout | None = None
    notices: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        return self.releases.model

    @property
    def where(self) -> str:
        """The model and its location: "chat in dev (eu-west-1)"."""
        return self.environment.where(self.model)

    @property
    def release(self) -> int:
        return self.target.number

    @property
    def origin(self) -> str:
        return f"release {self.before}" if self.before else "no release"

    @property
    def changed(self) -> bool:
        return self.release != self.before

    @property
    def previous(self) -> str:
        return f"{self.label}{PREVIOUS}"

    @property
    def document(self) -> RolloutDocument:
        """The rollout parameter's document; empty if there is none, or it can't be read."""
        return self.stored.document if self.stored else RolloutDocument()

    @property
    def was_interrupted(self) -> bool:
        """Whether a promotion of the label was interrupted: the move completes or replaces it."""
        return interrupted_promotion(self.document, self.releases) == self.label

    @property
    def was_held(self) -> bool:
        """Whether a rollback moved the label to its release."""
        return is_held(self.label, self.document, self.releases) and not self.was_interrupted

    @property
    def ends_hold(self) -> bool:
        return self.was_held and not self.is_rollback

    @property
    def rollout(self) -> Rollout | None:
        """The label's rollout, which the move ends, or None."""
        rollout = under_way(self.document, self.releases)
        return rollout if rollout and rollout.label == self.label else None

    @property
    def does_something(self) -> bool:
        """Whether the move changes anything."""
        begins_hold = self.is_rollback and self.releases.on(self.previous) != self.release
        is_unfinished = self.was_interrupted or self.rollout is not None or self.missing is not None
        return self.changed or self.ends_hold or begins_hold or is_unfinished

    def done(self) -> Iterator[str]:
        """Yield what the move did, and the hold or rollout that it began or ended."""
        label, release = self.label, self.release
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


def check_room(move: Move) -> None:
    """Refuse a move to a release that has no room for another label."""
    labels_on = {release.number: set(release.labels) for release in move.releases}
    moves = [(move.release, move.label)]
    previous = move.release if move.is_rollback else move.before
    if previous is not None:
        moves.insert(0, (previous, move.previous))
    for release, label in moves:
        for labels in labels_on.values():
            labels.discard(label)
        there = labels_on.setdefault(release, set())
        there.add(label)
        if len(there) > LABELS_ON_A_RELEASE:
            others = sorted(there - {moved for _, moved in moves})
            raise UsageError(
                f"release {release} has no room for {label}: it carries {LABELS_ON_A_RELEASE} "
                f"labels, all that SSM allows. Take one of {', '.join(others)} off: "
                f"`aws ssm unlabel-parameter-version --name {move.releases.name} "
                f"--parameter-version {release} --labels {others[-1]}`"
            )


def check_rollout(move: Move) -> None:
    """Refuse a promotion that would silently end a rollout."""
    rollout = move.rollout
    if rollout and not move.is_rollback and rollout.release != move.release:
        place = f"{move.model} --environment {move.releases.environment}"
        raise UsageError(
            f"a rollout of release {rollout.release} to {move.label} of {move.model} is under way, "
            f"so release {move.release} can't be promoted to it. Finish it first: "
            f"`model-config rollout finish {place}`; or abort it: "
            f"`model-config rollout abort {place}`"
        )


def verify(ssm: Ssm, releases: Releases, target: PastRelease, check: Check | None) -> Sequence[str]:
    """Return what could not be verified of a release.

    Raises ReleaseError if it is not what was released or its secrets are gone, and whatever `check`
    raises.
    """
    content = target.open()
    if check is not None:
        check(target)
    names = list(content.secret_names(releases.path).values())
    try:
        missing = sorted(set(names) - ssm.arns(names).keys())
    except AccessDeniedError as error:
        return [f"It is unknown whether the release's secrets exist: {error}"]
    if missing:
        raise ReleaseError(
            f"release {target.number} of {releases.model} in {releases.environment} names secrets "
            f"that are gone: {', '.join(missing)}. Deploy them again, or choose another release"
        )
    return []
