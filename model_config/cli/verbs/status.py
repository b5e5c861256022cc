"""`model-config status`: show the state of every model in every environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_config.cli.options import AsJson, Environments, Local, Prefix
from model_config.cli.output import print_json, print_table, time_text, with_progress
from model_config.cli.panels import Panel
from model_config.cli.project import project_or_none
from model_config.format.errors import ModelConfigError, UsageError
from model_config.format.text import plural
from model_config.operate.rollouts.plan import phase

if TYPE_CHECKING:
    from model_config.comparing.commit_search import Match
    from model_config.operate.environment import Environment
    from model_config.operate.status import EnvironmentStatus, ModelStatus

PANEL = Panel.OPERATE


def status(
    *,
    environments: Environments = None,
    commits: Annotated[
        bool,
        typer.Option("--commits", help="Look in git for the commit of each newest release."),
    ] = False,
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Show the state of each model: its newest release, labels, rollout, last deploy and drift.

    To be fast, it reads only values that were written after the newest release, and neither the key
    nor the policies. `model-config drift` reads everything.

    Example: model-config status -e dev -e prod
    """
    from model_config.cli.environments import environments as chosen_environments

    with chosen_environments(environments, prefix, local=local) as chosen:
        found = [_read(each) for each in chosen]
    origins = _origins(found) if commits else {}
    if as_json:
        print_json([_as_json(each, origins) for each in found])
    else:
        _print(found, origins)
    problems = [(each.environment, problem) for each in found for problem in each.problems]
    for environment, problem in problems:
        typer.echo(f"{environment}: {problem}", err=True)
    if problems:
        raise typer.Exit(2)


def _read(environment: Environment) -> EnvironmentStatus:
    from model_config.operate.status import read_status, unread_status
    from model_config.plan.offline import valid_plan

    project, program, problems = project_or_none(), None, []
    try:
        program = valid_plan(project, environment.stack) if project else None
    except ModelConfigError as error:
        problems.append(str(error))
    try:
        with environment.hold():
            inventory = environment.inventory(with_progress)
            found = read_status(inventory, environment.target.path, program)
    except ModelConfigError as error:
        found = unread_status(environment.target.environment, program, str(error))
    return replace(found, problems=(*problems, *found.problems))


def _origins(found: Sequence[EnvironmentStatus]) -> Mapping[str, Match]:
    """Return the commits of the newest releases' digests, as far as git has them."""
    from model_config.comparing.commit_search import find_each

    project = project_or_none()
    if project is None:
        raise UsageError(
            "--commits searches the project's repository, and there is no project here"
        )
    models = [model for each in found for model in each.models]
    digests = {model.digest for model in models if model.digest}
    return find_each(project, digests, with_progress)


def _print(found: Sequence[EnvironmentStatus], origins: Mapping[str, Match]) -> None:
    columns = ["environment", "model", "release", "labels", "rollout", "deployed (UTC)"]
    columns += ["commit"] if origins else []
    rows = [_cells(each, model, origins) for each in found for model in each.models]
    print_table([*columns, "drift"], rows, wrap=True)
    for each in found:
        if each.other_projects:
            others = ", ".join(each.other_projects)
            typer.echo(f"{each.environment}: models of other projects: {others}.")
        if each.drift and each.drift.not_read:
            count = plural(each.drift.not_read, "value")
            typer.echo(
                f"{each.environment}: {count} written before the newest release "
                f"{'was' if each.drift.not_read == 1 else 'were'} not read. "
                "`model-config drift` reads them."
            )


def _cells(
    environment: EnvironmentStatus, model: ModelStatus, origins: Mapping[str, Match]
) -> list[str]:
    newest = model.releases.newest if model.releases else None
    commit = origins.get(model.digest or "")
    return [
        environment.environment,
        model.model,
        str(newest.number) if newest else "unknown" if environment.problems else "none",
        ", ".join(_labels(model)),
        _rollout(model),
        time_text(newest.at) if newest else "",
        *([commit.commit[:9] if commit else ""] if origins else []),
        _drift(model),
    ]


def _labels(model: ModelStatus) -> list[str]:
    labels, held = (model.releases.labels, model.releases.held) if model.releases else ({}, [])
    return [f"{label} {on}{' (held)' if label in held else ''}" for label, on in labels.items()]


def _rollout(model: ModelStatus) -> str:
    rollout, now = model.rollout, datetime.now(UTC)
    if rollout is None:
        return ""
    share = f"{rollout.percent(now):g} % of {rollout.label}"
    return f"release {rollout.release}: {share}, {phase(rollout, now)}"


def _drift(model: ModelStatus) -> str:
    if model.problem:
        return "unreadable"
    if model.drift is None:
        return "unknown"
    return ", ".join(f"{count} {state}" for state, count in sorted(model.drift.items())) or "none"


def _as_json(found: EnvironmentStatus, origins: Mapping[str, Match]) -> dict[str, Any]:
    drift = found.drift
    return {
        "environment": found.environment,
        "models": [_model_as_json(each, origins) for each in found.models],
        "other_projects": list(found.other_projects),
        "not_read": drift.not_read if drift else None,
        "findings": [asdict(each) for each in drift.findings] if drift else None,
        "problems": list(found.problems),
    }


def _model_as_json(model: ModelStatus, origins: Mapping[str, Match]) -> dict[str, Any]:
    releases, commit = model.releases, origins.get(model.digest or "")
    newest = releases.newest if releases else None
    return {
        "model": model.model,
        "newest": newest
        and {
            "release": newest.number,
            "at": newest.at.astimezone(UTC).isoformat(),
            "by": newest.by,
            "digest": newest.digest,
            "commit": commit.commit if commit else None,
            "problem": newest.problem,
        },
        "labels": releases.labels if releases else {},
        "held": releases.held if releases else [],
        "rollout": _rollout_as_json(model),
        "drift": model.drift,
        "problem": model.problem,
    }


def _rollout_as_json(model: ModelStatus) -> dict[str, Any] | None:
    rollout, now = model.rollout, datetime.now(UTC)
    if rollout is None:
        return None
    return {
        "label": rollout.label,
        "release": rollout.release,
        "from": rollout.before,
        "percent": rollout.percent(now),
        "phase": phase(rollout, now),
    }
