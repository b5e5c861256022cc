"""Which existing parameters a path selects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar

from model_config.format.errors import ModelNotFoundError, UsageError
from model_config.importing.names import Path

#: The maximum number of parameters for one model. More are probably several models.
MOST = 200


class Named(Protocol):
    """Anything with a parameter's name."""

    @property
    def name(self) -> str:
        """The full name in SSM."""


ListedT = TypeVar("ListedT", bound=Named)


def below(path: str, listed: Sequence[ListedT]) -> dict[Path, ListedT]:
    """Return the parameters to import, by their names below the path; () for the path itself.

    Args:
        path: a parameter's name. If it ends in "/", or there is no such parameter, all parameters
            below it; if it ends in "-", "_" or ".", all whose names begin with it.
        listed: the parameters whose names begin with the path.

    Raises:
        ModelNotFoundError: no parameter has such a name.
        UsageError: there are too many for one model.
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
            f"{path} has {len(chosen)} parameters below it, but a model can have at most "
            f"{MOST}. Import one model at a time; the largest subtrees are {parts}"
        )
    return chosen
