"""`model-config drift`: what is really there, against the releases and the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import drift_report
from model_config.cli.options import AsJson, Environment, Local
from model_config.cli.output import print_json, with_progress
from model_config.cli.panels import Panel
from model_config.cli.project import current_project

if TYPE_CHECKING:
    from model_config.operate.drift.drift import Drift, Values

PANEL = Panel.OPERATE


def drift(
    *,
    environment: Environment = "dev",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if anything differs.")
    ] = False,
    read_all: Annotated[
        bool,
        typer.Option(
            "--all-values",
            help="Read every value, even if its version shows that only deploys wrote it.",
        ),
    ] = False,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Compare the program, the newest releases and AWS.

    Each parameter that differs is edited (by hand), interrupted (a deploy stopped half-way), not
    deployed yet, orphaned (left by an earlier program) or unmanaged (created by something else).
    The key with its alias, state, rotation and policy, and the reader policies are compared too, as
    far as permissions allow. It also reports labels without use and release histories that are
    almost full. Secrets are not read: only their existence and storage are checked.

    Example: model-config drift --environment prod --exit-code
    """
    found = compare(environment, local=local, read_all=read_all)
    if as_json:
        print_json(drift_report.as_json(found, environment))
    else:
        drift_report.print_drift(found, environment)
    for note in found.notes:
        typer.echo(f"not compared, for lack of permission: {note}", err=True)
    for problem in found.problems:
        typer.echo(f"not compared: {problem}", err=True)
    if found.problems:
        raise typer.Exit(2)
    if exit_code and (found.parameters or found.access or found.findings):
        raise typer.Exit(1)


def compare(environment: str, *, local: bool, read_all: bool = False) -> Drift:
    """Compare an environment's program, releases and parameters.

    Raises:
        InvalidConfigurationError: something is wrong with the project.
        StoreError: AWS is unavailable or refuses.
    """
    from model_config.cli.target import target
    from model_config.operate.drift.drift import find_drift
    from model_config.operate.inventory import Inventory
    from model_config.plan.offline import valid_plan

    with target(environment, None, local=local) as aws:
        plan = valid_plan(current_project(), environment)
        values: Values = "all" if read_all else "usual"
        return find_drift(Inventory(aws.client, with_progress), plan, values)
