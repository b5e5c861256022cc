"""One release in a model's history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from model_config.format.errors import ReleaseError
from model_config.format.release import Release, part_hashes


@dataclass(frozen=True)
class PastRelease:
    """One release in a model's history. It is opened when its content is first asked for.

    Attributes:
        number: SSM's version of the release parameter.
        at: when it was written.
        by: the ARN of who wrote it, as far as SSM says.
        labels: the labels it carries.
    """

    number: int
    at: datetime
    by: str
    labels: tuple[str, ...]
    _fetch: Callable[[], str] = field(repr=False)
    _open: Callable[[str], Release] = field(repr=False)

    @cached_property
    def document(self) -> str:
        """The document as stored in SSM.

        Raises:
            StoreError: AWS is unavailable or refuses.
        """
        return self._fetch()

    def open(self) -> Release:
        """Return the release, verified.

        Raises:
            ReleaseError: it can't be read.
            StoreError: AWS is unavailable or refuses.
        """
        if self.content is None:
            raise ReleaseError(self.problem)
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
        """The verified digest, or None if the release can't be read."""
        return self.content.digest if self.content else None

    @cached_property
    def part_hashes(self) -> list[str]:
        """The hashes that name its parts, which are known without opening it.

        Raises:
            ReleaseError: the document is not a release.
        """
        return part_hashes(self.document)

    @cached_property
    def _opened(self) -> Release | str:
        try:
            return self._open(self.document)
        except ReleaseError as error:
            return str(error)
