"""`model-config`: every verb, and what happens to errors.

Verbs import what they need when they run, so that `--help` does not wait for pulumi and boto3.
"""

from __future__ import annotations

import sys

import typer

from model_config.cli import local
from model_config.core.errors import ModelConfigError

app = typer.Typer(
    name="model-config",
    help="AI model configurations in AWS SSM Parameter Store.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(local.app, name="local")


def main() -> None:
    """Run the command line: exit code 0 done, 1 findings, 2 usage or failure."""
    try:
        app()
    except ModelConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
