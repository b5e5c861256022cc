"""`model-config report`: write the pages to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_config.cli import options
from model_config.cli.context import current_project, project_or_none, to_paste
from model_config.cli.output import with_progress
from model_config.format.errors import UsageError

PANEL = options.Panel.READ


def report(  # noqa: PLR0913 - a verb's options
    *,
    output: Annotated[
        Path, typer.Option(help="The folder to write; new or empty.", file_okay=False)
    ],
    environments: options.Environments = None,
    base: Annotated[
        str | None,
        typer.Option(help="Only compare the working tree with this commit. Needs git, but no AWS."),
    ] = None,
    releases: Annotated[
        int,
        typer.Option(
            min=1, help="How many of a model's newest releases get a page; labelled ones always do."
        ),
    ] = 10,
    prefix: options.Prefix = None,
    local: options.Local = False,
) -> None:
    """Write the pages of `model-config ui` to files, for a build's artifact or a static site.

    Open index.html first. Exits with 2 if a page could not be built; the page shows the error.

    Example: model-config report --output report
    """
    if base is not None:
        from model_config.web.build import report_of_commits

        if environments or prefix:
            raise UsageError("--base takes neither --environment nor --prefix")
        report_of_commits(current_project(), base, output)
    else:
        _report(output, environments, prefix, releases=releases, local=local)
    typer.echo(f"Open {output / 'index.html'}")


def _report(
    output: Path, stacks: list[str] | None, prefix: str | None, *, releases: int, local: bool
) -> None:
    from model_config.cli.target import environments
    from model_config.web.build import report as write
    from model_config.web.site import Site

    with environments(stacks, prefix, local=local) as found:
        site = Site(found, project_or_none(), to_paste)
        failed = write(site, output, with_progress, most=releases)
    for page in failed:
        typer.echo(f"{output / page.file} could not be built; it shows the error.", err=True)
    if failed:
        raise typer.Exit(2)
