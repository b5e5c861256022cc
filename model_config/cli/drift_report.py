"""How drift is printed: each difference, its meaning, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from model_config.cli.commands import to_paste
from model_config.cli.output import MASK, print_table
from model_config.format.text import plural, visible
from model_config.operate.drift.text import ACCESS, ADVICE, access_difference, difference

if TYPE_CHECKING:
    from model_config.operate.drift.drift import Drift
    from model_config.operate.drift.parameters import Content


def print_drift(found: Drift, stack: str) -> None:
    """Print the differences, and below them what to do about each kind."""
    rows = [
        (each.model or "-", each.path, each.state, visible(difference(each)))
        for each in found.parameters
    ]
    rows += [
        (each.model or "-", each.resource, ACCESS, access_difference(each)) for each in found.access
    ]
    if rows:
        print_table(["model", "what", "state", "difference"], rows, wrap=True)
        typer.echo()
    states = {each.state for each in found.parameters} | {ACCESS for _ in found.access}
    for state, advice in ADVICE.items():
        if state in states:
            typer.echo(to_paste(f"{state}: {advice.format(stack=stack)}"))
    for finding in found.findings:
        typer.echo(to_paste(visible(str(finding))))
    compared = f"{stack}: {plural(found.count, 'parameter')}"
    count = len(found.parameters) + len(found.access) + len(found.findings)
    typer.echo(f"{compared}, {plural(count, 'difference') if count else 'no drift'}.")
    for model in found.other_projects:
        typer.echo(f"{model} belongs to another project: it has a release, and no module here.")
    if found.not_read:
        typer.echo(
            f"{plural(found.not_read, 'value')} not read: their versions show that only deploys "
            "wrote them. --all-values reads them too."
        )


def as_json(found: Drift, stack: str) -> dict[str, Any]:
    """Return the drift for --json, with a fix for each difference."""
    return {
        "environment": stack,
        "parameters": found.count,
        "not_read": found.not_read,
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
                "state": ACCESS,
                "aspect": each.aspect,
                "program": each.program,
                "release": None,
                "ssm": each.aws,
                "name": each.resource,
                "version": None,
                "written_at": None,
                "written_by": None,
                "fix": ADVICE[ACCESS].format(stack=stack),
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
