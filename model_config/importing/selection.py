"""Which existing parameters a path selects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from model_config.format.errors import ModelNotFoundError, UsageError
from model_config.importing.names import Path

#: The maximum number of parameters for one model. More are probably several models.
MOST = 200


def below(path: str, names: Sequence[str]) -> dict[Path, str]:
    """Return the names of the parameters to import, by their names below the path, split.

    The parameter with the path itself has the name () below it.

    Args:
        path: a parameter's name. If it ends in "/", or there is no such parameter, all parameters
            below it; if it ends in "-", "_" or ".", all whose names begin with it.
        names: the names of the parameters that begin with the path.

    Raises:
        ModelNotFoundError: no parameter has such a name.
        UsageError: there are too many for one model.
    """
    if path in names:
        return {(): path}
    start = path if path[-1] in "/-_." else f"{path}/"
    chosen = {
        tuple(name.removeprefix(start).split("/")): name for name in names if name.startswith(start)
    }
    if not chosen:
        near = ", ".join(sorted(names)[:5])
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
