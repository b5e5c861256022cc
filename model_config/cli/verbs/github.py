"""`model-config github`: publish the workflows' results on GitHub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from model_config.cli.github import close_issue, compose, write_comment, write_issue
from model_config.cli.panels import Panel
from model_config.format.errors import UsageError

PANEL = Panel.PIPELINES

app = typer.Typer(help="Publish the workflows' results on GitHub.", no_args_is_help=True)

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        help="A folder of texts: .md is published unchanged, .txt as a folded log.",
    ),
]


@app.command()
def comment(folder: Folder) -> None:
    """Write a comment on the pull request, or replace the existing one.

    Example: model-config github comment results
    """
    number = _variable("GITHUB_REF").removeprefix("refs/pull/").partition("/")[0]
    write_comment(_variable("GITHUB_REPOSITORY"), number, compose(_run(), _texts(folder)))


@app.command()
def issue(
    folder: Folder,
    outcome: Annotated[
        str,
        typer.Option(help="The outcome of the drift job. Anything but success is reported too."),
    ] = "success",
) -> None:
    """Open an issue about drift, replace its text, or close it once there is no drift.

    Example: model-config github issue results --outcome success
    """
    texts = _texts(folder)
    if texts or outcome != "success":
        write_issue("Drift", "drift", compose(_run(), texts))
    else:
        close_issue("drift", f"No drift any more: {_run()}")


def _texts(folder: Path) -> dict[str, str]:
    # GitHub creates no folder if no job uploaded anything.
    files = sorted(folder.iterdir()) if folder.exists() else []
    return {file.name: file.read_text(encoding="utf-8", errors="replace") for file in files}


def _run() -> str:
    """Return the URL of the workflow run."""
    server, repository = _variable("GITHUB_SERVER_URL"), _variable("GITHUB_REPOSITORY")
    return f"{server}/{repository}/actions/runs/{_variable('GITHUB_RUN_ID')}"


def _variable(name: str) -> str:
    """Return a variable that GitHub sets for each step.

    https://docs.github.com/actions/reference/workflows-and-actions/variables
    """
    if value := os.environ.get(name):
        return value
    raise UsageError(f"{name} is not set: run this command in a workflow on GitHub")
