"""Moving labels: which release the readers of a label get. No value is ever rewritten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from model_config.format.errors import (
    AccessDeniedError,
    LabelNotFoundError,
    ReleaseError,
    UsageError,
)
from model_config.format.names import (
    LABELS_ON_A_RELEASE,
    PREVIOUS,
    check_movable_label,
    environment_path,
)
from model_config.operate.releases import PastRelease, Releases, read_releases
from model_config.operate.store import WritingStore
from model_config.reader.configuration import Configuration, configuration, locked_secrets

Check = Callable[[Configuration], object]


@dataclass(frozen=True, slots=True)
class Move:
    """A label's move: verified, and made once it was given to `Labels.make`.

    Attributes:
        releases: the model's releases, as they were before.
        target: the release that the label goes to.
        before: the number of the release that it is on, or None where it is on none.
        is_rollback: whether the label is held there afterwards.
        was_held: whether a rollback put the label where it is.
        notes: what could not be verified, in words.
    """

    releases: Releases
    label: str
    target: PastRelease
    before: int | None
    is_rollback: bool
    was_held: bool
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
    def changed(self) -> bool:
        """Whether the label is on another release before."""
        return self.release != self.before

    @property
    def ends_hold(self) -> bool:
        """Whether the label was held, and isn't any more."""
        return self.was_held and not self.is_rollback


class Labels:
    """The labels on an environment's releases.

    Needs `ssm:LabelParameterVersion`, `ssm:UnlabelParameterVersion`, `ssm:GetParameters` and
    `ssm:GetParameterHistory` on the release (and its parts, where it has any), and `kms:Decrypt`
    for it; `ssm:GetParameters` on the model's secrets, without `kms:Decrypt`, to see that they are
    there.

    A label is *held* where `-previous` is on the same release: a rollback leaves both there, and
    nothing automatic moves it. A promotion that broke off between its two requests looks the same,
    and so may several at the very same moment; promoting again completes it.

    Of two people who move a label at once, one is the last: the label is on that one's release.
    SSM has no way to move a label only if it is still where it was, so `-previous` may miss a
    promotion that falls between the last look and the move, one request later: it then is on
    the release before that.

    Args:
        environment: the environment, such as "prod".
        prefix: where in SSM all of it stands.
        client: a boto3 client for SSM. Default: one of our own, as the reader's.
    """

    def __init__(self, environment: str, *, prefix: str = "/ai", client: Any = None) -> None:
        self.path = environment_path(prefix, environment)
        self.store = WritingStore(client)

    def promote(
        self, model: str, label: str, *, release: int | None = None, check: Check | None = None
    ) -> Move:
        """Put a label on a release, and `<label>-previous` on the one it was on.

        Args, errors: as `prepare_promotion` has them.
        """
        return self.make(self.prepare_promotion(model, label, release=release, check=check))

    def rollback(
        self,
        model: str,
        label: str = "stable",
        *,
        release: int | None = None,
        check: Check | None = None,
    ) -> Move:
        """Put a label back on the release it was on before, or on another, and hold it there.

        Args, errors: as `prepare_rollback` has them.
        """
        return self.make(self.prepare_rollback(model, label, release=release, check=check))

    def prepare_promotion(
        self, model: str, label: str, *, release: int | None = None, check: Check | None = None
    ) -> Move:
        """Return a promotion, verified. Nothing moves yet.

        Made again it changes nothing, and made again after it stopped half-way it is completed.

        Args:
            model: the model's name.
            label: the label.
            release: the number of the release. Default: the newest.
            check: called with the configuration; what it raises is raised.

        Raises:
            UsageError: the label can't be used, or there is no room for it on the release.
            ModelNotFoundError, ReleaseNotFoundError: there is no such release.
            ReleaseError: the release is not what it should be, or its secrets are gone.
            StoreError: AWS can't be asked, or refuses.
        """
        check_movable_label(label)
        releases = self._releases(model)
        target = releases.newest if release is None else releases.select(release)
        before = releases.on(label)
        moves = [] if before is None else [(before, f"{label}{PREVIOUS}")]
        return self._prepared(releases, label, target, moves, check, is_rollback=False)

    def prepare_rollback(
        self,
        model: str,
        label: str = "stable",
        *,
        release: int | None = None,
        check: Check | None = None,
    ) -> Move:
        """Return a rollback, verified. Nothing moves yet.

        Args:
            model: the model's name.
            label: the label.
            release: the number of the release. Default: the one with `<label>-previous`.
            check: called with the configuration; what it raises is raised.

        Raises:
            UsageError: the label can't be used, or there is no room for it on the release.
            LabelNotFoundError: there is no `<label>-previous`.
            ModelNotFoundError, ReleaseNotFoundError: there is no such release.
            ReleaseError: the release is not what it should be, or its secrets are gone.
            StoreError: AWS can't be asked, or refuses.
        """
        check_movable_label(label)
        releases = self._releases(model)
        previous = f"{label}{PREVIOUS}"
        if release is None and releases.on(previous) is None:
            raise LabelNotFoundError(
                f"{previous} is on no release of {model} in {releases.environment}: {label} was "
                f"not moved since. Name the release: `model-config rollback {model} --label "
                f"{label} --release N --environment {releases.environment}`"
            )
        target = releases.select(previous if release is None else release)
        moves = [(target.number, previous)]
        return self._prepared(releases, label, target, moves, check, is_rollback=True)

    def make(self, move: Move) -> Move:
        """Make a move that was prepared, and return it with the release the label was on.

        Raises:
            StoreError: AWS can't be asked, or refuses. Making it again completes it.
        """
        return self._roll_back(move) if move.is_rollback else self._promote(move)

    def _roll_back(self, move: Move) -> Move:
        name, previous = move.releases.name, f"{move.label}{PREVIOUS}"
        if move.releases.on(previous) != move.release:
            self.store.label(name, move.release, previous)
        if move.changed:
            self.store.label(name, move.release, move.label)
        return move

    def _promote(self, move: Move) -> Move:
        name, previous = move.releases.name, f"{move.label}{PREVIOUS}"
        if move.was_held and not move.changed:
            self.store.unlabel(name, move.release, previous)
            return move
        before, marked = move.before, None
        # Until the label is where `-previous` is: someone else may be moving it just now.
        while before is not None and before not in {marked, move.release}:
            self.store.label(name, before, previous)
            before, marked = self._releases(move.model).on(move.label), before
        if before != move.release:
            self.store.label(name, move.release, move.label)
        return replace(move, before=before)

    def _prepared(  # noqa: PLR0913 - what a move is made of
        self,
        releases: Releases,
        label: str,
        target: PastRelease,
        moves: list[tuple[int, str]],
        check: Check | None,
        *,
        is_rollback: bool,
    ) -> Move:
        notes = self._verify(releases, target, check)
        _check_room(releases, [*moves, (target.number, label)])
        return Move(
            releases,
            label,
            target,
            releases.on(label),
            is_rollback,
            label in releases.held,
            tuple(notes),
        )

    def _releases(self, model: str) -> Releases:
        return read_releases(self.store, self.path, model, documents=False)

    def _verify(
        self, releases: Releases, target: PastRelease, check: Check | None
    ) -> Sequence[str]:
        """Refuse a release that can't be served; return what could not be verified."""
        content = target.open()
        if check is not None:
            secrets = locked_secrets(content, "moving a label reads no secrets")
            check(
                configuration(content, target.number, None, secrets, read_at=0.0, clock=lambda: 0.0)
            )
        names = list(content.secrets.values())
        try:
            missing = sorted(set(names) - self.store.existing(names))
        except AccessDeniedError as error:
            return [f"whether the release's secrets are there is not known: {error}"]
        if missing:
            raise ReleaseError(
                f"release {target.number} of {releases.model} in {releases.environment} names "
                f"secrets that are gone: {', '.join(missing)}. Deploy them again, or choose "
                "another release"
            )
        return []


def _check_room(releases: Releases, moves: list[tuple[int, str]]) -> None:
    """Refuse moves, each a release and a label, of which one finds its release full of labels."""
    on = {each.number: set(each.labels) for each in releases}
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
                f"`aws ssm unlabel-parameter-version --name {releases.name} "
                f"--parameter-version {release} --labels {others[-1]}`"
            )
