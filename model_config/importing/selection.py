"""Which of the parameters that exist a path stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar

from model_config.format.errors import ModelNotFoundError, UsageError
from model_config.importing.names import Path

#: Parameters that one model may come from: ours. More are several models.
MOST = 200


class Named(Protocol):
    """A parameter, by its name."""

    @property
    def name(self) -> str:
        """The full name in SSM."""


ListedT = TypeVar("ListedT", bound=Named)


def below(path: str, listed: Sequence[ListedT]) -> dict[Path, ListedT]:
    """Return what is to be imported, by its names below the path; a parameter itself by ().

    Args:
        path: a parameter; or with "/" at its end, or where there is no such parameter, what all
            names begin with; or with another sign at its end likewise, for flat names.
        listed: what has a name that begins with the path.

    Raises:
        ModelNotFoundError: there is nothing.
        UsageError: there is more than one model's.
    """
    for each in listed:
        if each.name == path:
            return {(): each}
    start = path if path[-1] in "/-_." else f"{path}/"
    chosen = {
        tuple(each.name.removeprefix(start).split("/")): each
        for each in listed
        if each.name.startswith(start)
    }
    if not chosen:
        near = ", ".join(sorted(each.name for each in listed)[:5])
        raise ModelNotFoundError(
            f"there is no parameter {path} and none below it"
            + (f"; there are {near}" if near else ". See `aws ssm describe-parameters`")
        )
    if len(chosen) > MOST:
        counts = Counter(f"{start}{parts[0]}" for parts in chosen)
        parts = ", ".join(f"{name} ({count})" for name, count in counts.most_common(10))
        raise UsageError(
            f"{path} holds {len(chosen)} parameters, and one model has at most {MOST} here: import "
            f"what belongs to one model. Largest below it: {parts}"
        )
    return chosen
