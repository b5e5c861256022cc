"""Drift in words: what differs, what that means, and what to do about it."""

from __future__ import annotations

from datetime import UTC
from itertools import takewhile

from model_config.operate.drift_states import DriftedAccess, DriftedParameter, State
from model_config.operate.parameters import Content

#: What each state means, and what to do about it.
ADVICE: dict[State, str] = {
    "edited": (
        "Somebody changed it by hand. To undo it: `pulumi up --refresh --stack {stack}` (a "
        "parameter of another type or tier first needs `aws ssm delete-parameter --name NAME`). To "
        "keep a value: write it into the model's module or the stack's file, then do the same. "
        "Applications read the release, so they don't see it; a secret they read as it is. A key "
        "or a policy may also be older than the program: the same command brings it up to date."
    ),
    "interrupted": (
        "A deploy wrote some parameters and no release: applications still read the one before. "
        "To finish it: `model-config recover --environment {stack}`, which adopts what the state "
        "doesn't know, and then `pulumi up --refresh --stack {stack}`."
    ),
    "not deployed": (
        "The program is ahead of AWS: `pulumi up --stack {stack}`. Where somebody deleted a "
        "rollout parameter: `pulumi up --refresh --stack {stack}`."
    ),
    "orphaned": (
        "An earlier program left it. After a deploy that stopped before its deletes: "
        "`pulumi up --refresh --stack {stack}`. Parts of releases: `model-config prune MODEL`, "
        "with --gone for a model that was removed."
    ),
    "unmanaged": (
        "No release and no program of ours has it. Adopt it (`model-config import`), move it, or "
        "delete it: `aws ssm delete-parameter --name NAME`."
    ),
    "unclear": "The newest release can't be read, so who changed it isn't known: see below.",
}
#: The state of what differs about the key and the policies: releases say nothing of them.
ACCESS: State = "edited"
#: Characters of a value that are shown.
_ROOM = 48


def difference(each: DriftedParameter) -> str:
    """Return what differs, sides that agree together, and who wrote it where it wasn't a deploy."""
    named = {
        "program": each.contents.program,
        "release": each.contents.release,
        "SSM": each.contents.ssm,
    }
    if each.aspect in {"type", "tier", "key"}:
        said = f"{each.aspect} {_shown(each.contents.ssm)}, not {_shown(each.contents.program)}"
    else:
        begin = _same_characters([side for side in named.values() if isinstance(side, str)])
        sides: dict[str, list[str]] = {}
        for name, side in named.items():
            sides.setdefault(_shown(side, begin), []).append(name)
        said = "; ".join(f"{' and '.join(names)}: {side}" for side, names in sides.items())
    if each.listed is None or each.state == "not deployed":
        return said
    who = f" by {each.listed.by}" if each.listed.by.startswith("arn:") else ""
    return f"{said} (written {each.listed.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{who})"


def _same_characters(texts: list[str]) -> int:
    """Return how many characters the texts have in common at their beginning."""
    different = set(texts)
    same = takewhile(lambda column: len(set(column)) == 1, zip(*different, strict=False))
    return sum(1 for _ in same) if len(different) > 1 else 0


def _shown(side: Content, begin: int = 0) -> str:
    """Return a side on one line; of a long text what stands around the first difference."""
    if not isinstance(side, str):
        return str(side.value)
    start = max(0, begin - 12) if len(side) > _ROOM else 0
    end = start + _ROOM
    return f"{'…' * (start > 0)}{side[start:end]}{'…' * (end < len(side))}".replace("\n", "\\n")


def access_difference(each: DriftedAccess) -> str:
    """Return what differs about the key or a policy."""
    return f"{each.aspect}: {each.aws}, not {each.program}"
