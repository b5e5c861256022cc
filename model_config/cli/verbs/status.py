"""`model-config status`: show the state of every model in every environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_config.cli import options, output
from model_config.cli.context import project_or_none
from model_config.format.errors import ModelConfigError, UsageError
from model_config.operate.rollout_plan import phase

if TYPE_CHECKING:
    from model_config.comparing.commit_search import Match
    from model_config.operate.environment import Environment
    from model_config.operate.status import EnvironmentStatus, ModelStatus

PANEL = options.Panel.OPERATE


def status(
    *,
    environments: options.Environments = None,
    commits: Annotated[bool, "Look in git for the commit of each newest release."] = False,
    prefix: options.Prefix = None,
    local: options.Local = False,
    as_json: options.AsJson = False,
) -> None:
    """Show the state of each model: its newest release, labels, rollout, last deploy and drift.

    The key and the policies are not compared: `model-config drift` does that.

    Example: model-config status -e dev -e prod
    """
    from model_config.cli.target import environments as chosen_environments

    with chosen_environments(environments, prefix, local=local) as chosen:
        states = [_read(place) for place in chosen]
    origins = _origins(states) if commits else {}
    rows = [
        {
            "environment": state.environment,
            "models": [_model_row(model, origins) for model in state.models],
            "other_projects": state.other_projects,
            "findings": state.drift.findings if state.drift else None,
            "problems": state.problems,
        }
        for state in states
    ]
    if as_json:
        output.print_json(rows)
    else:
        _print(rows, with_commits=bool(origins))
    for state in states:
        for problem in state.problems:
            typer.echo(f"{state.environment}: {problem}", err=True)
    if any(state.problems for state in states):
        raise typer.Exit(2)


def _read(environment: Environment) -> EnvironmentStatus:
    from model_config.operate.status import read_status, unread_status
    from model_config.plan.plan import valid_plan

    project, program, problems = project_or_none(), None, []
    try:
        program = valid_plan(project, environment.stack) if project else None
    except ModelConfigError as error:
        problems.append(str(error))
    try:
        with environment.hold():
            view = environment.ssm.view(output.with_progress)
            state = read_status(view, environment.path, program)
    except ModelConfigError as error:
        state = unread_status(environment.name, program, str(error))
    return replace(state, problems=(*problems, *state.problems))


def _origins(states: Sequence[EnvironmentStatus]) -> Mapping[str, Match]:
    from model_config.comparing.commit_search import find_each

    project = project_or_none()
    if project is None:
        raise UsageError(
            "--commits searches the project's repository, and there is no project here"
        )
    digests = {model.digest for state in states for model in state.models if model.digest}
    return find_each(project, digests, output.with_progress)


def _model_row(model: ModelStatus, origins: Mapping[str, Match]) -> dict[str, Any]:
    releases, rollout, now = model.releases, model.rollout, datetime.now(UTC)
    commit = origins.get(model.digest or "")
    newest = releases.newest if releases else None
    return {
        "model": model.model,
        "newest": newest
        and {
            "release": newest.number,
            "at": newest.at,
            "by": newest.by,
            "digest": newest.digest,
            "commit": commit.commit if commit else None,
            "problem": newest.problem,
        },
        "labels": releases.labels if releases else {},
        "held": [it for it in releases.held if it != model.interrupted] if releases else [],
        "interrupted": model.interrupted,
        "rollout": rollout
        and {
            "label": rollout.label,
            "release": rollout.release,
            "from": rollout.before,
            "percent": rollout.percent(now),
            "phase": phase(rollout, now),
        },
        "drift": model.drift,
        "problem": model.problem,
        "notices": model.notices,
    }


def _print(rows: Sequence[output.Row], *, with_commits: bool) -> None:
    columns = ["environment", "model", "release", "labels", "rollout", "deployed (UTC)"]
    columns += ["commit"] if with_commits else []
    cells = [
        _cells(row, model, with_commits=with_commits) for row in rows for model in row["models"]
    ]
    output.print_table([*columns, "drift"], cells, wrap=True)
    for row in rows:
        for model in row["models"]:
            for notice in model["notices"]:
                typer.echo(f"{row['environment']}: {model['model']}: {notice}.")
        if row["other_projects"]:
            others = ", ".join(row["other_projects"])
            typer.echo(f"{row['environment']}: not in this stack's plan: {others}.")


def _cells(row: output.Row, model: output.Row, *, with_commits: bool) -> list[str]:
    newest, rollout = model["newest"], model["rollout"]
    marks = dict.fromkeys(model["held"], " (held)")
    marks[model["interrupted"]] = " (promotion interrupted)"
    labels = [f"{label} {on}{marks.get(label, '')}" for label, on in model["labels"].items()]
    share = ""
    if rollout:
        percent = f"{rollout['percent']:g} % of {rollout['label']}"
        share = f"release {rollout['release']}: {percent}, {rollout['phase']}"
    drift = [f"{count} {state}" for state, count in sorted((model["drift"] or {}).items())]
    no_drift = "unknown" if model["drift"] is None else "none"
    return [
        row["environment"],
        model["model"],
        str(newest["release"]) if newest else "unknown" if row["problems"] else "none",
        ", ".join(labels),
        share,
        output.time_text(newest["at"]) if newest else "",
        *([((newest and newest["commit"]) or "")[:9]] if with_commits else []),
        "unreadable" if model["problem"] else ", ".join(drift) or no_drift,
    ]
