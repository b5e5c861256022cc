"""`model-config`: every verb, and what happens to errors.

Verbs import what they need when they run, so that `--help` does not wait for pulumi and boto3.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from typing import Annotated

import typer

from model_config.cli import verbs
from model_config.cli.commands import to_paste
from model_config.cli.project import takes_project
from model_config.format.errors import ModelConfigError

app = typer.Typer(
    name="model-config",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 -- typer hands an option's value over
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
    """Add what each file in `verbs/` holds: a function of the file's name, or a group's `app`."""
    for module in iter_modules(verbs.__path__):
        verb = import_module(f"{verbs.__name__}.{module.name}")
        name = module.name.strip("_").replace("_", "-")
        if hasattr(verb, "app"):
            app.add_typer(verb.app, name=name)
        else:
            app.command(name)(takes_project(getattr(verb, module.name)))


_add_verbs()


def main() -> None:
    """Run the command line: exit code 0 done, 1 findings, 2 usage or failure."""
    try:
        app()
    except ModelConfigError as error:
        sys.stderr.write(f"{to_paste(str(error))}\n")
        sys.exit(2)
