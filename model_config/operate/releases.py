"""A model's releases in SSM: the newest 100, each with its labels and author."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from model_config.format import errors, names
from model_config.format.release import Release, part_hashes, read_release
from model_config.operate.ssm import ReadParameter, Ssm

#: The number of versions that SSM keeps; the next write drops the oldest, and fails if that has a
#: label (Systems Manager User Guide, "Working with parameter versions").
KEPT = 100


@dataclass(frozen=True)
class PastRelease:
    """One release in a model's history, fetched and opened when its content is first asked for."""

    number: int
    at: datetime
    by: str
    labels: tuple[str, ...]
    _fetch: Callable[[], str] = field(repr=False)
    _open: Callable[[str], Release] = field(repr=False)

    @cached_property
    def document(self) -> str:
        return self._fetch()

    def open(self) -> Release:
        if self.content is None:
            raise errors.ReleaseError(self.problem)
        return self.content

    @property
    def content(self) -> Release | None:
        """The release, verified, or None if it can't be read."""
        return self._opened if isinstance(self._opened, Release) else None

    @property
    def problem(self) -> str | None:
        """Why it can't be read, or None if it can."""
        return self._opened if isinstance(self._opened, str) else None

    @property
    def digest(self) -> str | None:
        return self.content.digest if self.content else None

    @cached_property
    def _opened(self) -> Release | str:
        try:
            return self._open(self.document)
        except errors.ReleaseError as error:
            return str(error)


class Releases:
    """All releases of a model that SSM still has, newest first; at least one."""

    def __init__(
        self, model: str, environment: str, name: str, newest_first: tuple[PastRelease, ...]
    ) -> None:
        self.model, self.environment, self.name = model, environment, name
        self.newest_first = newest_first
        self.newest, self.oldest = newest_first[0], newest_first[-1]
        self.path = name.removesuffix(f"/{names.RELEASE}")
        #: The arguments of a command that select the model: "chat --environment prod".
        self.place = f"{model} --environment {environment}"
        self.labels = {label: it.number for it in newest_first for label in sorted(it.labels)}
        #: The labels that a rollback moved: nothing automatic moves them.
        previous = {label: self.on(f"{label}{names.PREVIOUS}") for label in self.labels}
        self.held = sorted(label for label, on in previous.items() if on == self.on(label))

    def with_former(self) -> Iterator[tuple[PastRelease, PastRelease | None]]:
        """Yield each release with the one before, newest first; the oldest with None."""
        return zip(self.newest_first, (*self.newest_first[1:], None), strict=True)

    def promoted(self) -> Iterator[tuple[PastRelease, list[str]]]:
        """Yield the releases that readers get by a label, each with its labels."""
        for release in self:
            if labels := [label for label in release.labels if not label.endswith(names.PREVIOUS)]:
                yield release, sorted(labels)

    def on(self, label: str) -> int | None:
        return self.labels.get(label)

    def select(self, selector: str | int) -> PastRelease:
        """Return the release that a number, a label or "latest" selects; "7" is a number too.

        Raises UsageError if the selector is invalid, ReleaseNotFoundError if no release matches.
        """
        # No label begins with a digit. Python's int() fails on thousands of them.
        if isinstance(selector, str) and re.fullmatch(r"\d{1,100}", selector):
            selector = int(selector)
        names.check_selector(selector)
        if selector == names.LATEST:
            return self.newest
        number = self.on(selector) if isinstance(selector, str) else selector
        for release in self:
            if release.number == number:
                return release
        see = f"See `model-config releases {self.place}`"
        if isinstance(selector, str):
            labels = ", ".join(self.labels) or "none"
            raise errors.LabelNotFoundError(
                f"no release of {self.model} in {self.environment} has the label {selector!r}; "
                f"existing labels: {labels}. {see}"
            )
        first, last = self.oldest.number, self.newest.number
        known = f"releases are {first} to {last}" if first < last else f"only release is {last}"
        raise errors.ReleaseNotFoundError(
            f"there is no release {selector} of {self.model} in {self.environment}; the {known}. "
            f"{see}"
        )

    def __iter__(self) -> Iterator[PastRelease]:
        return iter(self.newest_first)

    def __len__(self) -> int:
        return len(self.newest_first)


def read_releases(ssm: Ssm, path: str, model: str, *, documents: bool) -> Releases:
    """Return a model's releases; `path` is the environment's, "/ai/prod".

    With `documents`, all are fetched with the list, since most will be opened. Otherwise each is
    fetched when it is opened. Raises ModelNotFoundError if there are no releases.
    """
    name = names.release_name(names.model_path(path, model))

    def release(version: Mapping[str, Any]) -> PastRelease:
        number = int(version["Version"])
        return PastRelease(
            number=number,
            at=version["LastModifiedDate"],
            by=version.get("LastModifiedUser", ""),
            labels=tuple(version.get("Labels", ())),
            _fetch=lambda: version["Value"] if documents else _document(ssm, name, number),
            _open=lambda text: open_release(ssm, ReadParameter(name, number, text)),
        )

    versions = ssm.history(name, decrypt=documents)
    newest_first = tuple(map(release, reversed(versions)))
    return Releases(model, path.rpartition("/")[2], name, newest_first)


def open_release(ssm: Ssm, parameter: ReadParameter) -> Release:
    """Return a release parameter's content, verified. Raises ReleaseError if it was changed."""
    path = parameter.name.removesuffix(f"/{names.RELEASE}")
    try:
        return read_release(
            parameter.text, path, lambda parts: {it.name: it.text for it in ssm.get(parts).values()}
        )
    except errors.ReleaseError as error:
        environment, model = path.split("/")[-2:]
        raise errors.ReleaseError(
            f"{parameter.name}:{parameter.version} can't be used: {error}. "
            f"List the others with `model-config releases {model} --environment {environment}`"
        ) from None


def unneeded_parts(ssm: Ssm, path: str, model: str, *, gone: bool = False) -> list[str]:
    """Return the parts that no release names; with `gone`, all of a model that was deleted."""
    release = names.release_name(names.model_path(path, model))
    # List the parts first, so that a part that is written in between is not in the list.
    parts = ssm.names_below(names.release_parts(release))
    try:
        releases = read_releases(ssm, path, model, documents=True)
    except errors.ModelNotFoundError:
        if gone:
            return sorted(parts)
        raise
    if gone:
        raise errors.UsageError(f"{model} was not removed: it has a release, {release}")
    try:
        return sorted(set(parts) - needed_parts(releases))
    except errors.ReleaseError as error:
        unknown = "so its parts are unknown"
        raise errors.ReleaseError(f"nothing was deleted: {error}, {unknown}") from None


def needed_parts(releases: Releases) -> set[str]:
    needed: set[str] = set()
    for release in releases:
        try:
            hashes = part_hashes(release.document)
            needed.update(names.release_part(releases.path, part) for part in hashes)
        except errors.ReleaseError as error:
            name = f"{releases.name}:{release.number}"
            raise errors.ReleaseError(f"{name} can't be read ({error})") from None
    return needed


def _document(ssm: Ssm, name: str, number: int) -> str:
    parameter = ssm.get([f"{name}:{number}"]).get(name)
    if parameter is None:
        raise errors.ReleaseNotFoundError(
            f"{name} no longer has version {number}: run the command again"
        )
    return parameter.text
