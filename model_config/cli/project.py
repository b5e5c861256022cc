"""The project that a verb uses: that of the current folder, or of --project."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer

from model_config.cli.commands import CommandTarget, acts_at
from model_config.format.errors import ProjectNotFoundError
from model_config.plan.project import Project

_BY_NAME = inspect.Parameter.KEYWORD_ONLY
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


def takes_project(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option --project to a verb, so that no verb has to declare it."""
    signature = inspect.signature(verb, eval_str=True)

    @functools.wraps(verb)
    def run(*args: Any, project: Path | None, context: typer.Context, **kwargs: Any) -> Any:
        acts_at(_command_target(context))
        before = _chosen.set(project)
        try:
            return verb(*args, **kwargs)
        finally:
            _chosen.reset(before)

    parameters = [
        *signature.parameters.values(),
        inspect.Parameter("project", _BY_NAME, default=None, annotation=_Option),
        inspect.Parameter("context", _BY_NAME, annotation=typer.Context),
    ]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
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
    """Return the project that the verb uses.

    Raises:
        ProjectNotFoundError: there is none.
    """
    folder = _chosen.get() or (Path(given) if (given := os.environ.get(_VARIABLE)) else Path.cwd())
    return Project.find(folder.resolve())


def project_or_none() -> Project | None:
    """Return the project, or None: verbs that only use AWS need no project."""
    try:
        return current_project()
    except ProjectNotFoundError:
        return None
