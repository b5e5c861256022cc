"""`model-config history`: show who moved which label, when and why."""

from __future__ import annotations

import typer

from model_config.cli import options, output
from model_config.format.text import who

PANEL = options.Panel.RELEASE


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
    columns: output.Columns = {
        "when (UTC)": "at",
        "by": lambda row: who(row["by"]),
        "what": "what",
        "reason": "reason",
    }
    output.print_rows(rows, columns, as_json=as_json)
