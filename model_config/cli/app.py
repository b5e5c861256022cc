"""`model-config`: its verbs, and how errors are printed.

A verb imports its dependencies when it runs, so that `--help` doesn't wait for pulumi and boto3.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from typing import Annotated

import typer

from model_config.cli import verbs
from model_config.cli.context import to_paste, verb_takes, with_shared_options
from model_config.cli.options import Panel
from model_config.format.errors import ModelConfigError

app = typer.Typer(
    name="model-config",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 -- typer passes an option's value
    if wanted:
        typer.echo(f"model-config {version('model-config')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """AI model configurations in AWS SSM Parameter Store."""


def _add_verbs() -> None:
    """Add each file in `verbs/`: its function of the same name, or the `app` of a group."""
    found = [
        (name.strip("_").replace("_", "-"), import_module(f"{verbs.__name__}.{name}"))
        for _, name, _ in iter_modules(verbs.__path__)
    ]
    panels = list(Panel)
    for name, verb in sorted(found, key=lambda each: panels.index(each[1].PANEL)):
        if hasattr(verb, "app"):
            app.add_typer(verb.app, name=name, rich_help_panel=verb.PANEL)
            for command in verb.app.registered_commands:
                command.callback = with_shared_options(command.callback)
                verb_takes(f"{name} {command.callback.__name__}", command.callback.__annotations__)
        else:
            command = with_shared_options(getattr(verb, verb.__name__.rpartition(".")[2]))
            app.command(name, rich_help_panel=verb.PANEL)(command)
            verb_takes(name, command.__annotations__)


_add_verbs()


def main() -> None:
    """Run the command line: exit code 0 for success, 1 for findings, 2 for a failure."""
    try:
        app()
    except ModelConfigError as error:
        sys.stderr.write(f"{to_paste(str(error))}\n")
        sys.exit(2)
