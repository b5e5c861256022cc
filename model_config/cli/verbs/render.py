"""`model-config render`: print a prompt with its variables filled in."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from model_config.cli import options
from model_config.format.errors import UsageError

PANEL = options.Panel.READ


def render(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    field: Annotated[
        str,
        typer.Argument(
            metavar="FIELD", help="The prompt's path, such as prompts/system.", show_default=False
        ),
    ],
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=TEXT", help="A variable's text; may be repeated."),
    ] = None,
    values: Annotated[
        Path | None,
        typer.Option(help="A JSON object of variables and their texts. --set overrides it."),
    ] = None,
    label: options.Label = None,
    release: options.Release = None,
    target: options.Target,
) -> None:
    """Print a release's prompt with its variables, {{name}}, filled in.

    Example: model-config render support_chat prompts/templates/greeting --set customer_name=Zoë
    """
    given = {**(_read(values) if values else {}), **dict(map(_split, settings or []))}
    with target.open() as aws:
        configuration = aws.configuration(model, label, release)
    text = configuration.render(field, **given)
    typer.echo(text, nl=sys.stdout.isatty())  # in a pipe, exactly the prompt


def _split(setting: str) -> tuple[str, str]:
    name, equals, text = setting.partition("=")
    if not equals:
        raise UsageError(f"--set takes NAME=TEXT, not {setting!r}")
    return name, text


def _read(file: Path) -> dict[str, str]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f'{file} is not a JSON object, such as {{"customer_name": "Zoë"}}')
    return values
