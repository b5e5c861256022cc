"""The interface of a reader's source of parameters: SSM, or a replacement for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

#: The most names in one request (SSM API reference, GetParameters).
BATCH = 10


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a parameter. Its repr leaves out the text, which may be a secret.

    Attributes:
        text: the decrypted value; None if a look didn't decrypt it.
        modified: when the version was written, which tells a parameter from another one that was
            made anew under its name. None: the source doesn't say.
    """

    name: str
    version: int
    text: str | None = field(repr=False)
    modified: datetime | None = None

    @property
    def mark(self) -> tuple[int, object]:
        """What changes with the value."""
        return self.version, hash(self.text) if self.modified is None else self.modified


class Source(Protocol):
    """Returns parameters to a reader.

    `Store` reads them from SSM. `Reader(source=…)` takes any other source, such as one of a test or
    one that reads documents from elsewhere. A reader calls it from several threads at once.

    A source may have a second method, `look`, with the arguments and errors of `get`. It returns
    versions and dates without decrypting anything, and a renewal then gets only what has changed.
    """

    def get(self, names: Sequence[str]) -> Mapping[str, Stored]:
        """Return decrypted parameters by their bare name, leaving out those that don't exist.

        Args:
            names: "/ai/prod/chat/release:stable" for a label, "…/release:7" for a number, or the
                bare name for the newest version. Each parameter is named once. The names of a model
                are its `release`, its `rollout` and those below `secrets/` and `release/parts/`.

        Raises:
            StoreUnavailableError: the source can't be reached right now. A reader goes on serving
                what it has, and tries again after a pause.
            ModelConfigError: the source refused the request.
        """
        ...

    def close(self) -> None:
        """Close connections. The next `get` opens new ones.

        Called by `Reader.close`, in a forked child process, after a snapshot is restored, and when
        an attempt hangs.
        """
        ...
