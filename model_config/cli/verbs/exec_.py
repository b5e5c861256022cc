"""`model-config exec`: run a command with a release in its environment."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import Annotated, NoReturn

import typer

from model_config.cli.output import Environment, Label, Local, Model, Prefix, Release
from model_config.cli.panels import Panel

PANEL = Panel.READ

VariablePrefix = Annotated[
    str, typer.Option(help="What each variable's name begins with, such as CHAT_.")
]
# As a shell has them.
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def exec_(  # noqa: PLR0913 - a verb's options
    model: Model,
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND", help="What to run, after --.", show_default=False),
    ],
    *,
    label: Label = None,
    release: Release = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Fill only what is set to from-release, and all of that."),
    ] = False,
    variable_prefix: VariablePrefix = "",
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Run a command with a release's values and secrets as environment variables.

    A variable's name is the value's path in upper case, all but letters and digits as underscores:
    GENERATION_TEMPERATURE, and API_KEY for the secret api_key. A string stands there as itself,
    all else as JSON. They win over variables of the same name.

    With --strict, set the variables that the command needs to from-release. These are filled, and
    no others; it fails if the release lacks one, or has one that is set to something else.

    The command takes this process's place: signals reach it, and its exit code is the one you get.
    It is 127 where there is no such command, 126 where it can't be run.

    Example: model-config exec support_chat --environment prod -- python serve.py --port 80
    """
    from model_config.cli.environment_variables import asked_for, variables
    from model_config.cli.target import target

    with target(environment, prefix, local=local) as aws:
        configuration = aws.configuration(model, label, release, secrets=True)
    secrets = {path: secret.reveal() for path, secret in configuration.secrets.items()}
    found = variables(configuration, secrets, variable_prefix)
    _become(command, asked_for(found, os.environ) if strict else found)


def _become(command: list[str], found: Mapping[str, str]) -> NoReturn:
    """Replace this process by the command."""
    # UTF-8 whatever the locale: the command gets what the release holds.
    environment = {**os.environb, **{key.encode(): text.encode() for key, text in found.items()}}
    sys.stdout.flush()
    # Python ignores it, and a process that takes this one's place would too.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - what the user asked for
    except (FileNotFoundError, NotADirectoryError):
        _fail(_NOT_FOUND, f"{command[0]}: there is no such command")
    except OSError as error:  # among them: more than the kernel takes, in one variable or in all
        _fail(_NOT_EXECUTABLE, f"{command[0]} can't be run: {error.strerror}")


def _fail(code: int, text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
