"""`model-config exec`: run a command with a release in its environment."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import Annotated, NoReturn

import typer

from model_config.cli import options
from model_config.cli.formats import environment_variables, only_requested

PANEL = options.Panel.READ

# The exit codes of shells.
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def exec_(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND", help="What to run, after --.", show_default=False),
    ],
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
    variables = environment_variables(configuration, secrets, variable_prefix)
    _become(command, only_requested(variables, os.environ) if strict else variables)


def _become(command: list[str], variables: Mapping[str, str]) -> NoReturn:
    # Always UTF-8, so that the command gets the release's exact text in any locale.
    environment = {
        **os.environb,
        **{key.encode(): text.encode() for key, text in variables.items()},
    }
    sys.stdout.flush()
    # Python ignores SIGPIPE, and the new process would inherit that.
    ignored = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - what the user asked for
    except (FileNotFoundError, NotADirectoryError):
        _fail(_NOT_FOUND, f"{command[0]}: command not found")
    except OSError as error:  # such as an environment beyond the kernel's limit
        _fail(_NOT_EXECUTABLE, f"{command[0]} can't be run: {error.strerror}")
    finally:  # there is no new process
        signal.signal(signal.SIGPIPE, ignored)


def _fail(code: int, text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
