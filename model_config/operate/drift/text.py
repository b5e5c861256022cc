"""Drift in words: the differences, their meaning, and what to do about them."""

from __future__ import annotations

from datetime import UTC
from os.path import commonprefix  # of any texts, not only of paths
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line's help imports this module, and is to be fast
    from model_config.operate.drift.parameters import Content
    from model_config.operate.drift.states import DriftedAccess, DriftedParameter, State

#: The meaning of each state, and what to do about it.
ADVICE: dict[State, str] = {
    "edited": (
        "Somebody changed it by hand. To undo it: `pulumi up --refresh --stack {stack}` (a "
        "parameter of another type or tier first needs `aws ssm delete-parameter --name NAME`). To "
        "keep a value: write it into the model's module or the stack file, then do the same. "
        "Applications read the release and so don't see the change, except for a secret. A key "
        "or a policy may also be older than the program: the same command updates it."
    ),
    "interrupted": (
        "A deploy wrote some parameters but no release: applications still read the previous one. "
        "To finish it: `model-config recover --environment {stack}`, which adopts what the state "
        "lacks, and then `pulumi up --refresh --stack {stack}`."
    ),
    "not deployed": (
        "The program is ahead of AWS: `pulumi up --stack {stack}`. If somebody deleted a "
        "rollout parameter: `pulumi up --refresh --stack {stack}`."
    ),
    "orphaned": (
        "An earlier program left it. After a deploy that was interrupted before its deletions: "
        "`pulumi up --refresh --stack {stack}`. Parts of releases: `model-config prune MODEL`, "
        "with --gone for a model that was removed."
    ),
    "unmanaged": (
        "Neither a release nor the program has it. Adopt it (`model-config import`), move it, or "
        "delete it: `aws ssm delete-parameter --name NAME`."
    ),
    "unclear": "The newest release can't be read, so the origin of the change is unknown: see "
    "below.",
}
#: The state of a difference of the key or a policy, which releases don't record.
ACCESS: State = "edited"
#: The number of characters of a value that are shown.
_ROOM = 48


def difference(each: DriftedParameter) -> str:
    """Return the contents, grouped by equality, and who wrote the parameter if not a deploy."""
    named = {
        "program": each.contents.program,
        "release": each.contents.release,
        "SSM": each.contents.ssm,
    }
    if each.aspect in {"type", "tier", "key"}:
        said = f"{each.aspect} {_shown(each.contents.ssm)}, not {_shown(each.contents.program)}"
    else:
        texts = [side for side in named.values() if isinstance(side, str)]
        begin = len(commonprefix(texts)) if len({*texts}) > 1 else 0  # noqa: RUF071 - as meant
        sides: dict[str, list[str]] = {}
        for name, side in named.items():
            sides.setdefault(_shown(side, begin), []).append(name)
        said = "; ".join(f"{' and '.join(names)}: {side}" for side, names in sides.items())
    if each.listed is None or each.state == "not deployed":
        return said
    who = f" by {each.listed.by}" if each.listed.by.startswith("arn:") else ""
    return f"{said} (written {each.listed.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{who})"


def _shown(side: Content, begin: int = 0) -> str:
    """Return a content on one line; of a long text, the part around the first difference."""
    if not isinstance(side, str):
        return str(side.value)
    start = max(0, begin - 12) if len(side) > _ROOM else 0
    end = start + _ROOM
    return f"{'…' * (start > 0)}{side[start:end]}{'…' * (end < len(side))}".replace("\n", "\\n")


def access_difference(each: DriftedAccess) -> str:
    """Return the difference of the key or a policy."""
    return f"{each.aspect}: {each.aws}, not {each.program}"
