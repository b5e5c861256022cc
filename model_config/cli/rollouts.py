"""What the verbs of `model-config rollout` share: the user's input, all regions, and the output."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from model_config.cli import output
from model_config.cli.context import to_paste
from model_config.cli.moving import print_made, schema_check
from model_config.format.errors import ModelConfigError, StoreError, UsageError
from model_config.format.names import model_path, rollout_name
from model_config.format.text import who
from model_config.operate import rollout_plan
from model_config.operate.rollout_plan import due_at, next_step, phase, plan_of

if TYPE_CHECKING:
    from model_config.operate.environment import Environment
    from model_config.operate.rollouts import RolloutChange

_DURATION = re.compile(r"(\d{1,8})\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
#: The maximum duration, far longer than any rollout.
_MOST_DAYS = 365
#: How far the first step may be in the past, in seconds, to allow for clocks and typing.
_JUST_NOW = 60


def percents_of(text: str) -> tuple[float, ...]:
    """Return the shares in a text such as "5,25,50,100".

    Raises:
        UsageError: they are not increasing numbers above 0 and at most 100.
    """
    rule = "give increasing shares in percent, such as 5,25,50,100"
    try:
        given = tuple(float(each) for each in text.split(","))
    except ValueError:
        raise UsageError(f"{text!r} is not a list of steps: {rule}") from None
    percents = tuple(int(each) if each.is_integer() else each for each in given)
    if not all(0 < each <= 100 for each in percents):  # noqa: PLR2004 - percent
        raise UsageError(f"each step must be above 0 and at most 100 percent, unlike {text!r}")
    if sorted(set(percents)) != list(percents):
        raise UsageError(f"the steps {text!r} don't increase: {rule}")
    return percents


def duration_of(text: str) -> timedelta:
    """Return the duration in a text such as "90s", "30m", "2h" or "1d".

    Raises:
        UsageError: it is not a number with a unit.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match or (seconds := int(match[1]) * _SECONDS[match[2]]) > _MOST_DAYS * _SECONDS["d"]:
        raise UsageError(
            f"{text!r} is not a duration of at most {_MOST_DAYS} days: write a number and s, m, h "
            "or d, such as 30m"
        )
    return timedelta(seconds=seconds)


def time_of(text: str, now: datetime) -> datetime:
    """Return the time in a text such as "2026-12-01T10:00:00Z".

    Raises:
        UsageError: it is not a time with a time zone, or it is in the past.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(
            f'{text!r} is not a time with a time zone: write it as "2026-12-01T10:00:00Z" or '
            '"2026-12-01T11:00:00+01:00"'
        )
    if at < now - timedelta(seconds=_JUST_NOW):
        raise UsageError(f"{text} is in the past: omit --at to start now")
    return max(at, now).astimezone(UTC)


def change_in_all(
    environments: Sequence[Environment], prepare: Callable[[Environment], RolloutChange]
) -> list[RolloutChange]:
    """Make a change in all regions: first prepare it everywhere, then write it one by one.

    Raises:
        ModelConfigError: the change can't be made in one region. Nothing was written.
        StoreError: the change could not be written in the only region.
        typer.Exit: the change could not be written in one of several regions.
    """
    from model_config.operate.rollouts import write

    changes = [prepare(environment) for environment in environments]
    failed = 0
    for change in changes:
        for notice in change.notices:
            typer.echo(to_paste(f"{change.where}: {notice}"), err=True)
        try:
            write(change)
        except StoreError as error:
            if len(changes) == 1:
                raise
            failed += 1
            typer.echo(to_paste(f"{change.where}: {error}"), err=True)
    if failed:
        typer.echo(f"{failed} of {len(changes)} were not written as planned.", err=True)
        raise typer.Exit(2)
    return changes


def models_with_rollouts(environment: Environment) -> list[str]:
    """Return the models whose rollout parameter holds a rollout, or did so a version ago.

    A finish that was interrupted has taken the rollout out.

    Raises:
        StoreError: AWS is unavailable or refuses.
    """
    from model_config.operate.record import document_of

    models = {
        rollout_name(model_path(environment.path, name)): name for name in environment.models()
    }
    now = environment.ssm.get(list(models))
    former = [f"{name}:{each.version - 1}" for name, each in now.items() if each.version > 1]
    read = (*now.values(), *environment.ssm.get(former).values())
    return sorted({models[each.name] for each in read if document_of(each.text).rollout})


def finish_due(environments: Sequence[Environment], model: str | None, reason: str | None) -> bool:
    """Finish the rollouts that are due, and return whether none failed. Held labels stay."""
    from model_config.operate.labels import make
    from model_config.operate.rollouts import due, finish, why_held

    done = failed = 0
    for environment in environments:
        for name in [model] if model else models_with_rollouts(environment):
            try:
                if (rollout := due(environment, name)) is None:
                    continue
                done += 1
                if why := why_held(environment, name, rollout.label):
                    typer.echo(f"{environment.where(name)}: {why}, and stays held.", err=True)
                    continue
                check = schema_check(name)
                move = finish(environment, name, check=check, reason=reason, is_automatic=True)
                print_made(make(move))
            except ModelConfigError as error:
                failed += 1
                typer.echo(to_paste(f"{environment.where(name)}: {error}"), err=True)
    if not done and not failed:
        typer.echo(f"No rollout in {environments[0].name} is due to be finished.")
    return not failed


def statuses(environments: Sequence[Environment], model: str | None) -> list[output.Row]:
    """Return the progress of the rollouts of a model, or of all models, in every region."""
    return [row for each in environments for row in _statuses_in(each, model)]


def _statuses_in(environment: Environment, model: str | None) -> Iterator[output.Row]:
    from model_config.operate.record import read_history, started, under_way
    from model_config.operate.rollouts import current

    now = rollout_plan.utc_now()
    for name in [model] if model else models_with_rollouts(environment):
        stored, releases = current(environment, name)
        if stored.problem:
            typer.echo(f"{environment.where(name)}: {stored.problem}", err=True)
        if (rollout := stored.document.rollout) is None:
            continue
        is_over = under_way(stored.document, releases) is None
        began = started(read_history(environment.ssm, environment.path, name), rollout)
        plan, step = plan_of(rollout), next_step(rollout, now)
        yield {
            "_where": environment.where(name),
            "_stop": f"`model-config rollout abort {name}{environment.region_option}`",
            "model": name,
            "environment": environment.name,
            "region": environment.region,
            "label": rollout.label,
            "release": rollout.release,
            "from": rollout.before,
            "phase": "over" if is_over else phase(rollout, now),
            "percent": rollout.percent(now),
            "next": {"at": step.at, "percent": step.percent} if step else None,
            "due": due_at(rollout),
            "steps": [{"at": each.at, "percent": each.percent} for each in rollout.steps],
            "percents": plan.percents,
            "started_at": began.at,
            "started_by": began.by,
            "reason": plan.reason,
        }


def print_statuses(rows: Sequence[output.Row], *, as_json: bool = False) -> None:
    """Print the progress of rollouts."""
    columns: output.Columns = {
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
    output.print_rows(rows, columns, as_json=as_json)


def _next(row: output.Row) -> str:
    if row["phase"] == "over" or row["due"] is None:  # it is paused
        return ""
    if step := row["next"]:
        return f"{step['percent']:g} % at {output.time_text(step['at'])} UTC"
    return f"to be finished at {output.time_text(row['due'])} UTC"
