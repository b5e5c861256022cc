"""`model-config status`: show the state of every model in every environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_config.cli import options, output
from model_config.cli.context import project_or_none
from model_config.format.errors import ModelConfigError, UsageError
from model_config.operate.rollout_plan import phase

if TYPE_CHECKING:
    from model_config.operate.environment import Environment
    from model_config.operate.status import EnvironmentStatus, ModelStatus

PANEL = options.Panel.OPERATE


def status(
    *,
    commits: Annotated[bool, "Look in git for the commit of each newest release."] = False,
    target: options.Targets,
    as_json: options.AsJson = False,
) -> None:
    """Show the state of each model: its newest release, labels, rollout, last deploy and drift.

    The key and the policies are not compared: `model-config drift` does that.

    Example: model-config status -e dev -e prod
    """
    from model_config.comparing.commit_search import find_each

    with target.open() as places:
        states = [_read(place) for place in places]
    commit_of = dict[str | None, str]()
    if commits:
        project = project_or_none()
        if project is None:
            raise UsageError(
                "--commits searches the project's repository, and there is no project here"
            )
        digests = {model.digest for state in states for model in state.models if model.digest}
        matches = find_each(project, digests, output.with_progress)
        commit_of = {digest: match.commit for digest, match in matches.items()}
    rows = [
        {
            "environment": state.environment,
            "models": [_row(model, commit_of) for model in state.models],
            "other_projects": state.other_projects,
            "findings": state.drift.findings if state.drift else None,
            "problems": state.problems,
        }
        for state in states
    ]
    if as_json:
        output.print_json(rows)
    else:
        _print(rows, with_commits=bool(commit_of))
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


def _row(model: ModelStatus, commit_of: Mapping[str | None, str]) -> dict[str, Any]:
    releases, rollout, now = model.releases, model.rollout, datetime.now(UTC)
    newest = releases.newest if releases else None
    return {
        "model": model.model,
        "newest": newest
        and {
            "release": newest.number,
            "at": newest.at,
            "by": newest.by,
            "digest": newest.digest,
            "commit": commit_of.get(newest.digest),
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


def _print(rows: list[dict[str, Any]], *, with_commits: bool) -> None:
    columns: dict[str, Any] = {
        "environment": "environment",
        "model": "model",
        "release": lambda row: (row["newest"] or row["none"])["release"],
        "labels": _labels,
        "rollout": _rollout,
        "deployed (UTC)": lambda row: row["newest"] and row["newest"]["at"],
        "commit": lambda row: ((row["newest"] and row["newest"]["commit"]) or "")[:9],
        "drift": _drift,
    }
    if not with_commits:
        del columns["commit"]
    models = [
        {"none": {"release": "unknown" if row["problems"] else "none"}, **row, **model}
        for row in rows
        for model in row["models"]
    ]
    output.print_rows(models, columns, as_json=False)
    for row in rows:
        for model in row["models"]:
            for notice in model["notices"]:
                typer.echo(f"{row['environment']}: {model['model']}: {notice}.")
        if row["other_projects"]:
            others = ", ".join(row["other_projects"])
            typer.echo(f"{row['environment']}: not in this stack's plan: {others}.")


def _labels(row: output.Row) -> list[str]:
    marks = output.label_marks(row["held"], [row["interrupted"]])
    return [f"{label} {on}{marks.get(label, '')}" for label, on in row["labels"].items()]


def _rollout(row: output.Row) -> str:
    if not (rollout := row["rollout"]):
        return ""
    share = f"{rollout['percent']:g} % of {rollout['label']}"
    return f"release {rollout['release']}: {share}, {rollout['phase']}"


def _drift(row: output.Row) -> str:
    if row["problem"] or row["drift"] is None:
        return "unreadable" if row["problem"] else "unknown"
    return ", ".join(f"{count} {state}" for state, count in sorted(row["drift"].items())) or "none"
