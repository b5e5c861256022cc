"""`model-config`: its verbs, and how errors are printed.

A verb imports its dependencies when it runs, so that `--help` doesn't wait for pulumi and boto3.
"""

import logging
import sys
from importlib import import_module
from importlib.metadata import version
from inspect import isfunction
from pkgutil import iter_modules
from typing import Annotated, Any

import typer

from model_config.cli import context, options, verbs
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
    """Add the public functions of each file in `verbs/`, as verbs or as those of its GROUP."""
    entries: list[tuple[options.Panel, str, Any]] = []
    for _, file, _ in iter_modules(verbs.__path__):
        module = import_module(f"{verbs.__name__}.{file}")
        own = {
            name.strip("_").replace("_", "-"): context.for_typer(it)
            for name, it in vars(module).items()
            if isfunction(it) and it.__module__ == module.__name__ and not name.startswith("_")
        }
        if about := getattr(module, "GROUP", None):
            group = typer.Typer(help=about, no_args_is_help=True)
            for name, verb in own.items():
                group.command(name)(verb)
            own = {file: group}
        entries += [(module.PANEL, name, verb) for name, verb in own.items()]
    panels = list(options.Panel)
    for panel, name, verb in sorted(entries, key=lambda it: (panels.index(it[0]), it[1])):
        if isinstance(verb, typer.Typer):
            app.add_typer(verb, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(verb)


_add_verbs()
# What a verb's reader logs is in the verb's error too. (The agent configures logging.)
logging.getLogger("model_config.reader").addHandler(logging.NullHandler())


def main() -> None:
    """Run the command line: exit code 0 for success, 1 for findings, 2 for a failure."""
    try:
        app()
    except ModelConfigError as error:  # of no verb, but of the output
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
