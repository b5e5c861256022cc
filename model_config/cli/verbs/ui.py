"""`model-config ui`: serve the pages on this machine only."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from typing import Annotated

import typer

from model_config.cli import options, output
from model_config.cli.context import project_or_none, to_paste

PANEL = options.Panel.READ


def ui(
    *,
    environments: options.Environments = None,
    port: options.Port = 4580,
    open_it: Annotated[bool, typer.Option("--open", help="Open the address in a browser.")] = False,
    prefix: options.Prefix = None,
    local: options.Local = False,
) -> None:
    """Show models, releases, prompts, rollouts and drift in a browser, until Ctrl-C.

    It listens only on this machine, and admits only browsers with the address that it prints. It
    reads the same data as the other commands, with your permissions, and changes nothing: pages
    show the commands to copy.

    Example: model-config ui -e dev -e prod --open
    """
    from model_config.cli.target import environments as chosen_environments
    from model_config.loopback import HOST, listen
    from model_config.web.build import read_ahead
    from model_config.web.server import make_app, opened_in_browser, serve
    from model_config.web.site import Site

    token = secrets.token_urlsafe()
    with ExitStack() as until_the_end:
        listener = until_the_end.enter_context(listen(port))
        found = until_the_end.enter_context(chosen_environments(environments, prefix, local=local))
        port = listener.getsockname()[1]
        site = Site(found, project_or_none(), to_paste)
        app = make_app(site, token=token, port=port)
        if local:  # it costs nothing, and then no page has to wait
            read_ahead(site, output.with_progress)
        address = f"http://{HOST}:{port}/?token={token}"
        typer.echo(f"The pages are at {address}\nCtrl-C ends them.")
        if open_it and not until_the_end.enter_context(opened_in_browser(address)):
            typer.echo("No browser could be started: open the address yourself.", err=True)
        try:
            serve(app, listener)
        except KeyboardInterrupt:
            typer.echo("Stopped.")
