"""`model-config`: every verb, and what happens to errors.

Verbs import what they need when they run, so that `--help` does not wait for pulumi and boto3.
"""

from __future__ import annotations

import sys

import typer

from model_config.cli import exec as exec_verb
from model_config.cli import local
from model_config.cli.check import check
from model_config.cli.diff import diff
from model_config.cli.diff_releases import diff_releases
from model_config.cli.digest import digest
from model_config.cli.drift import drift
from model_config.cli.export import export
from model_config.cli.find_commit import find_commit
from model_config.cli.import_ import import_
from model_config.cli.promote import promote
from model_config.cli.prune import prune
from model_config.cli.releases import releases
from model_config.cli.rollback import rollback
from model_config.cli.show import show
from model_config.cli.tree import tree
from model_config.cli.validate import validate
from model_config.core.errors import ModelConfigError

app = typer.Typer(
    name="model-config",
    help="AI model configurations in AWS SSM Parameter Store.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for verb in (
    validate,
    tree,
    diff,
    digest,
    drift,
    find_commit,
    releases,
    show,
    diff_releases,
    promote,
    rollback,
    check,
    prune,
    export,
):
    app.command()(verb)
app.command("exec")(exec_verb.execute)
app.command("import")(import_)
app.add_typer(local.app, name="local")


def main() -> None:
    """Run the command line: exit code 0 done, 1 findings, 2 usage or failure."""
    try:
        app()
    except ModelConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
