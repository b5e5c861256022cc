"""`model-config status` and `lifecycle`: every model in every environment, and what retires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_config.cli import context, options, output
from model_config.format import errors, text
from model_config.operate.rollout_plan import phase

if TYPE_CHECKING:
    from model_config.operate.environment import Environment
    from model_config.operate.status import EnvironmentStatus, ModelStatus
    from model_config.plan.lifecycle import Retirements
    from model_config.plan.project import Project

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
    from model_config.comparing.search import find_each

    with target.open() as places:
        states = [_read(place) for place in places]
    commit_of = dict[str | None, str]()
    if commits:
        project = context.project_or_none()
        if project is None:
            raise errors.UsageError(
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
            "findings": state.drift and [it._asdict() for it in state.drift.findings],
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

    project, program, problems = context.project_or_none(), None, []
    try:
        program = valid_plan(project, environment.stack) if project else None
    except errors.ModelConfigError as error:
        problems.append(str(error))
    try:
        with environment.hold():
            view = environment.ssm.view(output.with_progress)
            state = read_status(view, environment.path, program)
    except errors.ModelConfigError as error:
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


def lifecycle(
    *,
    within: Annotated[
        str | None, "Only models that retire within this time, such as 90d. Default: all."
    ] = None,
    exit_code: Annotated[bool, "Exit with 1 if a release names such a model."] = False,
    github: Annotated[bool, "Print annotations for GitHub Actions."] = False,
    target: options.Targets,
    as_json: options.AsJson = False,
) -> None:
    """Show which promoted releases name a model that its provider retires, and when.

    Bedrock is asked itself, in each environment's region. What other providers retire stands in the
    project's lifecycle.yaml. Without credentials, the project's models are compared with that file
    alone.

    Example: model-config lifecycle --within 90d --environment prod
    """
    from model_config.plan.lifecycle import read_lifecycle, retiring

    project, notes = context.project_or_none(), list[str]()
    from_file = read_lifecycle(project) if project else {}
    if not from_file:
        notes.append("lifecycle.yaml names no model, so only Bedrock's are known")
    latest = options.duration(within) if within else None
    rows = list[output.Row]()
    with target.open() as places:
        for place in places:
            with place.hold():
                released, retirements = _promoted(place, project, notes)
            for row, config in released:
                for path, name, it in retiring(config, retirements | from_file, latest):
                    where = {**row, "path": path, "names": name}
                    when = {"retires": str(it.on) if it.on else None, "source": it.source}
                    rows.append(where | when | {"instead": it.instead, "_text": it.text})
    if as_json:
        shown = [{key: row[key] for key in row if not key.startswith("_")} for row in rows]
        output.print_json({"retiring": shown, "notes": notes})
    else:
        _print_retiring(rows, github=github)
        for note in notes:
            typer.echo(context.to_paste(text.visible(note)), err=True)
    if exit_code and rows:
        raise typer.Exit(1)


def _print_retiring(rows: list[output.Row], *, github: bool) -> None:
    columns: output.Columns = {
        "environment": "environment",
        "model": "model",
        "release": lambda row: row["release"] or "not asked",
        "labels": "labels",
        "value": lambda row: f"{row['path']}: {row['names']}",
        "when": "_text",
    }
    if not rows:
        typer.echo("No release in use names a model that is known to retire.")
    elif not github:
        output.print_rows(rows, columns, as_json=False)
    for row in rows if github else ():
        title = f"{row['model']} in {row['environment']}"
        output.annotate("warning", f"{row['path']}: {row['names']} {row['_text']}", title=title)


def _promoted(
    place: Environment, project: Project | None, notes: list[str]
) -> tuple[list[tuple[output.Row, Any]], Retirements]:
    """Return each promoted release with its values, and what Bedrock retires there."""
    from model_config.operate.services import bedrock_retirements
    from model_config.plan.hierarchy import config_of
    from model_config.plan.plan import valid_plan

    where: output.Row = {"environment": place.name, "region": place.ssm.region}
    released: list[tuple[output.Row, Any]] = []
    try:
        for model in place.models():
            for release, labels in place.releases(model, documents=False).promoted():
                row = {**where, "model": model, "release": release.number, "labels": labels}
                if release.content:
                    released.append((row, release.content.config))
                else:
                    notes.append(f"{place.where(model)}: {release.problem}")
    except errors.CredentialsError as error:
        if project is None:
            raise
        alone = "what the project deploys is compared with lifecycle.yaml alone"
        notes.append(f"{place.name}: {alone}, since AWS can't be asked: {error}")
        where = {"environment": place.name, "region": None, "release": None, "labels": []}
        models = valid_plan(project, place.stack).models
        return [({**where, "model": it.name}, config_of(it.config)) for it in models], {}
    if place.is_local:
        notes.append(f"{place.name}: Bedrock isn't asked with --local")
        return released, {}
    try:
        return released, bedrock_retirements(place.ssm.region)
    except errors.StoreError as error:
        notes.append(f"{place.name}: lifecycle.yaml alone, since Bedrock doesn't answer: {error}")
        return released, {}
