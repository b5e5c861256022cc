"""A label's move: its effects, and its preconditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model_config.format.errors import AccessDeniedError, ReleaseError, UsageError
from model_config.format.names import LABELS_ON_A_RELEASE, PREVIOUS, RELEASE
from model_config.format.rollout import Rollout
from model_config.operate.releases.past_release import PastRelease
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.parameter import StoredRollout, interrupted_promotion, under_way
from model_config.operate.store import OperatorStore
from model_config.reader.configuration import Configuration, configuration, locked_secrets

Check = Callable[[Configuration], object]


@dataclass(frozen=True, slots=True)
class Move:
    """A verified move of a label, which `Labels.make` makes.

    Attributes:
        releases: the model's releases, as they were before.
        target: the release that the label moves to.
        before: the number of the release that it is on, or None.
        is_rollback: whether the label is held there afterwards.
        reason: the reason given by the mover, or None.
        stored: the model's rollout parameter, which records the move; None if there is none or
            access is denied.
        notes: what could not be verified or recorded, in words.
    """

    releases: Releases
    label: str
    target: PastRelease
    before: int | None
    is_rollback: bool
    reason: str | None = None
    stored: StoredRollout | None = None
    notes: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model's name."""
        return self.releases.model

    @property
    def release(self) -> int:
        """The number of the release that the label goes to."""
        return self.target.number

    @property
    def origin(self) -> str:
        """Where the label comes from, in words."""
        return f"release {self.before}" if self.before else "no release"

    @property
    def changed(self) -> bool:
        """Whether the label moves to another release."""
        return self.release != self.before

    @property
    def previous(self) -> str:
        """The label for the release before."""
        return f"{self.label}{PREVIOUS}"

    @property
    def was_held(self) -> bool:
        """Whether a rollback moved the label to its release."""
        return self.label in self.releases.held and not self.was_interrupted

    @property
    def was_interrupted(self) -> bool:
        """Whether a promotion of the label was interrupted: the move completes or replaces it."""
        stored = self.stored
        return bool(stored and interrupted_promotion(stored.document, self.releases) == self.label)

    @property
    def ends_hold(self) -> bool:
        """Whether the move ends a hold of the label."""
        return self.was_held and not self.is_rollback

    @property
    def begins_hold(self) -> bool:
        """Whether the move begins a hold of the label."""
        return self.is_rollback and (self.changed or not self.was_held)

    @property
    def rollout(self) -> Rollout | None:
        """The label's rollout, which the move ends, or None."""
        rollout = under_way(self.stored.document, self.releases) if self.stored else None
        return rollout if rollout and rollout.label == self.label else None

    @property
    def does_something(self) -> bool:
        """Whether the move changes anything."""
        is_unfinished = self.was_interrupted or self.rollout is not None
        return self.changed or self.ends_hold or self.begins_hold or is_unfinished


def check_room(move: Move) -> None:
    """Refuse a move to a release that has no room for another label.

    Raises:
        UsageError: with the labels that could go.
    """
    on = {each.number: set(each.labels) for each in move.releases}
    moves = [(move.release, move.label)]
    previous = move.release if move.is_rollback else move.before
    if previous is not None:
        moves.insert(0, (previous, move.previous))
    for release, label in moves:
        for carried in on.values():
            carried.discard(label)
        there = on.setdefault(release, set())
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
    """Refuse a promotion that would silently end a rollout.

    Raises:
        UsageError: with the ways out.
    """
    rollout = move.rollout
    if rollout and not move.is_rollback and rollout.release != move.release:
        place = f"{move.model} --environment {move.releases.environment}"
        raise UsageError(
            f"a rollout of release {rollout.release} to {move.label} of {move.model} is under way, "
            f"so release {move.release} can't be promoted to it. Finish it first: "
            f"`model-config rollout finish {place}`; or abort it: "
            f"`model-config rollout abort {place}`"
        )


def verify(
    store: OperatorStore, releases: Releases, target: PastRelease, check: Check | None
) -> Sequence[str]:
    """Refuse a release that can't be served; return what could not be verified.

    Raises:
        ReleaseError: it is not what was released, or its secrets are gone.
        StoreError: AWS is unavailable or refuses.
        Exception: whatever `check` raises.
    """
    content = target.open()
    if check is not None:
        secrets = locked_secrets(content, "moving a label reads no secrets")
        check(configuration(content, target.number, None, secrets, read_at=0, clock=lambda: 0))
    path = releases.name.removesuffix(f"/{RELEASE}")
    names = list(content.secret_names(path).values())
    try:
        missing = sorted(set(names) - store.existing(names))
    except AccessDeniedError as error:
        return [f"It is unknown whether the release's secrets exist: {error}"]
    if missing:
        raise ReleaseError(
            f"release {target.number} of {releases.model} in {releases.environment} names secrets "
            f"that are gone: {', '.join(missing)}. Deploy them again, or choose another release"
        )
    return []
