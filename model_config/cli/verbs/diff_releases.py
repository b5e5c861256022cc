"""`model-config diff-releases`: compare two releases of a model."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli.options import (
    AsJson,
    Environment,
    ExitCode,
    Local,
    Model,
    Panel,
    Prefix,
    complete_label,
)
from model_config.cli.output import print_json, print_lines
from model_config.comparing.changes import changes
from model_config.comparing.report import change_lines, to_json

PANEL = Panel.REVIEW

Selector = Annotated[
    str,
    typer.Argument(
        help='A release number, a label, or "latest".',
        show_default=False,
        autocompletion=complete_label,
    ),
]


def diff_releases(  # noqa: PLR0913 - a verb's options
    model: Model,
    before: Selector,
    after: Selector,
    *,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
    exit_code: ExitCode = False,
) -> None:
    """Show what differs between two releases of a model.

    "+" marks an added value, "-" a removed one, and "~" a changed one. Long texts are shown as a
    unified diff. A secret is shown only by its name, since releases don't contain secrets.

    Example: model-config diff-releases support_chat stable latest
    """
    from model_config.cli.target import target

    with target(environment, prefix, local=local) as aws:
        releases = aws.releases(model)
        old, new = (releases.select(selector) for selector in (before, after))
        changed = changes(old.open(), new.open())
    if as_json:
        print_json(
            {
                "model": model,
                "environment": releases.environment,
                "before": old.number,
                "after": new.number,
                "changes": [to_json(change) for change in changed],
            }
        )
    else:
        print_lines(line for change in changed for line in change_lines(change))
        if not changed:
            typer.echo(f"release {old.number} and release {new.number} have the same values")
    if exit_code and changed:
        raise typer.Exit(1)
