"""What the running verb was given: its project, and the options that printed commands repeat.

The other rooms write messages for AWS and don't know about the local AWS. When a message is
printed, each command in backticks gets the user's options that it lacks. Under --local, `pulumi up`
becomes `model-config local deploy`.
"""

import functools
import inspect
import os
import re
import shlex
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from model_config.format.errors import ModelConfigError, ProjectNotFoundError
from model_config.plan.project import Project

_VARIABLE = "MODEL_CONFIG_PROJECT"
_running: ContextVar[typer.Context | None] = ContextVar("running", default=None)


@dataclass(frozen=True, kw_only=True)
class _Shared:
    context: typer.Context
    project: Annotated[
        Path | None,
        typer.Option(
            envvar=_VARIABLE,
            file_okay=False,
            help="The project's folder. Default: the project of the current folder.",
        ),
    ] = None


def for_typer(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that typer runs for a verb, which has the option --project too.

    An option needs no more than a help text, and its names if they aren't those of the parameter:
    `Annotated[bool, "Print JSON.", "--json"]`. Before the `*`, it is an argument, and what follows
    its help is its metavar. A function completes either. A dataclass that the verb takes, such as
    `options.Target`, stands for an option for each field.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for parameter in _parameters(verb):
        if is_dataclass(group := parameter.annotation):
            groups[parameter.name] = group
            parameters += _parameters(group)
        else:
            parameters.append(parameter)

    @functools.wraps(verb)
    def run(context: typer.Context, project: Path | None, **given: Any) -> None:  # noqa: ARG001
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        before = _running.set(context)
        try:
            verb(**given)
        except ModelConfigError as error:
            typer.echo(to_paste(str(error)), err=True)
            raise typer.Exit(2) from None
        finally:
            _running.reset(before)

    parameters += _parameters(_Shared)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameters(function: Any) -> list[inspect.Parameter]:
    return list(map(_for_typer, inspect.signature(function, eval_str=True).parameters.values()))


def _for_typer(parameter: inspect.Parameter) -> inspect.Parameter:
    kind, *about = get_args(parameter.annotation) or (None,)
    if not (about and isinstance(about[0], str)):
        return parameter
    given: dict[str, Any] = {"autocompletion": about.pop() if callable(about[-1]) else None}
    given["help"], *names = about
    if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        about = typer.Argument(metavar="".join(names) or None, **given)
    elif kind is bool and not names:  # typer would add --no-...
        about = typer.Option(f"--{parameter.name.replace('_', '-')}", **given)
    else:
        about = typer.Option(*names, **given)
    return parameter.replace(annotation=Annotated[kind, about])


def current_project() -> Project:
    context = _running.get()
    chosen = context and context.params.get("project")
    return Project.find(Path(chosen or os.environ.get(_VARIABLE) or "").resolve())


def project_or_none() -> Project | None:
    """Return the project, or None: verbs that only use AWS need no project."""
    try:
        return current_project()
    except ProjectNotFoundError:
        return None


def named_options() -> dict[str, str]:
    """Return the options on the command line that select what the verb acts on."""
    options: dict[str, str] = {}
    if context := _running.get():
        for name in ("environment", "region", "prefix", "project", "local"):
            value, source = context.params.get(name), context.get_parameter_source(name)
            if name == "region" and value and len(value) == 1:  # of several, a text names its own
                value = value[0]
            # A verb may take several environments; a printed command takes one. What comes from
            # variables isn't repeated: a pasted command gets it from there too.
            if isinstance(value, str | Path | bool) and source and source.name == "COMMANDLINE":
                options[name] = "" if value is True else str(value)
    return options


def to_paste(text: str) -> str:
    """Return a text with its commands as they act where the running verb does."""
    context = _running.get()
    return re.sub("`([^`]+)`", lambda match: _fitted(match[1], context), text) if context else text


def _fitted(command: str, context: typer.Context) -> str:
    if command.startswith("model-config "):
        own, dashes, others = command.partition(" -- ")  # what follows is another program's
        return f"`{own}{_lacking(own.split()[1:], context)}{dashes}{others}`"
    if context.params.get("local") and command.startswith("pulumi up"):
        stack = re.search(r"--stack (\S+)", command)
        environment = f" --environment {stack[1]}" if stack else ""
        fitted = _fitted(f"model-config local deploy{environment}", context)
        project, named = project_or_none(), re.search(r"--environment (\S+?)[ `]", fitted)
        if project and named and not (file := project.stack_file(named[1])).is_file():
            known = ", ".join(project.stack_names())
            fitted += f" (there is no {file.name}; stacks with a file: {known})"
        return fitted
    if context.params.get("local") and command.startswith("pulumi config set --secret"):
        key = re.search(r"model-config:(\S+)", command)
        return f"a line{f' for {key[1]}' if key else ''} in .local/secrets.yaml"
    if context.params.get("local") and command.startswith("aws "):
        return f"`{command}` (in a shell with the variables of `model-config local serve`)"
    return f"`{command}`"


def _lacking(words: list[str], context: typer.Context) -> str:
    command = context.find_root().command
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    lacking = ""
    for name, value in named_options().items() if command.name != "init" else ():
        takes = next((it.opts for it in command.params if f"--{name}" in it.opts), ())
        if takes and not {*takes} & {*words}:
            lacking += f" --{name} {shlex.quote(value)}" if value else f" --{name}"
    return lacking
