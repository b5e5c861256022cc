"""How drift is shown: what differs, what it means, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import typer

from model_config.cli.commands import to_paste
from model_config.cli.output import MASK, print_table
from model_config.comparing.text import plural, printable

if TYPE_CHECKING:
    from model_config.operate.drift import Drift
    from model_config.operate.drift_states import DriftedParameter, State
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
        "To finish it: `pulumi up --refresh --stack {stack}`. If that says ParameterAlreadyExists: "
        "`pulumi import aws:ssm/parameter:Parameter MODEL/PATH NAME --protect=false --parent "
        "MODEL=urn:pulumi:{stack}::model-config::model-config:index:ModelParameters::MODEL`, then "
        "again."
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
_ACCESS: State = "edited"
#: Characters of a value that are shown.
_ROOM = 48


def print_drift(found: Drift, stack: str) -> None:
    """Print what differs, and below it what to do about each kind of difference."""
    rows = [
        (each.model or "-", each.path, each.state, printable(_what(each)))
        for each in found.parameters
    ]
    rows += [
        (
            each.model or "-",
            each.resource,
            _ACCESS,
            f"{each.aspect}: {each.aws}, not {each.program}",
        )
        for each in found.access
    ]
    if rows:
        print_table(["model", "what", "state", "difference"], rows, wrap=True)
        typer.echo()
    states = {each.state for each in found.parameters} | {_ACCESS for _ in found.access}
    for state, advice in ADVICE.items():
        if state in states:
            typer.echo(to_paste(f"{state}: {advice.format(stack=stack)}"))
    for finding in found.findings:
        typer.echo(to_paste(printable(str(finding))))
    compared = f"{stack}: {plural(found.count, 'parameter')}"
    count = len(found.parameters) + len(found.access) + len(found.findings)
    typer.echo(f"{compared}, {plural(count, 'difference') if count else 'no drift'}.")
    for model in found.other_projects:
        typer.echo(f"{model} is another project's: it has a release, and no module here.")
    if found.on_trust:
        typer.echo(
            f"{plural(found.on_trust, 'value')} not read: their versions show that only deploys "
            "wrote them. --all-values reads them, too."
        )


def _what(each: DriftedParameter) -> str:
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


def _shown(content: Content, begin: int = 0) -> str:
    """Return a content on one line; of a long text what is around the first difference."""
    if not isinstance(content, str):
        return str(content.value)
    start = max(0, begin - 12) if len(content) > _ROOM else 0
    end = start + _ROOM
    return f"{'…' * (start > 0)}{content[start:end]}{'…' * (end < len(content))}".replace(
        "\n", "\\n"
    )


def as_json(found: Drift, stack: str) -> dict[str, Any]:
    """Return the same for a script, each difference with what to do about it."""
    return {
        "environment": stack,
        "parameters": found.count,
        "not_read": found.on_trust,
        "differences": [
            {
                "model": each.model,
                "path": each.path,
                "state": each.state,
                "aspect": each.aspect,
                "program": _plain(each.contents.program),
                "release": _plain(each.contents.release),
                "ssm": _plain(each.contents.ssm),
                "name": each.listed.name if each.listed else None,
                "version": each.listed.version if each.listed else None,
                "written_at": each.listed.at.isoformat() if each.listed else None,
                "written_by": each.listed.by if each.listed else None,
                "fix": to_paste(ADVICE[each.state].format(stack=stack)),
            }
            for each in found.parameters
        ]
        + [
            {
                "model": each.model,
                "path": each.resource,
                "state": _ACCESS,
                "aspect": each.aspect,
                "program": each.program,
                "release": None,
                "ssm": each.aws,
                "name": each.resource,
                "version": None,
                "written_at": None,
                "written_by": None,
                "fix": ADVICE[_ACCESS].format(stack=stack),
            }
            for each in found.access
        ],
        "notes": found.notes,
        "other_projects": found.other_projects,
        "findings": [asdict(each) for each in found.findings],
        "problems": found.problems,
    }


def _plain(content: Content) -> str | None:
    if isinstance(content, str):
        return content
    return MASK if content.value == "a secret" else None
