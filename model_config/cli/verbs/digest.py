"""`model-config digest`: the digests of the working tree's models."""

from __future__ import annotations

import typer

from model_config.cli import options, output
from model_config.cli.context import current_project
from model_config.format.errors import ModelNotFoundError
from model_config.format.text import nearest

PANEL = options.Panel.PROJECT


def digest(
    model: options.AnyModel = None,
    *,
    environment: options.Environment = "dev",
    as_json: options.AsJson = False,
) -> None:
    """Print each model's digest, as a deploy of the working tree would write it. Needs no AWS.

    Example: model-config digest support_chat --environment prod
    """
    from model_config.plan.plan import valid_plan

    plan = valid_plan(current_project(), environment)
    digests = {model.name: model.digest for model in plan.models}
    if model is not None and model not in digests:
        raise ModelNotFoundError(f"{environment} has no model {model!r}: {nearest(model, digests)}")
    shown = {name: text for name, text in digests.items() if model in {None, name}}
    if as_json:
        output.print_json(shown)
    elif model is not None:
        typer.echo(shown[model])
    else:
        output.print_table(["model", "digest"], list(shown.items()))
