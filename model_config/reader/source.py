"""What a reader stands on, and tests replace: a source of parameters, and a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

#: The most names in one request (SSM API reference, GetParameters).
BATCH = 10


class Stored:
    """One version of a parameter: its text, decrypted, or None; and when it was written, if known.

    Its repr leaves out the text, which may be a secret.
    """

    # No dataclass, and none in what a reader imports: they'd take a tenth of its start over awscrt.
    __slots__ = ("mark", "modified", "name", "text", "version")

    def __init__(
        self, name: str, version: int, text: str | None, modified: datetime | None = None
    ) -> None:
        self.name, self.version, self.text, self.modified = name, version, text, modified
        # What changes with the value: its date tells it from one made anew under the name.
        self.mark = version, hash(text) if modified is None else modified

    def __repr__(self) -> str:
        return f"Stored({self.name!r}, {self.version}, modified={self.modified!r})"

    @classmethod
    def of(cls, item: Mapping[str, Any], modified: datetime | None, *, decrypt: bool) -> Stored:
        """Return a parameter as SSM answers it: without decryption, only a String has a text."""
        has_text = decrypt or item.get("Type") == "String"
        return cls(item["Name"], item["Version"], item["Value"] if has_text else None, modified)


class Source(Protocol):
    """Returns parameters to a reader.

    `Store` reads them from SSM. `Reader(source=…)` takes any other source, such as one of a test or
    one that reads documents from elsewhere. A reader calls it from several threads at once.

    A source may have a second method, `look`, with the arguments and errors of `get`. It returns
    versions and dates without decrypting anything, and a renewal then gets only what has changed.
    """

    def get(self, names: Sequence[str]) -> Mapping[str, Stored]:
        """Return decrypted parameters by their bare name, leaving out those that don't exist.

        `names` are "/ai/prod/chat/release:stable" for a label, "…/release:7" for a number, or bare
        names for the newest version: at most ten, of ten parameters.

        Raises:
            StoreUnavailableError: the source can't be reached right now. A reader goes on serving
                what it has, and tries again after a pause.
            ModelConfigError: the source refused the request.
        """
        ...

    def close(self) -> None:
        """Close connections. The next `get` opens new ones. Called when an attempt hangs, too."""
        ...


class Clock(Protocol):
    """Measures time for a reader, and never goes backwards. Tests pass one that they can set."""

    def __call__(self) -> float:
        """Return seconds that never go backwards."""
        ...

    def wall(self) -> float:
        """Return seconds since 1970."""
        ...
