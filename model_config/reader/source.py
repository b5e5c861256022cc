"""Where a reader's documents come from: SSM, or whatever else answers by parameter name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a parameter. Its text is not shown: it may be a secret's."""

    name: str
    version: int
    text: str = field(repr=False)


class Source(Protocol):
    """What a reader asks for parameters.

    `Store` asks SSM. `Reader(source=…)` takes any other: a test's, or one that keeps documents
    elsewhere. A reader calls it from several threads at once.
    """

    def get(self, names: Sequence[str]) -> Mapping[str, Stored]:
        """Return parameters, decrypted, by their bare name; those that don't exist are left out.

        Args:
            names: "/ai/prod/chat/release:stable" by label, "…/release:7" by number, or the bare
                name for the newest version. No parameter is in it twice. A model's own names are
                its `release`, its `rollout` and those below `secrets/` and `release/parts/`.

        Raises:
            StoreUnavailableError: it can't be asked right now. A reader then goes on with what
                it has, and asks again after a pause.
            ModelConfigError: it was asked and refused.
        """
        ...

    def close(self) -> None:
        """Give up connections; the next `get` opens new ones.

        Called by `Reader.close`, in a forked child and after a snapshot was restored.
        """
        ...
