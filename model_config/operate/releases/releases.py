"""A model's releases in SSM: the newest 100, each with its labels and author.

Everything that reads a history uses this list: labels, `releases`, `tree --deployed`, `check`,
`prune` and `drift`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from model_config.format.errors import LabelNotFoundError, ReleaseNotFoundError
from model_config.format.names import LATEST, PREVIOUS, check_selector, model_path, release_name
from model_config.operate.releases.past_release import PastRelease
from model_config.operate.store import OperatorStore
from model_config.reader.opening import open_release
from model_config.reader.source import Stored

#: The number of versions that SSM keeps; the next write drops the oldest, and fails if that has a
#: label (Systems Manager User Guide, "Working with parameter versions").
KEPT = 100


@dataclass(frozen=True, slots=True)
class Releases:
    """All releases of a model that SSM still has.

    Attributes:
        name: the release parameter's full name.
        newest_first: the releases; there is at least one.
    """

    model: str
    environment: str
    name: str
    newest_first: tuple[PastRelease, ...]

    @property
    def newest(self) -> PastRelease:
        """The newest release."""
        return self.newest_first[0]

    @property
    def oldest(self) -> PastRelease:
        """The oldest release that SSM still has."""
        return self.newest_first[-1]

    @property
    def labels(self) -> dict[str, int]:
        """The number of the release that each label is on."""
        return {label: each.number for each in self for label in sorted(each.labels)}

    @property
    def held(self) -> list[str]:
        """The labels that a rollback moved: nothing automatic moves them."""
        labels = self.labels
        return sorted(
            label for label in labels if labels[label] == labels.get(f"{label}{PREVIOUS}")
        )

    def with_former(self) -> Iterator[tuple[PastRelease, PastRelease | None]]:
        """Yield each release with the one before, newest first; the oldest with None."""
        return zip(self.newest_first, (*self.newest_first[1:], None), strict=True)

    def on(self, label: str) -> int | None:
        """Return the number of the release that a label is on, or None."""
        return self.labels.get(label)

    def select(self, selector: str | int) -> PastRelease:
        """Return the release that a number, a label or "latest" selects; "7" is a number too.

        Raises:
            UsageError: the selector is invalid.
            ReleaseNotFoundError: no release matches.
        """
        if isinstance(selector, str) and selector.isdecimal():  # no label begins with a digit
            selector = int(selector)
        check_selector(selector)
        if selector == LATEST:
            return self.newest
        number = self.on(selector) if isinstance(selector, str) else selector
        for each in self:
            if each.number == number:
                return each
        see = f"See `model-config releases {self.model} --environment {self.environment}`"
        if isinstance(selector, str):
            labels = ", ".join(self.labels) or "none"
            raise LabelNotFoundError(
                f"no release of {self.model} in {self.environment} has the label {selector!r}; "
                f"existing labels: {labels}. {see}"
            )
        first, last = self.oldest.number, self.newest.number
        found = f"releases are {first} to {last}" if first < last else f"only release is {last}"
        raise ReleaseNotFoundError(
            f"there is no release {selector} of {self.model} in {self.environment}; the {found}. "
            f"{see}"
        )

    def __iter__(self) -> Iterator[PastRelease]:
        return iter(self.newest_first)

    def __len__(self) -> int:
        return len(self.newest_first)


def read_releases(store: OperatorStore, path: str, model: str, *, documents: bool) -> Releases:
    """Return a model's releases.

    Needs `ssm:GetParameterHistory` on the release, and with `documents` also `kms:Decrypt`. Without
    `documents`, opening a release needs `kms:Decrypt` and `ssm:GetParameters`.

    Args:
        store: sends the requests to SSM.
        path: the environment's path, "/ai/prod".
        model: the model's name.
        documents: whether to fetch all documents with the list, since most will be opened.
            Otherwise each is fetched when it is opened.

    Raises:
        ModelNotFoundError: the model has no releases.
        StoreError: AWS is unavailable or refuses.
    """
    name, environment = release_name(model_path(path, model)), path.rpartition("/")[2]

    def release(version: Mapping[str, Any]) -> PastRelease:
        number = int(version["Version"])
        return PastRelease(
            number=number,
            at=version["LastModifiedDate"],
            by=version.get("LastModifiedUser", ""),
            labels=tuple(version.get("Labels", ())),
            _fetch=lambda: version["Value"] if documents else _document(store, name, number),
            _open=lambda text: open_release(store, Stored(name, number, text)),
        )

    versions = store.history(name, decrypt=documents)
    return Releases(model, environment, name, tuple(map(release, reversed(versions))))


def _document(store: OperatorStore, name: str, number: int) -> str:
    found = store.get([f"{name}:{number}"]).get(name)
    if found is None:
        raise ReleaseNotFoundError(f"{name} no longer has version {number}: run the command again")
    return found.text
