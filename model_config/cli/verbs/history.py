"""`model-config history`: show who moved which label, when and why."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import typer

from model_config.cli.options import AsJson, Environment, Local, Model, Prefix
from model_config.cli.output import print_json, print_table, time_text
from model_config.cli.panels import Panel
from model_config.format.text import visible, who

if TYPE_CHECKING:
    from model_config.operate.rollouts.history import Event

PANEL = Panel.RELEASE


def history(
    model: Model,
    *,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Show who moved a model's labels and changed its rollouts, when and why, newest first.

    SSM keeps the newest 100 changes. Moves with other tools are not included; CloudTrail has them.

    Example: model-config history support_chat --environment prod
    """
    from model_config.cli.target import target
    from model_config.operate.rollouts.history import events, read_history

    with target(environment, prefix, local=local) as aws:
        found = events(read_history(aws.labels.store, aws.path, model))
    if as_json:
        print_json([_as_json(each) for each in found])
    elif found:
        print_table(
            ["when (UTC)", "by", "what", "reason"],
            [
                (
                    time_text(each.written.at),
                    who(each.written.by),
                    each.what,
                    visible(each.reason or ""),
                )
                for each in found
            ],
            wrap=True,
        )
    else:
        typer.echo(f"No label of {model} in {environment} has a recorded move.")


def _as_json(event: Event) -> dict[str, Any]:
    return {
        "at": event.written.at.astimezone(UTC).isoformat(),
        "by": event.written.by,
        "what": event.what,
        "reason": event.reason,
        "version": event.written.version,
    }
