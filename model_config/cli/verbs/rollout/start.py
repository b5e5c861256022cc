"""`model-config rollout start`: start a rollout."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli import moving
from model_config.cli.options import AsJson, Environment, Local, Model, Prefix, Reason, Regions
from model_config.cli.output import print_json
from model_config.cli.rollout_report import print_plan, status_as_json
from model_config.cli.rollouts import change_in_all, rollouts_by_region, statuses
from model_config.cli.schema_check import schema_checks
from model_config.operate.rollouts.plan import RolloutPlan
from model_config.operate.rollouts.times import duration_of, percents_of, time_of


def start(  # noqa: PLR0913 - a verb's options
    model: Model,
    *,
    release: Annotated[
        int | None, typer.Option(help="The number of the candidate. Default: the newest release.")
    ] = None,
    steps: Annotated[str, typer.Option(help="The shares in percent, in order.")] = "5,25,50,100",
    every: Annotated[
        str, typer.Option(help="The time from one step to the next: 90s, 30m, 2h, 1d.")
    ] = "30m",
    at: Annotated[
        str | None,
        typer.Option(help="When to start, such as 2026-12-01T10:00:00Z. Default: now."),
    ] = None,
    bake: Annotated[
        str | None,
        typer.Option(help="The time between the last step and the finish. Default: --every."),
    ] = None,
    watched: Annotated[
        bool,
        typer.Option("--watched", help="Take only the first step; `rollout watch` takes the rest."),
    ] = False,
    label: Annotated[str, typer.Option(help="The label whose readers take part.")] = "stable",
    poll_seconds: Annotated[
        int, typer.Option(help="How often readers check the rollout, in seconds.")
    ] = 30,
    reason: Reason = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also for a held label, or to replace another rollout."),
    ] = False,
    environment: Environment = "dev",
    region: Regions = None,
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Give a release to a share of a label's readers, and raise the share step by step.

    The candidate is verified first, as `promote` does. No service has to run: each reader computes
    the share from the times of the steps. At the end, `rollout finish` moves the label.

    Example: model-config rollout start support_chat --release 8 --steps 5,25,50,100 --every 30m
    """
    from model_config.operate.rollouts.rollouts import utc_now
    from model_config.operate.rollouts.start import NewRollout

    pause_between = duration_of(every)
    plan = RolloutPlan(
        percents=percents_of(steps),
        every=pause_between,
        bake=duration_of(bake) if bake else pause_between,
        watched=watched,
        reason=reason,
    )
    now = utc_now()
    new = NewRollout(label, plan, time_of(at, now) if at else now, poll_seconds)
    check = schema_checks()(model)
    with rollouts_by_region(environment, prefix, local=local, regions=region) as by_region:
        changes = change_in_all(
            by_region,
            lambda rollouts: rollouts.start(model, new, release=release, check=check, force=force),
        )
        for one, change in changes:
            if rollout := change.document.rollout:
                where = one.target.where(model)
                moving.warn_of_variables(where, change.releases, rollout.before, rollout.release)
        found = statuses(by_region, model)
    if as_json:
        print_json([status_as_json(each) for each in found])
        return
    for each in found:
        print_plan(each)
