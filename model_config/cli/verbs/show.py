"""`model-config show`: what a release holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli.output import (
    MASK,
    AsJson,
    Environment,
    Label,
    Local,
    Model,
    Prefix,
    Release,
    print_json,
    print_table,
)
from model_config.comparing.text import one_line, printable

if TYPE_CHECKING:
    from model_config.reader.configuration import Configuration


def show(  # noqa: PLR0913 - a verb's options
    model: Model,
    *,
    label: Label = None,
    release: Release = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the secrets' texts.")] = False,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Show what a release holds, each value as JSON; secrets masked, and not even read.

    Example: model-config show support_chat --label latest
    """
    from model_config.cli.target import target

    with target(environment, prefix, local=local) as aws:
        configuration = aws.configuration(model, label, release, secrets=reveal)
    secrets = {
        path: secret.reveal() if reveal else MASK for path, secret in configuration.secrets.items()
    }
    if as_json:
        print_json(_as_json(configuration, secrets))
    else:
        _print(configuration, secrets, reveal=reveal)


def _print(configuration: Configuration, secrets: dict[str, str], *, reveal: bool) -> None:
    from model_config.comparing.changes import leaves

    rows = [("/".join(path), one_line(value)) for path, value in leaves(configuration.as_dict())]
    masked = [] if reveal else [(f"secrets/{path}", MASK) for path in secrets]
    label = f" ({configuration.label})" if configuration.label else ""
    typer.echo(
        f"{configuration.model} in {configuration.environment}: "
        f"release {configuration.release}{label}, {configuration.digest}, "
        f"written as {configuration.schema}",
        err=True,  # so that a pipe gets values alone
    )
    print_table(["path", "value"], [(printable(path), value) for path, value in rows + masked])
    if reveal:  # outside of the table, which shortens what is too long for the terminal
        for path, text in secrets.items():
            typer.echo(f"secrets/{path}\t{one_line(text)}")


def _as_json(configuration: Configuration, secrets: dict[str, str]) -> dict[str, object]:
    return {
        "model": configuration.model,
        "environment": configuration.environment,
        "release": configuration.release,
        "label": configuration.label,
        "digest": configuration.digest,
        "schema": configuration.schema,
        "config": configuration.as_dict(),
        "secrets": secrets,
    }
