"""`model-config agent`, `ui` and `report`: what is served on loopback, and pages in files."""

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated

import typer

from model_config.cli import context, options
from model_config.cli.output import with_progress
from model_config.format.errors import UsageError

PANEL = options.Panel.READ


def agent(  # noqa: PLR0913 - a verb's options
    *,
    environment: options.Environment = "dev",
    models: Annotated[list[str] | None, "A model to preload; may be repeated."] = None,
    label: options.Label = None,
    port: options.Port = 2774,
    socket: Annotated[Path | None, "Listen on this Unix socket instead of a port."] = None,
    host: Annotated[
        str | None, "Listen on this address instead of loopback; needs --token-file."
    ] = None,
    token_file: Annotated[
        Path | None,
        "The token of requests, in a file that only you may read. It is made if there is "
        "none. Default: a temporary file.",
    ] = None,
    secrets: Annotated[bool, "Serve secrets, to requests with secrets=true."] = False,
    ttl: Annotated[
        float, typer.Option(min=0, help="Seconds until a configuration is renewed.")
    ] = 5.0,
    fallback: Annotated[
        Path | None, "A file of `model-config export --fallback`, for a start without AWS."
    ] = None,
    prefix: options.Prefix = None,
    local: options.Local = False,
) -> None:
    """Serve configurations over HTTP and OpenFeature's protocol, for any language, until Ctrl-C.

    It listens only on this machine, and answers only requests with the token in the file that it
    names at the start. What it has read, it serves through an outage of AWS. It needs the reader
    policies of the models.

    Example: model-config agent -e prod --models support_chat --token-file /run/agent/token
    """
    import logging
    import signal
    from socket import IP_TTL, IPPROTO_IP
    from tempfile import mkdtemp

    from model_config.agent import answers, server
    from model_config.agent.app import make_app
    from model_config.cli.target import named, unless_set
    from model_config.loopback import HOST, listen
    from model_config.reader.files import LocalFile
    from model_config.reader.reader import Reader

    if host is not None and (token_file is None or socket is not None):
        raise UsageError("--host needs --token-file, and can't be combined with --socket")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    with ExitStack() as until_the_end:
        listener = until_the_end.enter_context(
            listen(port, host or HOST) if socket is None else server.listen_on(socket)
        )
        if socket is not None:
            until_the_end.callback(socket.unlink, missing_ok=True)
        elif host is None:  # no router passes on what is sent from here
            listener.setsockopt(IPPROTO_IP, IP_TTL, 1)
        if token_file is None:
            token_file = Path(mkdtemp(prefix="model-config-agent-")) / "token"
            until_the_end.callback(token_file.parent.rmdir)
            until_the_end.callback(token_file.unlink)
        token = server.read_or_make_token(token_file)
        name, prefix, region = named(environment, prefix)
        if local:  # where the file of the local AWS is
            os.environ["MODEL_CONFIG_PROJECT"] = str(context.current_project().root)
        reader = Reader(
            name,
            prefix=prefix,
            label=label,
            ttl=ttl,
            fallback=fallback,
            secrets=secrets,
            region=None if local else unless_set(region),
            source=LocalFile() if local else None,
        )
        # These addresses stand for all of a machine's: requests may address it by any name.
        is_everywhere = host in {"0.0.0.0", "::"}  # noqa: S104 - what a user may choose
        hosts = None if is_everywhere else {*answers.LOOPBACK, *([host] if host else [])}
        app = make_app(
            reader, token=token, models=models or (), serves_secrets=secrets, hosts=hosts
        )
        where = socket or "http://{}:{}".format(*listener.getsockname()[:2])
        typer.echo(f"The agent listens on {where}, and its token is in {token_file}.", err=True)
        try:
            # uvicorn raises a signal again once it has drained: then SIGTERM is a normal end.
            signal.signal(signal.SIGTERM, lambda *_: None)
            server.make_server(app).run(sockets=[listener])
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)


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

    token = token_urlsafe()
    with ExitStack() as until_the_end:
        listener = until_the_end.enter_context(listen(port))
        places = until_the_end.enter_context(target.open())
        port = listener.getsockname()[1]
        site = Site(places, context.project_or_none(), context.to_paste)
        app = server.make_app(site, token=token, port=port)
        if target.local:  # it costs nothing, and then no page has to wait
            build.read_ahead(site, with_progress)
        address = f"http://{HOST}:{port}/?token={token}"
        typer.echo(f"The pages are at {address}\nCtrl-C ends them.")
        if open_it and not until_the_end.enter_context(server.opened_in_browser(address)):
            typer.echo("No browser could be started: open the address yourself.", err=True)
        with suppress(KeyboardInterrupt):  # where SIGINT is ignored, the server ends without it
            server.serve(app, listener)
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
        build.report_of_commits(context.current_project(), base, output)
    else:
        with target.open() as places:
            site = Site(places, context.project_or_none(), context.to_paste)
            failed = build.report(site, output, with_progress, most=releases)
        for page in failed:
            typer.echo(f"{output / page.file} could not be built; it shows the error.", err=True)
        if failed:
            raise typer.Exit(2)
    typer.echo(f"Open {output / 'index.html'}")
