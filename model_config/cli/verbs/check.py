"""`model-config check`: what would stop the next deploy."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli.output import AsJson, Environment, Local, Prefix, print_json, print_table
from model_config.format.errors import Finding, ModelNotFoundError

if TYPE_CHECKING:
    from model_config.operate.target import Target


def check(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Default: all that have a release."),
    ] = None,
    *,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Look in AWS for what would make the next deploy fail; exit with 1 where there is something.

    So far that is one thing: SSM keeps 100 releases, and refuses a new one while the oldest of
    them carries a label.

    Example: model-config check --environment prod
    """
    from model_config.cli.target import target

    with target(environment, prefix, local=local) as aws:
        checked = _known(models, aws) if models else aws.models()
        findings = [finding for model in checked for finding in _findings(aws, model)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    elif findings:
        print_table(
            ["model", "problem", "what to do"],
            [(finding.where, finding.problem, finding.fix) for finding in findings],
            wrap=True,
        )
    else:
        typer.echo(f"Nothing stands in a deploy's way: {', '.join(checked) or 'no releases yet'}.")
    if findings:
        raise typer.Exit(1)


def _findings(aws: Target, model: str) -> list[Finding]:
    from model_config.operate.release_findings import running_out

    try:
        releases = aws.releases(model)
    except ModelNotFoundError:
        return []
    return [each.finding for each in running_out(releases) if each.deploys_left <= 0]


def _known(models: list[str], aws: Target) -> list[str]:
    """Refuse a name that is neither deployed nor in the checkout, and so has no findings."""
    from model_config.cli.project import project_or_none
    from model_config.plan.settings import nearest

    project = project_or_none()
    names = project.model_names() if project else []
    unknown = set(models) - set(names)
    if unknown and (unknown := unknown - set(deployed := aws.models())):
        name = min(unknown)
        raise ModelNotFoundError(
            f"there is no model {name!r}: {nearest(name, {*deployed, *names})}"
        )
    return models
