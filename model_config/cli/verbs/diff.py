"""`model-config diff`: what changes between two commits, from git alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli.completion import complete_environment, complete_revision
from model_config.cli.output import AsJson, Local, Prefix, print_json, print_lines
from model_config.cli.panels import Panel
from model_config.cli.project import current_project
from model_config.format.errors import UsageError

if TYPE_CHECKING:
    from model_config.comparing.differences import ModelDifference
    from model_config.comparing.snapshot import Snapshot
    from model_config.format.release import Release

PANEL = Panel.REVIEW


def diff(  # noqa: PLR0913 - a verb's options
    base: Annotated[
        str | None,
        typer.Argument(
            help="A commit, branch or tag; or main... for the commit where this branch left main. "
            "Default: the newest commit, HEAD.",
            autocompletion=complete_revision,
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Argument(
            help="Another one. Default: the working tree.", autocompletion=complete_revision
        ),
    ] = None,
    *,
    environments: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Compare two environments: of BASE, or else of the working tree.",
            autocompletion=complete_environment,
        ),
    ] = None,
    deployed: Annotated[
        bool,
        typer.Option("--deployed", help="Compare AWS's newest releases with the working tree."),
    ] = False,
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment",
            "-e",
            help="Only this environment. With --deployed by default "
            "MODEL_CONFIG_ENVIRONMENT, or else dev.",
            autocompletion=complete_environment,
        ),
    ] = None,
    prefix: Prefix = None,
    local: Local = False,
    markdown: Annotated[
        bool,
        typer.Option("--markdown", help="Print what fits into a comment on a pull request."),
    ] = False,
    as_json: AsJson = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 where they differ.")
    ] = False,
) -> None:
    """Show what changes for each model in each environment; needs neither AWS nor Pulumi.

    Each commit's configuration is worked out by that commit's own code, run in a folder of its
    own: compare only commits that you would run. Of a secret it tells only that it comes from
    another config key now.

    Example: model-config diff main
    """
    from model_config.comparing import pairs
    from model_config.comparing.differences import differences

    if environments and (head or deployed or environment):
        raise UsageError("--environments A B goes with one commit at most, and with nothing else")
    if deployed and base:
        raise UsageError("--deployed compares with the working tree: leave the commit out")
    project = current_project()
    if environments:
        before, after = pairs.two_environments(project, base, *environments)
    elif deployed:
        stack = environment or os.environ.get("MODEL_CONFIG_ENVIRONMENT") or "dev"
        tree = pairs.working_tree(project, stack)
        releases, problems = _newest_releases(stack, prefix, local=local)
        before, after = pairs.deployed_and_tree(tree, stack, releases, problems)
    else:
        before, after = pairs.two_commits(project, base or "HEAD", head, environment)
    found = differences(before, after)
    if as_json:
        print_json(_as_json(before, after, found))
    else:
        _print(before, after, found, markdown=markdown)
    if any(environment.unreadable for environment in after.environments.values()):
        raise typer.Exit(2)
    if exit_code and found:
        raise typer.Exit(1)


def _newest_releases(
    environment: str, prefix: str | None, *, local: bool
) -> tuple[dict[str, Release], dict[str, str]]:
    """Return each model's newest release in AWS, and why each of the others can't be read."""
    from model_config.cli.output import with_progress
    from model_config.cli.target import target
    from model_config.format.errors import ReleaseError

    releases: dict[str, Release] = {}
    problems: dict[str, str] = {}
    with target(environment, prefix, local=local) as aws:
        models = aws.models()
        for model in with_progress(models, "Reading releases", len(models)):
            try:
                releases[model] = aws.configuration(model, "latest", None).content
            except ReleaseError as error:
                problems[model] = str(error)
    return releases, problems


def _as_json(before: Snapshot, after: Snapshot, found: list[ModelDifference]) -> dict[str, object]:
    from model_config.comparing.change_text import to_json

    return {
        "before": before.name,
        "after": after.name,
        "notes": [*before.remarks(), *after.remarks()],
        "differences": [
            {
                "environment": each.environment,
                "model": each.model,
                "kind": each.kind,
                "renamed_from": each.renamed_from,
                "changes": [to_json(change) for change in each.changes],
            }
            for each in found
        ],
    }


def _print(
    before: Snapshot, after: Snapshot, found: list[ModelDifference], *, markdown: bool
) -> None:
    from model_config.comparing import diff_markdown, diff_report
    from model_config.comparing.differences import sections

    report = diff_report.Report(
        before.name, after.name, [*before.remarks(), *after.remarks()], sections(found)
    )
    if markdown:
        typer.echo(diff_markdown.markdown(report))
    else:
        print_lines(diff_report.report_lines(report))
