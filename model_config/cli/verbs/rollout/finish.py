"""`model-config rollout finish`: move the label to the candidate."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli import moving
from model_config.cli.options import AnyModel, Environment, Local, Prefix, Reason, Regions
from model_config.cli.rollouts import models_with_rollouts, rollouts_by_region
from model_config.cli.schema_check import schema_checks
from model_config.format.errors import UsageError


def finish(  # noqa: PLR0913 - a verb's options
    model: AnyModel = None,
    *,
    when_due: Annotated[
        bool,
        typer.Option("--when-due", help="Only if all steps are taken and the bake time is over."),
    ] = False,
    reason: Reason = None,
    environment: Environment = "dev",
    region: Regions = None,
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Move the label to the candidate, which ends the rollout: all readers get that release.

    With --when-due and without a model, it finishes all rollouts that are due, for a scheduled job.

    Example: model-config rollout finish support_chat --environment prod
    """
    if model is None and not when_due:
        raise UsageError("name the model, or finish all rollouts that are due with --when-due")
    from model_config.operate.rollouts.rollouts import Rollouts

    with rollouts_by_region(environment, prefix, local=local, regions=region) as by_region:
        chosen = [
            (one, name)
            for one in by_region
            for name in ([model] if model else models_with_rollouts(one.target))
            if not when_due or one.rollouts.due(name)
        ]
        if not chosen:
            typer.echo(f"No rollout in {environment} is due to be finished.")
        check_of = schema_checks()
        planned = moving.verified(
            ((one.target, name) for one, name in chosen),
            lambda labels, name: Rollouts(labels).finish(name, check=check_of(name), reason=reason),
        )
        moving.make(planned)
