"""`model-config ui` and `report`: the pages, served or written to files."""

import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from model_config.cli import options
from model_config.cli.context import current_project, project_or_none, to_paste
from model_config.cli.output import with_progress
from model_config.format.errors import UsageError

PANEL = options.Panel.READ


def ui(
    *,
    port: options.Port = 4580,
    open_it: Annotated[bool, "Open the address in a browser.", "--open"] = False,
    target: options.Targets,
) -> None:
    """Show models, releases, prompts, rollouts and drift in a browser, until Ctrl-C.

    It listens only on this machine, and admits only browsers with the address that it prints. It
    reads the same data as the other commands, with your permissions, and changes nothing: pages
    show the commands to copy.

    Example: model-config ui -e dev -e prod --open
    """
    from model_config.loopback import HOST, listen
    from model_config.web import build, server
    from model_config.web.site import Site

    token = secrets.token_urlsafe()
    with ExitStack() as until_the_end:
        listener = until_the_end.enter_context(listen(port))
        places = until_the_end.enter_context(target.open())
        port = listener.getsockname()[1]
        site = Site(places, project_or_none(), to_paste)
        app = server.make_app(site, token=token, port=port)
        if target.local:  # it costs nothing, and then no page has to wait
            build.read_ahead(site, with_progress)
        address = f"http://{HOST}:{port}/?token={token}"
        typer.echo(f"The pages are at {address}\nCtrl-C ends them.")
        if open_it and not until_the_end.enter_context(server.opened_in_browser(address)):
            typer.echo("No browser could be started: open the address yourself.", err=True)
        try:
            server.serve(app, listener)
        except KeyboardInterrupt:
            typer.echo("Stopped.")


def report(
    *,
    output: Annotated[
        Path, typer.Option(help="The folder to write; new or empty.", file_okay=False)
    ],
    base: Annotated[
        str | None, "Only compare the working tree with this commit. Needs git, but no AWS."
    ] = None,
    releases: Annotated[
        int,
        typer.Option(
            min=1, help="How many of a model's newest releases get a page; labelled ones always do."
        ),
    ] = 10,
    target: options.Targets,
) -> None:
    """Write the pages of `model-config ui` to files, for a build's artifact or a static site.

    Open index.html first. Exits with 2 if a page could not be built; the page shows the error.

    Example: model-config report --output report
    """
    from model_config.web import build
    from model_config.web.site import Site

    if base is not None:
        if target.environment or target.prefix:
            raise UsageError("--base takes neither --environment nor --prefix")
        build.report_of_commits(current_project(), base, output)
    else:
        with target.open() as places:
            site = Site(places, project_or_none(), to_paste)
            failed = build.report(site, output, with_progress, most=releases)
        for page in failed:
            typer.echo(f"{output / page.file} could not be built; it shows the error.", err=True)
        if failed:
            raise typer.Exit(2)
    typer.echo(f"Open {output / 'index.html'}")
