"""A model's releases as SSM keeps them: the newest 100, each with its labels and who wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from model_config.format.errors import Finding, ModelNotFoundError, ReleaseError
from model_config.format.names import PREVIOUS, environment_path, model_path, release_name
from model_config.format.release import Release, part_names
from model_config.reader.source import Stored
from model_config.reader.store import Store

#: Versions that SSM keeps; the next write drops the oldest, and fails if that has a label
#: (Systems Manager User Guide, "Working with parameter versions").
KEPT = 100


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One release in a model's history.

    Attributes:
        number: the release's number.
        at: when it was written.
        by: the ARN of who wrote it, as far as SSM says.
        labels: the labels it carries.
        content: what it says, verified; None where it can't be read.
        problem: why it can't be read; None where it can.
    """

    number: int
    at: datetime
    by: str
    labels: tuple[str, ...]
    content: Release | None
    problem: str | None

    @property
    def digest(self) -> str | None:
        """The verified digest, or None where the release can't be read."""
        return self.content.digest if self.content else None


class History:
    """The releases of an environment's models.

    Needs `ssm:GetParameterHistory` on the release and `kms:Decrypt` for it; `prune` also
    `ssm:GetParametersByPath` and `ssm:DeleteParameters` on `release/parts`.

    Args:
        environment: the environment, such as "prod".
        prefix: where in SSM all of it stands.
        client: a boto3 client for SSM. Default: one of our own, as the reader's.
    """

    def __init__(self, environment: str, *, prefix: str = "/ai", client: Any = None) -> None:
        self._environment = environment
        self._path = environment_path(prefix, environment)
        self._store = Store(client)

    def releases(self, model: str) -> list[ReleaseRow]:
        """Return a model's releases, oldest first.

        Raises:
            ModelNotFoundError: there are none.
            StoreError: AWS can't be asked, or refuses.
        """
        name = release_name(model_path(self._path, model))
        return [self._row(model, name, each) for each in self._store.history(name, decrypt=True)]

    def findings(self, model: str) -> list[Finding]:
        """Return what would make the next deploy of a model fail; nothing where it has no release.

        Raises:
            StoreError: AWS can't be asked, or refuses.
        """
        name = release_name(model_path(self._path, model))
        try:
            versions = self._store.history(name, decrypt=False)
        except ModelNotFoundError:
            return []
        labels = versions[0].get("Labels", []) if len(versions) >= KEPT else []
        return [self._labelled_oldest(model, name, versions[0], labels)] if labels else []

    def prune(self, model: str, *, dry_run: bool = False) -> list[str]:
        """Delete the parts that no release in the history names, and return their names.

        Not while a deploy runs: it writes the parts before the release that names them.

        Args:
            model: the model's name.
            dry_run: only return the names.

        Raises:
            ReleaseError: a release can't be read, so that which parts it needs isn't known.
                Nothing was deleted.
            StoreError: AWS can't be asked, or refuses.
        """
        name = release_name(model_path(self._path, model))
        # The parts first: one that is written in between is not in the list.
        parts = self._store.names_below(f"{name}/parts")
        needed: set[str] = set()
        for version in self._store.history(name, decrypt=True):
            try:
                needed.update(part_names(version["Value"]))
            except ReleaseError as error:
                raise ReleaseError(
                    f"nothing was deleted: {name}:{version['Version']} can't be read ({error}), so "
                    "its parts aren't known"
                ) from None
        unneeded = sorted(set(parts) - needed)
        if not dry_run:
            self._store.delete(unneeded)
        return unneeded

    def _row(self, model: str, name: str, version: Mapping[str, Any]) -> ReleaseRow:
        content = problem = None
        stored = Stored(name, version["Version"], version["Value"])
        try:
            content = self._store.open_release(stored, model, self._environment)
        except ReleaseError as error:
            problem = str(error)
        return ReleaseRow(
            number=version["Version"],
            at=version["LastModifiedDate"],
            by=version.get("LastModifiedUser", ""),
            labels=tuple(version.get("Labels", [])),
            content=content,
            problem=problem,
        )

    def _labelled_oldest(
        self, model: str, name: str, oldest: Mapping[str, Any], labels: list[str]
    ) -> Finding:
        number = oldest["Version"]
        moves = [
            f"model-config promote {model} --to {label} --environment {self._environment}"
            for label in labels
            if not label.endswith(PREVIOUS)
        ]
        removal = (
            f"aws ssm unlabel-parameter-version --name {name} --parameter-version {number} "
            f"--labels {' '.join(labels)}"
        )
        return Finding(
            where=model,
            problem=f"release {number} is the oldest of {KEPT} and carries {', '.join(labels)}",
            reason=f"SSM keeps {KEPT} versions and refuses to drop one with a label, so the next "
            "deploy of this model would fail (ParameterMaxVersionLimitExceeded)",
            fix=" or ".join(f"`{command}`" for command in [*moves, removal]),
        )
