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

    project, notes = project_or_none(), list[str]()
    from_file = read_lifecycle(project) if project else {}
    if not from_file:
        notes.append("lifecycle.yaml names no model, so only Bedrock's are known")
    latest = options.duration(within) if within else None
    rows, texts = list[output.Row](), list[str]()
    with target.open() as places:
        for place in places:
            with place.hold():
                released, retirements = _read(place, project, notes)
            for row, config in released:
                for path, name, it in retiring(config, retirements | from_file, latest):
                    retires = str(it.on) if it.on else None
                    about = {"path": path, "names": name, "retires": retires}
                    rows.append({**row, **about, "source": it.source, "instead": it.instead})
                    texts.append(it.text)
    if as_json:
        output.print_json({"retiring": rows, "notes": notes})
    else:
        _print(rows, texts, github=github)
        for note in notes:
            typer.echo(to_paste(visible(note)), err=True)
    if exit_code and rows:
        raise typer.Exit(1)


def _print(rows: list[output.Row], texts: list[str], *, github: bool) -> None:
    if not rows:
        typer.echo("No release in use names a model that is known to retire.")
    elif github:
        for row, text in zip(rows, texts, strict=True):
            title = f"{row['model']} in {row['environment']}"
            output.annotate("warning", f"{row['path']}: {row['names']} {text}", title=title)
    else:
        columns: output.Columns = {
            "environment": "environment",
            "model": "model",
            "release": lambda row: row["release"] or "not asked",
            "labels": "labels",
            "value": lambda row: f"{row['path']}: {row['names']}",
            "when": "when",
        }
        shown = [{**row, "when": text} for row, text in zip(rows, texts, strict=True)]
        output.print_rows(shown, columns, as_json=False)


def _read(
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
    except CredentialsError as error:
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
    except StoreError as error:
        notes.append(f"{place.name}: lifecycle.yaml alone, since Bedrock doesn't answer: {error}")
        return released, {}
