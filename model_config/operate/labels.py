"""Moving labels: which release the readers of a label get. No value is ever rewritten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from model_config.format.errors import LabelNotFoundError, ReleaseNotFoundError, UsageError
from model_config.format.names import (
    LABELS_ON_A_RELEASE,
    PREVIOUS,
    check_movable_label,
    check_selector,
    environment_path,
    model_path,
    release_name,
)
from model_config.reader.configuration import Configuration, configuration, locked_secrets
from model_config.reader.store import Store

Check = Callable[[Configuration], object]


@dataclass(frozen=True, slots=True)
class Move:
    """Where a label went.

    Attributes:
        release: the release it is on now.
        before: the release it was on, or None where it was on none.
    """

    model: str
    label: str
    release: int
    before: int | None

    @property
    def changed(self) -> bool:
        """Whether the label was on another release before."""
        return self.release != self.before


class Labels:
    """The labels on an environment's releases.

    Needs `ssm:LabelParameterVersion`, `ssm:GetParameters` and `ssm:GetParameterHistory` on the
    release (and its parts, where it has any), and `kms:Decrypt` for it.

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
        self._environment = environment
        self._path = environment_path(prefix, environment)
        self._store = Store(client)

    def promote(
        self, model: str, to: str, *, release: int | None = None, check: Check | None = None
    ) -> Move:
        """Put a label on a release, and `<label>-previous` on the one it was on.

        The release is read back and verified first. Doing it again changes nothing, and doing
        it again after it stopped half-way completes it.

        Args:
            model: the model's name.
            to: the label.
            release: the number of the release. Default: the newest.
            check: called with the configuration before anything moves; what it raises is raised.

        Raises:
            UsageError: the label can't be used, or there is no room for it on the release.
            ModelNotFoundError, ReleaseNotFoundError: there is no such release.
            ReleaseError: the release is not what it should be.
            StoreError: AWS can't be asked, or refuses.
        """
        check_movable_label(to)
        name, labels = self._labels(model)
        target = max(labels) if release is None else release
        self._verify(model, name, target, labels, check)
        before, marked = _holder(labels, to), None
        moves = [] if before is None else [(before, f"{to}{PREVIOUS}")]
        _check_room(name, [*moves, (target, to)], labels)
        # Until the label is where `-previous` is: someone else may be moving it just now.
        while before is not None and before not in {marked, target}:
            self._store.label(name, before, f"{to}{PREVIOUS}")
            before, marked = _holder(self._labels(model)[1], to), before
        if before != target:
            self._store.label(name, target, to)
        return Move(model, to, target, before)

    def rollback(
        self,
        model: str,
        *,
        label: str = "stable",
        to: int | None = None,
        check: Check | None = None,
    ) -> Move:
        """Put a label back on the release it was on before its last promotion, or on another.

        `<label>-previous` stays where it is, so that twice is the same as once.

        Args:
            model: the model's name.
            label: the label.
            to: the number of the release. Default: the one with `<label>-previous`.
            check: called with the configuration before anything moves; what it raises is raised.

        Raises:
            UsageError: the label can't be used, or there is no room for it on the release.
            LabelNotFoundError: there is no `<label>-previous`.
            ModelNotFoundError, ReleaseNotFoundError: there is no such release.
            ReleaseError: the release is not what it should be.
            StoreError: AWS can't be asked, or refuses.
        """
        check_movable_label(label)
        name, labels = self._labels(model)
        target = _holder(labels, f"{label}{PREVIOUS}") if to is None else to
        if target is None:
            raise LabelNotFoundError(
                f"{label}{PREVIOUS} is on no release of {model} in {self._environment}: {label} "
                f"was never moved. Say where to: `model-config rollback {model} --label {label} "
                f"--to N --environment {self._environment}`"
            )
        before = _holder(labels, label)
        self._verify(model, name, target, labels, check)
        if before != target:
            _check_room(name, [(target, label)], labels)
            self._store.label(name, target, label)
        return Move(model, label, target, before)

    def _labels(self, model: str) -> tuple[str, dict[int, list[str]]]:
        """Return the release parameter's name, and each release's labels by its number."""
        name = release_name(model_path(self._path, model))
        versions = self._store.history(name, decrypt=False)
        return name, {each["Version"]: each.get("Labels", []) for each in versions}

    def _verify(
        self,
        model: str,
        name: str,
        target: int,
        labels: Mapping[int, list[str]],
        check: Check | None,
    ) -> None:
        check_selector(target)
        stored = self._store.get([f"{name}:{target}"]).get(name)
        if stored is None:
            raise ReleaseNotFoundError(
                f"there is no release {target} of {model} in {self._environment}; there are "
                f"{min(labels)} to {max(labels)}. See `model-config releases {model} "
                f"--environment {self._environment}`"
            )
        content = self._store.open_release(stored, model, self._environment)
        if check is not None:
            secrets = locked_secrets(content, "moving a label reads no secrets")
            check(configuration(content, target, None, secrets, read_at=0.0, clock=lambda: 0.0))


def _check_room(name: str, moves: list[tuple[int, str]], labels: Mapping[int, list[str]]) -> None:
    """Refuse moves, each a release and a label, of which one finds its release full of labels."""
    on = {number: set(carried) for number, carried in labels.items()}
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
                f"`aws ssm unlabel-parameter-version --name {name} "
                f"--parameter-version {release} --labels {others[-1]}`"
            )


def _holder(labels: Mapping[int, list[str]], label: str) -> int | None:
    return next((number for number, on in labels.items() if label in on), None)
