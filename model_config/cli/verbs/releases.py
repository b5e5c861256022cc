"""`model-config releases` and `history`: a model's releases, and who moved its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from model_config.cli import options, output
from model_config.cli.context import project_or_none
from model_config.comparing.changes import changes
from model_config.format.text import who

if TYPE_CHECKING:
    from model_config.operate.releases import PastRelease

PANEL = options.Panel.RELEASE


def releases(
    model: options.Model, *, target: options.Target, as_json: options.AsJson = False
) -> None:
    """List a model's releases and their changes, newest first.

    A label that a rollback holds is marked, and so is one whose promotion was interrupted.

    The results of a release's evidence are shown, if the project has any.

    "+" marks an added path, "-" a removed one, and "~" a changed value. SSM keeps the newest 100
    releases.

    Example: model-config releases support_chat --environment prod
    """
    from model_config.operate.environment import read_state

    with target.open() as aws:
        past = aws.releases(model)
        interrupted = read_state(aws.ssm, past).interrupted if past.held else None
        rows = [
            _row(release, before, past.held, interrupted) for release, before in past.with_former()
        ]
    columns: dict[str, Any] = {
        "release": "release",
        "when (UTC)": "at",
        "by": _by,
        "digest": lambda row: (row["digest"] or "unreadable").removeprefix("sha256:")[:12],
        "labels": _labels,
        "evidence": lambda row: row["evidence"]["text"],
        "changes": lambda row: row["problem"] or row["_summary"],
    }
    if all(row["evidence"]["passed"] is None for row in rows):
        del columns["evidence"]
    output.print_rows(rows, columns, as_json=as_json)


def history(
    model: options.Model, *, target: options.Target, as_json: options.AsJson = False
) -> None:
    """Show who moved a model's labels and changed its rollouts, when and why, newest first.

    SSM keeps the newest 100 changes. Moves with other tools are not included; CloudTrail has them.

    Example: model-config history support_chat --environment prod
    """
    from model_config.operate.record import events, read_history

    with target.open() as aws:
        changes = events(read_history(aws.ssm, aws.path, model))
    if not changes and not as_json:
        typer.echo(f"No label of {model} in {target.environment} has a recorded move.")
    rows = [
        {
            "at": event.written.at,
            "by": event.written.by,
            "what": event.what,
            "reason": event.reason,
            "version": event.written.version,
        }
        for event in changes
    ]
    columns: output.Columns = {"when (UTC)": "at", "by": _by, "what": "what", "reason": "reason"}
    output.print_rows(rows, columns, as_json=as_json)


VERBS = (releases, history)


def _row(
    release: PastRelease, before: PastRelease | None, held: Sequence[str], interrupted: str | None
) -> dict[str, Any]:
    from model_config.plan.evidence import verdict

    labels = sorted(release.labels)
    summary = "the first release" if release.number == 1 else ""
    changed = None  # there is no release to compare with
    if before and before.content and release.content:
        changed = changes(before.content, release.content)
        summary = ", ".join(map(str, changed)) or "the same values"
    return {
        "release": release.number,
        "at": release.at,
        "by": release.by,
        "digest": release.digest,
        "schema": release.content.schema if release.content else None,
        "labels": labels,
        "held": [label for label in labels if label in held and label != interrupted],
        "interrupted": [label for label in labels if label == interrupted],
        "changes": changed
        and [
            {"path": change.path, "change": change.change, "secret": change.secret}
            for change in changed
        ],
        "problem": release.problem,
        "evidence": verdict(project_or_none(), release.digest)._asdict(),
        "_summary": summary,
    }


def _by(row: output.Row) -> str:
    return who(row["by"])


def _labels(row: output.Row) -> list[str]:
    marks = output.label_marks(row["held"], row["interrupted"])
    return [f"{label}{marks.get(label, '')}" for label in row["labels"]]
