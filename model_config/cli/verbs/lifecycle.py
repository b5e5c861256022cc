"""`model-config lifecycle`: which promoted releases name models that their providers retire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_config.cli import options, output
from model_config.cli.context import project_or_none, to_paste
from model_config.format.errors import CredentialsError, StoreError
from model_config.format.text import visible

if TYPE_CHECKING:
    from model_config.operate.environment import Environment
    from model_config.plan.lifecycle import Retirements
    from model_config.plan.project import Project

PANEL = options.Panel.OPERATE

COLUMNS: output.Columns = {
    "environment": "environment",
    "model": "model",
    "release": lambda row: row["release"] or "not asked",
    "labels": "labels",
    "value": lambda row: f"{row['path']}: {row['names']}",
    "when": "_text",
}


def lifecycle(  # noqa: PLR0913 - a verb's options
    *,
    within: Annotated[
        str | None, "Only models that retire within this time, such as 90d. Default: all."
    ] = None,
    exit_code: Annotated[bool, "Exit with 1 if a release names such a model."] = False,
    github: Annotated[bool, "Print annotations for GitHub Actions."] = False,
    environment: options.Environments = None,
    prefix: options.Prefix = None,
    local: options.Local = False,
    as_json: options.AsJson = False,
) -> None:
    """Show which promoted releases name a model that its provider retires, and when.

    Bedrock is asked itself, in each environment's region. What other providers retire stands in the
    project's lifecycle.yaml. Without credentials, the project's models are compared with that file
    alone.

    Example: model-config lifecycle --within 90d --environment prod
    """
    from model_config.cli.target import environments
    from model_config.plan.lifecycle import read_lifecycle, retiring

    project, notes = project_or_none(), list[str]()
    from_file = read_lifecycle(project) if project else {}
    if not from_file:
        notes.append("lifecycle.yaml names no model, so only Bedrock's are known")
    latest = options.duration(within) if within else None
    rows: list[output.Row] = []
    with environments(environment, prefix, local=local) as places:
        for place in places:
            with place.hold():
                released, retirements = _read(place, project, notes)
            rows += [
                {
                    **row,
                    "path": path,
                    "names": name,
                    "retires": str(retirement.on) if retirement.on else None,
                    "source": retirement.source,
                    "instead": retirement.instead,
                    "_text": retirement.text,
                }
                for row, config in released
                for path, name, retirement in retiring(config, retirements | from_file, latest)
            ]
    if as_json:
        shown = [{key: row[key] for key in row if not key.startswith("_")} for row in rows]
        output.print_json({"retiring": shown, "notes": notes})
    else:
        _print(rows, notes, github=github)
    if exit_code and rows:
        raise typer.Exit(1)


def _print(rows: list[output.Row], notes: list[str], *, github: bool) -> None:
    if github:
        for row in rows:
            title = f"{row['model']} in {row['environment']}"
            output.annotate("warning", f"{row['path']}: {row['names']} {row['_text']}", title=title)
    elif rows:
        output.print_rows(rows, COLUMNS, as_json=False)
    if not rows:
        typer.echo("No release in use names a model that is known to retire.")
    for note in notes:
        typer.echo(to_paste(visible(note)), err=True)


def _read(
    place: Environment, project: Project | None, notes: list[str]
) -> tuple[list[tuple[output.Row, Any]], Retirements]:
    """Return each promoted release with its values, and what Bedrock retires there."""
    from model_config.operate.services import bedrock_retirements

    released: list[tuple[output.Row, Any]] = []
    try:
        for model in place.models():
            for release, labels in place.releases(model, documents=False).promoted():
                about = {"environment": place.name, "region": place.ssm.region, "model": model}
                row = {**about, "release": release.number, "labels": labels}
                if release.content:
                    released.append((row, release.content.config))
                else:
                    notes.append(f"{place.where(model)}: {release.problem}")
    except CredentialsError as error:
        if project is None:
            raise
        alone = "what the project deploys is compared with lifecycle.yaml alone"
        notes.append(f"{place.name}: {alone}, since AWS can't be asked: {error}")
        return _planned(place, project), {}
    if place.is_local:
        notes.append(f"{place.name}: Bedrock isn't asked with --local")
        return released, {}
    try:
        return released, bedrock_retirements(place.ssm.region)
    except StoreError as error:
        notes.append(f"{place.name}: lifecycle.yaml alone, since Bedrock doesn't answer: {error}")
        return released, {}


def _planned(place: Environment, project: Project) -> list[tuple[output.Row, Any]]:
    from model_config.plan.hierarchy import config_of
    from model_config.plan.plan import valid_plan

    about: output.Row = {"environment": place.name, "region": None, "release": None, "labels": []}
    plan = valid_plan(project, place.stack)
    return [({**about, "model": model.name}, config_of(model.config)) for model in plan.models]
