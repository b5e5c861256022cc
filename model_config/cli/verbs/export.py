"""`model-config export` and `exec`: a release in a file, or in the environment of a command."""

import os
import signal
import sys
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from model_config.cli import formats, options
from model_config.files import write_file
from model_config.format.errors import UsageError

PANEL = options.Panel.READ


def export(  # noqa: PLR0913 - a verb's options
    models: Annotated[
        list[str] | None,
        "The model; with --fallback, any number. Default: all.",
        "[MODEL]...",
    ] = None,
    *,
    form: Annotated[formats.Format, "The format.", "--format"] = "json",
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

    if not fallback and len(models or ()) != 1:
        raise UsageError("name one model to export; only --fallback takes several")
    if fallback and with_secrets:
        raise UsageError("a fallback has no secrets: omit --with-secrets")
    if fallback and release is not None and len(models or ()) != 1:
        raise UsageError("--release needs exactly one model: name it, or use --label instead")
    if with_secrets and output is None:
        raise UsageError(
            "--with-secrets needs --output FILE, so that no secret reaches a terminal or a log. "
            "To pass secrets to a command, use `model-config exec MODEL -- COMMAND`"
        )
    with target.open() as aws:
        chosen = models or aws.models()
        given = [aws.configuration(it, label, release, secrets=with_secrets) for it in chosen]
    if fallback:
        text = fallback_document(given)
    else:
        secrets = given[0].secrets if with_secrets else {}
        texts = {path: secret.reveal() for path, secret in secrets.items()}
        text = formats.as_text(form, given[0], texts, variable_prefix)
    if form == "dotenv" and not fallback:
        comments = takewhile(lambda line: line.startswith("# "), text.splitlines())
        for line in list(comments)[1:]:  # which parsers read some of it otherwise
            typer.echo(line.removeprefix("# "), err=True)
    if output:
        write_file(output, text, private=with_secrets)
    else:
        typer.echo(text, nl=False)


def exec_(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    command: Annotated[list[str], "What to run, after --.", "COMMAND"],
    *,
    label: options.Label = None,
    release: options.Release = None,
    strict: Annotated[bool, "Fill only the variables that are set to from-release."] = False,
    variable_prefix: options.VariablePrefix = "",
    target: options.Target,
) -> None:
    """Run a command with a release's values and secrets as environment variables.

    A variable's name is the value's path in upper case, with underscores for all characters but
    letters and digits: GENERATION_TEMPERATURE, and API_KEY for the secret api_key. A string is used
    unchanged; any other value is JSON. These variables override existing ones. Names that change
    how programs behave, such as PATH, need --variable-prefix.

    With --strict, set each variable that the command needs to from-release. Only these are filled.
    It fails if the release lacks one, or has one that is set to another value.

    The command replaces this process: signals reach it, and its exit code is the one you get. The
    exit code is 127 if there is no such command, and 126 if it can't be run.

    Example: model-config exec support_chat --environment prod -- python serve.py --port 80
    """
    with target.open() as aws:
        configuration = aws.configuration(model, label, release, secrets=True)
    secrets = {path: secret.reveal() for path, secret in configuration.secrets.items()}
    variables = formats.environment_variables(configuration, secrets, variable_prefix)
    _become(command, formats.only_requested(variables, os.environ) if strict else variables)


def _become(command: list[str], variables: Mapping[str, str]) -> NoReturn:
    # Always UTF-8, so that the command gets the release's exact text in any locale.
    given = {name.encode(): text.encode() for name, text in variables.items()}
    sys.stdout.flush()
    # Python ignores SIGPIPE, and the new process would inherit that.
    ignored = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, {**os.environb, **given})  # noqa: S606 - as the user asked
    except (FileNotFoundError, NotADirectoryError):
        code, problem = 127, f"{command[0]}: command not found"  # the exit codes of shells
    except OSError as error:  # such as an environment beyond the kernel's limit
        code, problem = 126, f"{command[0]} can't be run: {error.strerror}"
    finally:  # there is no new process
        signal.signal(signal.SIGPIPE, ignored)
    typer.echo(problem, err=True)
    raise typer.Exit(code)
