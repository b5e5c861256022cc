"""`model-config rollout`: give a release to a share of a label's readers first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_config.cli import context, options, output
from model_config.format.errors import ModelConfigError, StoreError, UsageError
from model_config.format.names import model_path, rollout_name
from model_config.format.text import who
from model_config.operate import rollout_plan

if TYPE_CHECKING:
    from model_config.operate.environment import Environment
    from model_config.operate.rollouts import RolloutChange

PANEL = options.Panel.RELEASE
GROUP = "Give a release to a share of a label's readers first."


def start(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    *,
    release: Annotated[
        int | None, "The number of the candidate. Default: the newest release."
    ] = None,
    steps: Annotated[
        str, "The shares in percent, in order; the first may be 0, for units alone."
    ] = "5,25,50,100",
    every: Annotated[
        str,
        "The time from one step to the next, and from the last one to the finish: 90s, "
        "30m, 2h, 1d.",
    ] = "30m",
    at: Annotated[str | None, "When to start, such as 2026-12-01T10:00:00Z. Default: now."] = None,
    unit: Annotated[
        list[str] | None,
        "A unit, such as a tester's, that gets the candidate from the first step on; may "
        "be repeated. Everyone who may read the model reads it: no name or address of a person.",
    ] = None,
    label: Annotated[str, "The label whose readers take part.", options.complete_label] = "stable",
    evidence: options.Requirement,
    reason: options.Reason = None,
    force: Annotated[bool, "Also for a held label, or to replace another rollout."] = False,
    target: options.TargetInRegions,
    as_json: options.AsJson = False,
) -> None:
    """Give a release to a share of a label's readers, and raise the share step by step.

    The candidate is verified first, as `promote` does. No service has to run: each reader computes
    the share from the times of the steps. At the end, `rollout finish` moves the label.

    Example: model-config rollout start support_chat --release 8 --steps 5,25,50,100 --every 30m

    Example: model-config rollout start support_chat --steps 0 --unit qa-1
    """
    from model_config.cli import moving
    from model_config.operate import rollouts

    now = rollout_plan.utc_now()
    begin = _time_of(at, now) if at else now
    new = rollouts.NewRollout(
        label, options.plan_of(steps, every, reason), begin, tuple(unit or ())
    )
    moving.refuse_environment(label)
    check = moving.check_of(model, then=moving.evidence_check(evidence, target.environment))
    with target.open() as places:
        new, missing = rollouts.same_elsewhere(places, model, new, release)
        prepare = partial(
            rollouts.start, model=model, new=new, release=release, check=check, force=force
        )
        for change in _change_in_all(missing, prepare):
            if rollout := change.document.rollout:
                releases = change.state.releases
                moving.warn_of_variables(change.where, releases, rollout.before, rollout.release)
        rows = _statuses(places, model)
    if as_json:
        _print_statuses(rows, as_json=True)
    for row in rows if not as_json else ():
        typer.echo(
            f"{row['_where']}: release {row['release']} is rolled out to the readers of "
            f"{row['label']}, who have release {row['from']}."
        )
        shares = [(f"{output.time_text(it.at)} UTC", f"{it.percent:g} %") for it in row["steps"]]
        output.print_table(["from", "share"], shares)
        if row["units"]:
            typer.echo(f"These units get it whatever the share: {', '.join(row['units'])}.")
        if row["due"]:
            typer.echo(f"It is due to be finished at {output.time_text(row['due'])} UTC.")
        typer.echo(context.to_paste(f"Stop it with: {row['_stop']}"))


def _time_of(text: str, now: datetime) -> datetime:
    at = None
    with suppress(ValueError):
        at = datetime.fromisoformat(text)
    if at is None or at.tzinfo is None:
        raise UsageError(
            f'{text!r} is not a time with a time zone: write it as "2026-12-01T10:00:00Z" or '
            '"2026-12-01T11:00:00+01:00"'
        )
    if at < now - timedelta(minutes=1):  # to allow for clocks and typing
        raise UsageError(f"{text} is in the past: omit --at to start now")
    if at > now + options.LONGEST:
        raise UsageError(f"{text} is more than {options.LONGEST.days} days from now")
    return max(at, now).astimezone(UTC)


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
        rows = _statuses(places, model)
    if rows or as_json:
        _print_statuses(rows, as_json=as_json)
    else:
        of_model = f" of {model}" if model else ""
        typer.echo(f"No rollout{of_model} is under way in {target.environment}.")


def unit(
    model: options.Model,
    name: Annotated[str, "The unit, as applications give it.", "UNIT"],
    *,
    release: Annotated[
        int | None, "The candidate (the default), or the release that the label is on."
    ] = None,
    remove: Annotated[bool, "Give it what its share gives it again."] = False,
    target: options.TargetInRegions,
) -> None:
    """Give one unit, such as a tester's, a certain release of a rollout, whatever its share.

    Everyone who may read the model reads the unit: no name or address of a person belongs in it.

    Example: model-config rollout unit support_chat qa-1
    """
    from model_config.operate.rollouts import with_unit

    if remove and release is not None:
        raise UsageError("--release gives the unit a release, and --remove takes it away: name one")
    _change(target, model, lambda rollout, _: with_unit(rollout, name, release, remove=remove))


def pause(model: options.Model, *, target: options.TargetInRegions) -> None:
    """Freeze the share until the rollout is resumed.

    Example: model-config rollout pause support_chat --environment prod
    """
    _change(target, model, rollout_plan.paused)


def resume(model: options.Model, *, target: options.TargetInRegions) -> None:
    """Continue a paused rollout. The next step comes one interval from now.

    Example: model-config rollout resume support_chat --environment prod
    """
    _change(target, model, rollout_plan.resumed)


def finish(
    model: options.AnyModel = None,
    *,
    when_due: Annotated[
        bool, "Only if all steps are taken and one more interval has passed."
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
    from model_config.cli import moving
    from model_config.operate import rollouts

    if when_due or model is None:
        _finish_due(target, model, reason)
    else:
        prepare = partial(rollouts.finish, check=moving.check_of(model), reason=reason)
        moving.move_labels(target, lambda _: [model], prepare)


def abort(
    model: options.Model, *, reason: options.Reason = None, target: options.TargetInRegions
) -> None:
    """End a rollout: all readers get the label's release again. The label doesn't move.

    It also replaces an invalid rollout document.

    Example: model-config rollout abort support_chat --environment prod
    """
    from model_config.operate import rollouts

    with target.open() as places:
        changes = _change_in_all(places, partial(rollouts.abort, model=model, reason=reason))
    for change in changes:
        rollout = change.state.document.rollout
        done = "the invalid document is replaced."
        if rollout:
            done = (
                f"the rollout of release {rollout.release} is aborted. Readers of {rollout.label} "
                f"get release {rollout.before} again within their time to live, 30 seconds by "
                "default."
            )
        typer.echo(f"{change.where}: {done}")


def _change(target: options.TargetInRegions, model: str, changed: Callable[..., Any]) -> None:
    from model_config.operate.rollouts import change

    with target.open() as places:
        _change_in_all(places, lambda place: change(place, model, changed))
        rows = _statuses(places, model)
    _print_statuses(rows)


def _change_in_all(
    places: Sequence[Environment], prepare: Callable[[Environment], RolloutChange]
) -> list[RolloutChange]:
    """Make a change in all regions: first prepare it everywhere, then write it one by one."""
    changes = [prepare(place) for place in places]
    failed = 0
    for change in changes:
        for notice in change.notices:
            typer.echo(context.to_paste(f"{change.where}: {notice}"), err=True)
        try:
            change.write()
        except StoreError as error:
            if len(changes) == 1:
                raise
            failed += 1
            typer.echo(context.to_paste(f"{change.where}: {error}"), err=True)
    if failed:
        typer.echo(f"{failed} of {len(changes)} were not written as planned.", err=True)
        raise typer.Exit(2)
    return changes


def _models_with_rollouts(place: Environment) -> list[str]:
    """Return the models whose rollout parameter holds a rollout, or did so a version ago.

    A finish that was interrupted has taken the rollout out.
    """
    from model_config.operate.record import document_of

    models = {rollout_name(model_path(place.path, name)): name for name in place.models()}
    now = place.ssm.get(list(models))
    former = [f"{name}:{read.version - 1}" for name, read in now.items() if read.version > 1]
    both = (*now.values(), *place.ssm.get(former).values())
    return sorted({models[read.name] for read in both if document_of(read.text).rollout})


def _finish_due(target: options.TargetInRegions, model: str | None, reason: str | None) -> None:
    from model_config.cli import moving
    from model_config.operate.labels import make
    from model_config.operate.rollouts import finish_due

    made: list[moving.Made] = []
    held: list[str] = []
    with target.open() as places:
        for place in places:
            for name in [model] if model else _models_with_rollouts(place):
                try:
                    move = finish_due(place, name, moving.check_of, reason)
                    if isinstance(move, str):
                        held.append(f"{place.where(name)}: {move}.")
                    elif move:
                        made.append(make(move))
                except ModelConfigError as error:
                    made.append(f"{place.where(name)}: {error}")
    for line in held:
        typer.echo(line, err=True)
    if not made and not held:
        typer.echo(f"No rollout in {places[0].name} is due to be finished.")
    moving.tell(made, code=1)


def _statuses(places: Sequence[Environment], model: str | None) -> list[output.Row]:
    from model_config.operate import record, rollouts

    rows: list[output.Row] = []
    now = rollout_plan.utc_now()
    models = [(at, it) for at in places for it in ([model] if model else _models_with_rollouts(at))]
    for place, name in models:
        state = rollouts.current(place, name)
        rollout = state.document.rollout
        problems = [state.problem, state.left_over]
        if rollout and rollout.release < state.releases.oldest.number:
            problems.append(f"its candidate, release {rollout.release}, is not in the history")
        for problem in filter(None, problems):
            typer.echo(f"{place.where(name)}: {problem}", err=True)
        if rollout is None:
            continue
        began = record.started(record.read_history(place.ssm, place.path, name), rollout)
        plan = rollout_plan.plan_of(rollout)
        row = {
            "_where": place.where(name),
            "_stop": f"`model-config rollout abort {name}{place.region_option}`",
            "model": name,
            "environment": place.name,
            "region": place.region,
            "label": rollout.label,
            "release": rollout.release,
            "from": rollout.before,
            "phase": rollout_plan.phase(rollout, now) if state.under_way else "over",
            "percent": rollout.percent(now),
            "next": rollout_plan.next_step(rollout, now),
            "due": rollout_plan.due_at(rollout),
            "steps": rollout.steps,
            "units": dict(rollout.units),
            "percents": plan.percents,
            "started_at": began.at,
            "started_by": began.by,
            "reason": plan.reason,
        }
        rows.append(row)
    return rows


def _print_statuses(rows: Sequence[output.Row], *, as_json: bool = False) -> None:
    columns: dict[str, Any] = {
        "model": "_where",
        "label": "label",
        "release": "release",
        "from": "from",
        "share": lambda row: f"{row['percent']:g} %",
        "phase": "phase",
        "next": _next,
        "started": lambda row: f"{output.time_text(row['started_at'])} UTC",
        "by": lambda row: who(row["started_by"]),
        "reason": "reason",
    }
    if any(row["units"] for row in rows):
        columns["units"] = lambda row: [f"{unit}: {on}" for unit, on in row["units"].items()]
    output.print_rows(rows, columns, as_json=as_json)


def _next(row: output.Row) -> str:
    if row["phase"] in {"over", "paused"}:
        return ""
    if step := row["next"]:
        return f"{step.percent:g} % at {output.time_text(step.at)} UTC"
    return f"to be finished at {output.time_text(row['due'])} UTC" if row["due"] else ""
