"""Moves labels, which decide the release that readers get. No value is ever rewritten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model_config.format.errors import LabelNotFoundError
from model_config.format.names import PREVIOUS, check_movable_label, environment_path
from model_config.format.rollout import RolloutDocument
from model_config.operate.labels.moves import Check, Move, check_rollout, check_room, verify
from model_config.operate.labels.record import check_reason, read_record, record
from model_config.operate.releases.releases import Releases, read_releases
from model_config.operate.store import OperatorStore


class Labels:
    """The labels on an environment's releases.

    Needs `ssm:LabelParameterVersion`, `ssm:UnlabelParameterVersion`, `ssm:GetParameters` and
    `ssm:GetParameterHistory` on the release (and its parts, where it has any), and `kms:Decrypt`
    for it. Optionally: `ssm:GetParameters` on the model's secrets, without `kms:Decrypt`, to check
    that they exist; `ssm:GetParameters` and `ssm:PutParameter` on the rollout parameter, to respect
    a rollout and to record the move.

    A label is *held* if `-previous` is on the same release: a rollback leaves both there, and no
    pipeline moves it. A promotion that was interrupted between its two requests looks the same, and
    so may simultaneous promotions. The record tells them apart if it has the label's last move
    (`interrupted_promotion`). Promoting again completes the promotion.

    If several people move a label at once, the last one wins. SSM can't move a label on condition
    that it hasn't moved, so `-previous` may miss a promotion that happens between the last check
    and the move, one request later: it is then on the release before that, or on none.

    Args:
        environment: the environment, such as "prod".
        prefix: the path above all environments.
        client: a boto3 client for SSM. Default: a new one, configured like the reader's.
    """

    def __init__(self, environment: str, *, prefix: str = "/ai", client: Any = None) -> None:
        self.path = environment_path(prefix, environment)
        self.store = OperatorStore(client)

    def releases(self, model: str) -> Releases:
        """Return a model's releases.

        Raises:
            ModelNotFoundError: the model has no releases.
            StoreError: AWS is unavailable or refuses.
        """
        return read_releases(self.store, self.path, model, documents=False)

    def prepare_promotion(
        self,
        model: str,
        label: str,
        *,
        release: int | None = None,
        check: Check | None = None,
        reason: str | None = None,
    ) -> Move:
        """Return a promotion, verified. Nothing moves yet.

        Repeating a promotion changes nothing; repeating an interrupted one completes it.

        Args:
            model: the model's name.
            label: the label.
            release: the number of the release. Default: the newest.
            check: called with the configuration; what it raises is raised.
            reason: why. Everyone who may read the model may read it.

        Raises:
            UsageError: the label can't be used, there is no room for it on the release, or a
                rollout of another release is under way.
            ModelNotFoundError, ReleaseNotFoundError: the release doesn't exist.
            ReleaseError: the release fails verification, or its secrets don't exist.
            StoreError: AWS is unavailable or refuses.
        """
        check_movable_label(label)
        releases = self.releases(model)
        target = releases.newest if release is None else releases.select(release)
        move = Move(releases, label, target, releases.on(label), is_rollback=False, reason=reason)
        return self._verified(move, check)

    def prepare_rollback(
        self, model: str, label: str, *, release: int | None = None, reason: str | None = None
    ) -> Move:
        """Return a rollback, verified. Nothing moves yet.

        Arguments and errors are those of `prepare_promotion`, except that the default release is
        the one with `<label>-previous`, and that a rollout is no obstacle.

        Raises:
            LabelNotFoundError: there is no `<label>-previous`.
        """
        check_movable_label(label)
        releases = self.releases(model)
        previous = f"{label}{PREVIOUS}"
        if release is None and releases.on(previous) is None:
            raise LabelNotFoundError(
                f"{previous} is on no release of {model} in {releases.environment}, so there is "
                f"nothing to go back to. Name the release: `model-config rollback {model} --label "
                f"{label} --release N --environment {releases.environment}`"
            )
        target = releases.select(previous if release is None else release)
        move = Move(releases, label, target, releases.on(label), is_rollback=True, reason=reason)
        return self._verified(move, None)

    def state(self, model: str) -> tuple[Releases, RolloutDocument]:
        """Return a model's releases, and its rollout document, empty if it can't be read.

        Raises:
            ModelNotFoundError: there are no releases.
            StoreError: AWS is unavailable or refuses.
        """
        releases = self.releases(model)
        stored, _ = read_record(self.store, self.path, model)
        return releases, stored.document if stored else RolloutDocument()

    def make(self, move: Move) -> Move:
        """Make and record a prepared move; return it with the release that the label was on.

        Raises:
            StoreError: AWS is unavailable or refuses. Prepare and make it again to complete it.
        """
        if not move.does_something:
            return replace(move, notes=())
        return record(
            self.store, self._roll_back(move) if move.is_rollback else self._promote(move)
        )

    def _roll_back(self, move: Move) -> Move:
        if move.releases.on(move.previous) != move.release:
            self.store.label(move.releases.name, move.release, move.previous)
        if move.changed:
            self.store.label(move.releases.name, move.release, move.label)
        return move

    def _promote(self, move: Move) -> Move:
        name = move.releases.name
        if move.label in move.releases.held and not move.changed:
            self.store.unlabel(name, move.release, move.previous)
            return move
        before, marked = move.before, None
        # Until `-previous` is on the label's release: someone else may be moving the label.
        while before is not None and before not in {marked, move.release}:
            self.store.label(name, before, move.previous)
            before, marked = self.releases(move.model).on(move.label), before
        if before != move.release:
            self.store.label(name, move.release, move.label)
        return replace(move, before=before)

    def _verified(self, move: Move, check: Check | None) -> Move:
        check_reason(move.reason)
        stored, missing_record = read_record(self.store, self.path, move.model)
        move = replace(move, stored=stored)
        check_rollout(move)
        check_room(move)
        notes = verify(self.store, move.releases, move.target, check)
        return replace(move, notes=(*notes, *missing_record))
