"""Rollouts: a release for a share of a label's readers first.

Nothing runs meanwhile. The document in the model's rollout parameter has the times, and each reader
works out the share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from model_config.format.errors import UsageError
from model_config.format.names import check_movable_label
from model_config.format.rollout import Moved, Rollout, RolloutDocument, Step
from model_config.format.rollout_document import write_rollout
from model_config.operate.labels import Labels
from model_config.operate.moves import Check, Move, verify
from model_config.operate.record import check_reason
from model_config.operate.releases import Releases
from model_config.operate.rollout_parameter import (
    RolloutChange,
    StoredRollout,
    read_stored,
    under_way,
    write_stored,
)
from model_config.operate.rollout_plan import due_at, paused, resumed
from model_config.operate.rollout_start import (
    NewRollout,
    new_rollout,
    refuse_nonsense,
    refuse_to_override,
)


def utc_now() -> datetime:
    """Return the time, to the second that a document holds."""
    return datetime.now(UTC).replace(microsecond=0)


class Rollouts:
    """The rollouts of an environment's models.

    Needs `ssm:GetParameters` and `ssm:PutParameter` on the rollout parameter,
    `ssm:GetParameterHistory` on it and on the release, and what `Labels` needs to start and finish.

    Of two people who change a rollout at once, one is the last, and is told so.

    Every method raises UsageError where the model has no rollout parameter, or no rollout that it
    could change; RolloutError where the document can't be understood; and the family of StoreError.

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
                f"{model} in {releases.environment} has no rollout parameter. A deploy makes one: "
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
        """Return a rollout that begins, its candidate verified. Nothing is written yet.

        Args:
            model: the model's name.
            new: the rollout.
            release: the number of the candidate. Default: the newest release.
            check: called with its configuration; what it raises is raised.
            force: whether it may take the place of another one, and a held label's readers.

        Raises:
            UsageError: it can't be, or it is refused without `force`.
            RolloutError: the document can't hold it.
            ModelNotFoundError, ReleaseNotFoundError: there is no such release.
            ReleaseError: the candidate is not what it should be, or its secrets are gone.
            StoreError: AWS can't be asked, or refuses.
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
        write_rollout(document)  # refuse what it can't hold before anything is asked
        notes = verify(self._labels.store, releases, candidate, check)
        return RolloutChange(releases, stored, document, tuple(notes))

    def pause(self, model: str) -> RolloutChange:
        """Return the rollout paused: it keeps the share that it has. Nothing is written yet.

        Raises:
            UsageError: it has no share yet.
        """
        return self._changed(model, lambda rollout: paused(rollout, utc_now()))

    def resume(self, model: str) -> RolloutChange:
        """Return the rollout going on: its next step comes after the usual time from now."""
        return self._changed(model, lambda rollout: resumed(rollout, utc_now()))

    def advance(self, model: str, step: Step) -> RolloutChange:
        """Return the rollout with one more step. Nothing is written yet."""
        return self._changed(model, lambda rollout: replace(rollout, steps=(*rollout.steps, step)))

    def abort(self, model: str, reason: str | None = None) -> RolloutChange:
        """Return the document without a rollout: everybody gets the label's release again.

        Also a document that can't be understood is replaced.

        Args:
            model: the model's name.
            reason: why, for the record.
        """
        check_reason(reason)
        stored, releases = self.current(model)
        rollout, moved = stored.document.rollout, stored.document.moved
        if rollout is None and stored.problem is None:
            raise _none(model, releases)
        if rollout and reason:
            held = rollout.label in releases.held
            moved = Moved(rollout.label, rollout.before, rollout.before, reason, held)
        return RolloutChange(releases, stored, RolloutDocument(moved))

    def finish(self, model: str, *, check: Check | None = None, reason: str | None = None) -> Move:
        """Return the promotion that finishes the rollout. Nothing moves yet.

        Raises:
            ReleaseError: the candidate is not what it should be, or its secrets are gone.
        """
        stored, releases = self.current(model)
        rollout = self._under_way(model, stored, releases)
        return self._labels.prepare_promotion(
            model, rollout.label, release=rollout.release, check=check, reason=reason
        )

    def due(self, model: str) -> bool:
        """Tell whether a rollout is under way that is due to be finished."""
        stored, releases = self.current(model)
        rollout = under_way(stored.document, releases)
        due = due_at(rollout) if rollout else None
        return due is not None and due <= utc_now()

    def write(self, change: RolloutChange) -> None:
        """Make a change that was prepared.

        Raises:
            OverwrittenError: it was made, over what somebody else wrote meanwhile.
            StoreError: AWS can't be asked, or refuses.
        """
        write_stored(self._labels.store, change.stored, change.document)

    def _changed(self, model: str, change: Callable[[Rollout], Rollout]) -> RolloutChange:
        stored, releases = self.current(model)
        rollout = change(self._under_way(model, stored, releases))
        document = replace(stored.document, rollout=rollout)
        return RolloutChange(releases, stored, document)

    def _under_way(self, model: str, stored: StoredRollout, releases: Releases) -> Rollout:
        refuse_nonsense(stored, releases)
        rollout = under_way(stored.document, releases)
        if rollout is None:
            raise _none(model, releases)
        return rollout


def _none(model: str, releases: Releases) -> UsageError:
    return UsageError(f"no rollout of {model} in {releases.environment} is under way")
