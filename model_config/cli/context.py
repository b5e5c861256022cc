"""What the running verb was given: its project, and the options that printed commands repeat.

The other rooms write messages for AWS and don't know about the local AWS. When a message is
printed, each command in backticks gets the user's options that it lacks. Under --local, `pulumi up`
becomes `model-config local deploy`.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from model_config.format.errors import ProjectNotFoundError
from model_config.plan.project import Project

_KEY = re.compile(r"model-config:(\S+)")
_STACK = re.compile(r"--stack (\S+)")
_SHORT = {"environment": "-e"}
#: The options that each verb takes, by the verb's words: "show", "local deploy".
_takes: dict[str, frozenset[str]] = {}


@dataclass(frozen=True, slots=True)
class CommandTarget:
    """The target of the running verb."""

    is_local: bool = False
    #: The options that select it, without environment variables, which a pasted command gets too.
    options: Mapping[str, str] = field(default_factory=dict)


_target: ContextVar[CommandTarget] = ContextVar("target", default=CommandTarget())  # noqa: B039 -- never written to


def verb_takes(words: str, options: Iterable[str]) -> None:
    _takes[words] = frozenset(options)


def is_on_command_line(option: str) -> bool:
    """Return whether an option of the target, such as "local", is not from a variable."""
    return option in _target.get().options


def to_paste(text: str) -> str:
    return re.sub("`([^`]+)`", lambda found: _fitted(found[1]), text)


def _fitted(command: str) -> str:
    target = _target.get()
    if target.is_local and command.startswith("pulumi up"):
        stack = _STACK.search(command)
        command = f"model-config local deploy{f' --environment {stack[1]}' if stack else ''}"
    if target.is_local and command.startswith("pulumi config set --secret"):
        key = _KEY.search(command)
        return f"a line{f' for {key[1]}' if key else ''} in .local/secrets.yaml"
    if command.startswith("model-config "):
        own, dashes, others = command.partition(" -- ")  # what follows is another program's
        return f"`{' '.join([own, *_lacking(own.split()[1:], target)])}{dashes}{others}`"
    return f"`{command}`"


def _lacking(words: list[str], target: CommandTarget) -> Iterator[str]:
    """Yield the options of a target that a command takes and lacks."""
    takes = _takes.get(" ".join(words[:2])) or _takes.get(words[0], frozenset())
    for name, value in target.options.items():
        if name in takes and not {f"--{name}", _SHORT.get(name)} & set(words):
            yield f"--{name} {shlex.quote(value)}" if value else f"--{name}"


_by_name = functools.partial(inspect.Parameter, kind=inspect.Parameter.KEYWORD_ONLY)
_VARIABLE = "MODEL_CONFIG_PROJECT"
_chosen: ContextVar[Path | None] = ContextVar("chosen", default=None)
_Option = Annotated[
    Path | None,
    typer.Option(
        "--project",
        envvar=_VARIABLE,
        file_okay=False,
        help="The project's folder. Default: the project of the current folder.",
    ),
]


def with_shared_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that typer runs for a verb.

    It has the option --project, and in place of each dataclass that the verb takes, such as
    `options.Target`, an option for each field.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type, Mapping[str, inspect.Parameter]]] = {}
    for parameter in inspect.signature(verb, eval_str=True).parameters.values():
        group = parameter.annotation
        if isinstance(group, type) and is_dataclass(group):
            fields = inspect.signature(group, eval_str=True).parameters
            groups[parameter.name] = (group, fields)
            parameters += fields.values()
        else:
            parameters.append(parameter)
    parameters.append(_by_name("project", annotation=_Option, default=None))
    parameters.append(_by_name("context", annotation=typer.Context))

    @functools.wraps(verb)
    def run(*args: Any, project: Path | None, context: typer.Context, **kwargs: Any) -> Any:
        _target.set(_command_target(context))
        for name, (group, fields) in groups.items():
            kwargs[name] = group(**{field: kwargs.pop(field) for field in fields})
        before = _chosen.set(project)
        try:
            return verb(*args, **kwargs)
        finally:
            _chosen.reset(before)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _command_target(context: typer.Context) -> CommandTarget:
    options = {}
    for name in ("environment", "prefix", "project", "local"):
        value, source = context.params.get(name), context.get_parameter_source(name)
        # A verb may take several environments; a printed command takes one.
        if isinstance(value, str | Path | bool) and source and source.name == "COMMANDLINE":
            options[name] = "" if value is True else str(value)
    return CommandTarget(bool(context.params.get("local")), options)


def current_project() -> Project:
    """Return the project that the verb uses, or raise ProjectNotFoundError."""
    folder = _chosen.get() or (Path(given) if (given := os.environ.get(_VARIABLE)) else Path.cwd())
    return Project.find(folder.resolve())


def project_or_none() -> Project | None:
    """Return the project, or None: verbs that only use AWS need no project."""
    try:
        return current_project()
    except ProjectNotFoundError:
        return None
