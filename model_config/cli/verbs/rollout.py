"""`model-config rollout`: give a release to a share of a label's readers first."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from model_config.cli import moving, options, output
from model_config.cli.context import to_paste
from model_config.cli.moving import schema_check
from model_config.cli.rollouts import (
    change_in_all,
    duration_of,
    finish_due,
    percents_of,
    print_statuses,
    statuses,
    time_of,
)
from model_config.cli.verbs.evidence import Requirement
from model_config.format.errors import UsageError
from model_config.operate import rollout_plan
from model_config.operate.rollout_plan import RolloutPlan

PANEL = options.Panel.RELEASE

app = typer.Typer(
    help="Give a release to a share of a label's readers first.", no_args_is_help=True
)


@app.command()
def start(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    *,
    release: Annotated[
        int | None, typer.Option(help="The number of the candidate. Default: the newest release.")
    ] = None,
    steps: Annotated[str, typer.Option(help="The shares in percent, in order.")] = "5,25,50,100",
    every: Annotated[
        str,
        typer.Option(
            help="The time from one step to the next, and from the last one to the finish: 90s, "
            "30m, 2h, 1d."
        ),
    ] = "30m",
    at: Annotated[
        str | None,
        typer.Option(help="When to start, such as 2026-12-01T10:00:00Z. Default: now."),
    ] = None,
    label: Annotated[str, typer.Option(help="The label whose readers take part.")] = "stable",
    evidence: Requirement,
    reason: options.Reason = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also for a held label, or to replace another rollout."),
    ] = False,
    target: options.TargetInRegions,
    as_json: options.AsJson = False,
) -> None:
    """Give a release to a share of a label's readers, and raise the share step by step.

    The candidate is verified first, as `promote` does. No service has to run: each reader computes
    the share from the times of the steps. At the end, `rollout finish` moves the label.

    Example: model-config rollout start support_chat --release 8 --steps 5,25,50,100 --every 30m
    """
    from model_config.operate import rollouts

    now = rollout_plan.utc_now()
    plan = RolloutPlan(percents_of(steps), duration_of(every), reason=reason)
    new = rollouts.NewRollout(label, plan, time_of(at, now) if at else now)
    moving.refuse_environment(label)
    check = moving.all_of(schema_check(model), evidence.check(target.environment))
    with target.open() as places:
        new, missing = rollouts.same_elsewhere(places, model, new, release)
        changes = change_in_all(
            missing,
            lambda place: rollouts.start(
                place, model, new, release=release, check=check, force=force
            ),
        )
        for change in changes:
            if rollout := change.document.rollout:
                moving.warn_of_variables(
                    change.where, change.releases, rollout.before, rollout.release
                )
        rows = statuses(places, model)
    if as_json:
        print_statuses(rows, as_json=True)
        return
    for row in rows:
        _print_plan(row)


def _print_plan(row: output.Row) -> None:
    typer.echo(
        f"{row['_where']}: release {row['release']} is rolled out to the readers of "
        f"{row['label']}, who have release {row['from']}."
    )
    steps = [
        (f"{output.time_text(step['at'])} UTC", f"{step['percent']:g} %") for step in row["steps"]
    ]
    output.print_table(["from", "share"], steps)
    typer.echo(f"It is due to be finished at {output.time_text(row['due'])} UTC.")
    typer.echo(to_paste(f"Stop it with: {row['_stop']}"))


@app.command()
def status(
    model: options.AnyModel = None,
    *,
    target: options.TargetInRegions,
    as_json: options.AsJson = False,
) -> None:
    """Show a rollout's progress: its share, its next step, who started it and why.

    Example: model-config rollout status --environment prod
    """
    with target.open() as places:
        rows = statuses(places, model)
    if rows or as_json:
        print_statuses(rows, as_json=as_json)
    else:
        typer.echo(
            f"No rollout{f' of {model}' if model else ''} is under way in {target.environment}."
        )


@app.command()
def pause(
    model: options.Model,
    *,
    target: options.TargetInRegions,
) -> None:
    """Freeze the share until the rollout is resumed.

    Example: model-config rollout pause support_chat --environment prod
    """
    from model_config.operate.rollouts import change

    with target.open() as places:
        change_in_all(places, lambda place: change(place, model, rollout_plan.paused))
        print_statuses(statuses(places, model))


@app.command()
def resume(
    model: options.Model,
    *,
    target: options.TargetInRegions,
) -> None:
    """Continue a paused rollout. The next step comes one interval from now.

    Example: model-config rollout resume support_chat --environment prod
    """
    from model_config.operate.rollouts import change

    with target.open() as places:
        change_in_all(places, lambda place: change(place, model, rollout_plan.resumed))
        print_statuses(statuses(places, model))


@app.command()
def finish(
    model: options.AnyModel = None,
    *,
    when_due: Annotated[
        bool,
        typer.Option(
            "--when-due", help="Only if all steps are taken and one more interval has passed."
        ),
    ] = False,
    reason: options.Reason = None,
    target: options.TargetInRegions,
) -> None:
    """Move the label to the candidate, which ends the rollout: all readers get that release.

    With --when-due and without a model, it finishes all rollouts that are due, for a scheduled job.
    It leaves held labels alone. If one rollout can't be finished, it finishes the others, and exits
    with 1.

    Example: model-config rollout finish support_chat --environment prod
    """
    if model is None and not when_due:
        raise UsageError("name the model, or finish all rollouts that are due with --when-due")
    from model_config.operate import rollouts

    with target.open() as places:
        if when_due:
            if not finish_due(places, model, reason):
                raise typer.Exit(1)
            return
        check = schema_check(str(model))
        moving.make_all(
            moving.verified(
                ((place, str(model)) for place in places),
                lambda place, name: rollouts.finish(place, name, check=check, reason=reason),
            )
        )


@app.command()
def abort(
    model: options.Model,
    *,
    reason: options.Reason = None,
    target: options.TargetInRegions,
) -> None:
    """End a rollout: all readers get the label's release again. The label doesn't move.

    It also replaces an invalid rollout document.

    Example: model-config rollout abort support_chat --environment prod
    """
    from model_config.operate import rollouts

    with target.open() as places:
        changes = change_in_all(places, partial(rollouts.abort, model=model, reason=reason))
    for change in changes:
        rollout = change.stored.document.rollout
        if rollout is None:
            typer.echo(f"{change.where}: the invalid document is replaced.")
        else:
            typer.echo(
                f"{change.where}: the rollout of release {rollout.release} is aborted. Readers of "
                f"{rollout.label} get release {rollout.before} again within their time to live, 30 "
                "seconds by default."
            )
