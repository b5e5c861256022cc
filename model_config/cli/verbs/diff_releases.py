"""`model-config diff-releases`: compare two releases of a model."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli import options, output
from model_config.comparing.changes import changes
from model_config.comparing.report import change_lines, to_json

PANEL = options.Panel.REVIEW

Selector = Annotated[
    str,
    typer.Argument(
        help='A release number, a label, or "latest".',
        show_default=False,
        autocompletion=options.complete_label,
    ),
]


def diff_releases(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    before: Selector,
    after: Selector,
    *,
    target: options.Target,
    as_json: options.AsJson = False,
    exit_code: options.ExitCode = False,
) -> None:
    """Show what differs between two releases of a model.

    "+" marks an added value, "-" a removed one, and "~" a changed one. Long texts are shown as a
    unified diff. A secret is shown only by its name, since releases don't contain secrets.

    Example: model-config diff-releases support_chat stable latest
    """
    with target.open() as aws:
        releases = aws.releases(model)
        old, new = (releases.select(selector) for selector in (before, after))
        changed = changes(old.open(), new.open())
    if as_json:
        output.print_json(
            {
                "model": model,
                "environment": releases.environment,
                "before": old.number,
                "after": new.number,
                "changes": [to_json(change) for change in changed],
            }
        )
    else:
        output.print_lines(line for change in changed for line in change_lines(change))
        if not changed:
            typer.echo(f"release {old.number} and release {new.number} have the same values")
    if exit_code and changed:
        raise typer.Exit(1)
