"""`model-config export`: write a release to a file."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from model_config.cli import options
from model_config.cli.formats import Format, as_text
from model_config.files import write_file
from model_config.format.errors import UsageError

PANEL = options.Panel.READ


def export(  # noqa: PLR0913 - a verb's options
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...", help="The model; with --fallback, any number. Default: all."
        ),
    ] = None,
    *,
    form: Annotated[Format, typer.Option("--format", help="The format.")] = "json",
    output: Annotated[Path | None, "The file to write. Default: standard output."] = None,
    fallback: Annotated[
        bool, "Write the file that `Reader(fallback=...)` reads. It has no secrets."
    ] = False,
    with_secrets: Annotated[
        bool, "Include the secrets' values, in an --output file of mode 0600."
    ] = False,
    label: options.Label = None,
    release: options.Release = None,
    variable_prefix: options.VariablePrefix = "",
    target: options.Target,
) -> None:
    """Write a release's values as JSON, YAML, Terraform's tfvars.json, dotenv or shell variables.

    Variables have the same names as in `exec`. A dotenv file is written for python-dotenv; a shell
    can source it without executing anything, and Node's --env-file reads it. The few values that
    those two would read otherwise are named. Secrets are neither read nor written unless you pass
    --with-secrets.

    Example: model-config export support_chat --format dotenv --output .env

    Example: model-config export --fallback --environment prod --output fallback.json
    """
    from model_config.reader.files import fallback_document

    _check(models or [], output, release, fallback=fallback, with_secrets=with_secrets)
    with target.open() as aws:
        if fallback:
            text = fallback_document(
                aws.configuration(model, label, release) for model in models or aws.models()
            )
        else:
            (model,) = models or []
            configuration = aws.configuration(model, label, release, secrets=with_secrets)
            secrets = configuration.secrets if with_secrets else {}
            texts = {path: secret.reveal() for path, secret in secrets.items()}
            text = as_text(form, configuration, texts, variable_prefix)
            if form == "dotenv":
                comments = takewhile(lambda line: line.startswith("# "), text.splitlines())
                for line in list(comments)[1:]:  # which parsers read some of it otherwise
                    typer.echo(line.removeprefix("# "), err=True)
    if output:
        write_file(output, text, private=with_secrets)
    else:
        typer.echo(text, nl=False)


def _check(
    models: list[str],
    output: Path | None,
    release: int | None,
    *,
    fallback: bool,
    with_secrets: bool,
) -> None:
    if not fallback and len(models) != 1:
        raise UsageError("name one model to export; only --fallback takes several")
    if fallback and with_secrets:
        raise UsageError("a fallback has no secrets: omit --with-secrets")
    if fallback and release is not None and len(models) != 1:
        raise UsageError("--release needs exactly one model: name it, or use --label instead")
    if with_secrets and output is None:
        raise UsageError(
            "--with-secrets needs --output FILE, so that no secret reaches a terminal or a log. "
            "To pass secrets to a command, use `model-config exec`"
        )
