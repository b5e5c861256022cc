"""Rollouts, which give a release to a share of a label's readers first.

No service runs a rollout. The document in the model's rollout parameter has the times, and each
reader computes the share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from model_config.format.errors import UsageError
from model_config.format.names import check_movable_label
from model_config.format.rollout import Moved, Rollout, RolloutDocument, Step
from model_config.format.rollout_document import write_rollout
from model_config.operate.labels.labels import Labels
from model_config.operate.labels.moves import Check, Move, verify
from model_config.operate.labels.record import check_reason
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.parameter import (
    RolloutChange,
    StoredRollout,
    read_stored,
    under_way,
    write_stored,
)
from model_config.operate.rollouts.plan import due_at, paused, resumed
from model_config.operate.rollouts.start import (
    NewRollout,
    new_rollout,
    refuse_nonsense,
    refuse_to_override,
)


def utc_now() -> datetime:
    """Return the current time, in whole seconds as a document stores it."""
    return datetime.now(UTC).replace(microsecond=0)


class Rollouts:
    """The rollouts of an environment's models.

    Needs `ssm:GetParameters` and `ssm:PutParameter` on the rollout parameter,
    `ssm:GetParameterHistory` on it and on the release, and what `Labels` needs to start and finish.

    If two people change a rollout at once, the last write wins, and its author gets an error.

    Every method raises UsageError if the model has no rollout parameter or no rollout to change,
    RolloutError if the document is invalid, and StoreError or a subclass.

    Args:
        labels: the environment's labels.
    """

    def __init__(self, labels: Labels) -> None:
        self._labels = labels

    def current(self, model: str) -> tuple[StoredRollout, Releases]:
        """Return a model's rollout parameter, and its releases.

        Raises:
            ModelNotFoundError: the model has no release.
        """
        releases = self._labels.releases(model)
        stored = read_stored(self._labels.store, self._labels.path, model)
        if stored is None:
            raise UsageError(
                f"{model} in {releases.environment} has no rollout parameter. A deploy creates it: "
                f"`pulumi up --refresh --stack {releases.environment}`"
            )
        return stored, releases

    def start(
        self,
        model: str,
        new: NewRollout,
        *,
        release: int | None = None,
        check: Check | None = None,
        force: bool = False,
    ) -> RolloutChange:
        """Return a new rollout with a verified candidate. Nothing is written yet.

        Args:
            model: the model's name.
            new: the rollout.
            release: the number of the candidate. Default: the newest release.
            check: called with the candidate's configuration; its exceptions propagate.
            force: whether it may replace another rollout, and use a held label.

        Raises:
            UsageError: it is impossible, or refused without `force`.
            RolloutError: the document can't hold it.
            ModelNotFoundError, ReleaseNotFoundError: the release doesn't exist.
            ReleaseError: the candidate fails verification, or its secrets don't exist.
            StoreError: AWS is unavailable or refuses.
        """
        check_movable_label(new.label)
        check_reason(new.plan.reason)
        stored, releases = self.current(model)
        refuse_nonsense(stored, releases)
        candidate = releases.newest if release is None else releases.select(release)
        if not force:
            refuse_to_override(new.label, stored, releases)
        rollout = new_rollout(new, candidate.number, releases)
        document = RolloutDocument(stored.document.moved, rollout)
        write_rollout(document)  # refuse an invalid document before the candidate is verified
        notes = verify(self._labels.store, releases, candidate, check)
        return RolloutChange(releases, stored, document, tuple(notes))

    def pause(self, model: str) -> RolloutChange:
        """Return the rollout paused, with its current share. Nothing is written yet.

        Raises:
            UsageError: it has no share yet.
        """
        return self._changed(model, lambda rollout: paused(rollout, utc_now()))

    def resume(self, model: str) -> RolloutChange:
        """Return the rollout resumed: its next step comes one interval from now."""
        return self._changed(model, lambda rollout: resumed(rollout, utc_now()))

    def advance(self, model: str, step: Step) -> RolloutChange:
        """Return the rollout with one more step. Nothing is written yet."""
        return self._changed(model, lambda rollout: replace(rollout, steps=(*rollout.steps, step)))

    def abort(self, model: str, reason: str | None = None) -> RolloutChange:
        """Return the document without a rollout: all readers get the label's release again.

        An invalid document is replaced too. The reason is recorded.
        """
        check_reason(reason)
        stored, releases = self.current(model)
        rollout, moved = stored.document.rollout, stored.document.moved
        if rollout is None and stored.problem is None:
            raise _none(releases)
        if rollout and reason:
            held = rollout.label in releases.held
            moved = Moved(rollout.label, rollout.before, rollout.before, reason, held)
        return RolloutChange(releases, stored, RolloutDocument(moved))

    def finish(self, model: str, *, check: Check | None = None, reason: str | None = None) -> Move:
        """Return the promotion that finishes the rollout. Nothing moves yet.

        Raises:
            ReleaseError: the candidate fails verification, or its secrets don't exist.
        """
        stored, releases = self.current(model)
        rollout = _under_way_in(stored, releases)
        return self._labels.prepare_promotion(
            model, rollout.label, release=rollout.release, check=check, reason=reason
        )

    def due(self, model: str) -> bool:
        """Return whether a rollout is in progress and due to be finished."""
        stored, releases = self.current(model)
        rollout = under_way(stored.document, releases)
        due = due_at(rollout) if rollout else None
        return due is not None and due <= utc_now()

    def write(self, change: RolloutChange) -> None:
        """Write a prepared change.

        Raises:
            OverwrittenError: it was written, and has replaced somebody else's change.
            StoreError: AWS is unavailable or refuses.
        """
        write_stored(self._labels.store, change.stored, change.document)

    def _changed(self, model: str, change: Callable[[Rollout], Rollout]) -> RolloutChange:
        stored, releases = self.current(model)
        rollout = change(_under_way_in(stored, releases))
        document = replace(stored.document, rollout=rollout)
        return RolloutChange(releases, stored, document)


def _under_way_in(stored: StoredRollout, releases: Releases) -> Rollout:
    refuse_nonsense(stored, releases)
    rollout = under_way(stored.document, releases)
    if rollout is None:
        raise _none(releases)
    return rollout


def _none(releases: Releases) -> UsageError:
    return UsageError(f"no rollout of {releases.model} in {releases.environment} is under way")
