"""`model-config rollout status`: the progress of rollouts."""

from __future__ import annotations

import typer

from model_config.cli.options import AnyModel, AsJson, Environment, Local, Prefix, Regions
from model_config.cli.output import print_json
from model_config.cli.rollout_report import print_statuses, status_as_json
from model_config.cli.rollouts import rollouts_by_region, statuses


def status(  # noqa: PLR0913 - a verb's options
    model: AnyModel = None,
    *,
    environment: Environment = "dev",
    region: Regions = None,
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Show a rollout's progress: its share, its next step, who started it and why.

    Example: model-config rollout status --environment prod
    """
    with rollouts_by_region(environment, prefix, local=local, regions=region) as by_region:
        found = statuses(by_region, model)
    if as_json:
        print_json([status_as_json(each) for each in found])
    elif found:
        print_statuses(found)
    else:
        typer.echo(f"No rollout{f' of {model}' if model else ''} is under way in {environment}.")
