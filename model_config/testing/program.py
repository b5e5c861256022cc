"""Runs a project's whole program, as Pulumi's language host does, under Pulumi's mocks.

For a project's own tests: `findings(project)` returns the findings in its models and stack files,
and `deploy_under_mocks(project, "prod")` what a deploy would register and export. Neither needs
Pulumi's CLI or AWS.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import runpy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, stack
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_root_resource, reset_options, set_root_resource

from model_config.plan.checks import secret_fields
from model_config.plan.project import NAMESPACE, Project, StackConfig
from model_config.plan.registry import Modules, read_modules
from model_config.plan.stack_file import read_stack_file
from model_config.plan.validation import validate
from model_config.testing.recorder import Recorder

__all__ = [
    "Deployed",
    "Recorder",
    "deploy_under_mocks",
    "findings",
    "run_program",
    "with_stand_ins",
]

ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Deployed:
    """The resources that a program registered, and its outputs."""

    recorder: Recorder
    outputs: Mapping[str, Any]


def findings(project: Project) -> list[str]:
    """Return the errors that `model-config validate` would report, in all environments.

    Args:
        project: the project.
    """
    results = validate(project, project.require_stacks(), secrets=False)
    return [
        f"{', '.join(result.environments)}: {result.finding}"
        for result in results
        if result.is_error
    ]


def deploy_under_mocks(
    project: Project,
    stack: str,
    *,
    recorder: Recorder | None = None,
    preview: bool = False,
    **settings: str,
) -> Deployed:
    """Run a project's program for one of its stacks, with a placeholder text for each secret.

    Args:
        project: the project.
        stack: one of its stacks; its file is read.
        recorder: the recorder to use. Default: a new one.
        preview: whether to run it as a preview.
        settings: settings under `model-config:`, as text, that are added to those in the file or
            replace them.

    Raises:
        pulumi.RunError: the program refused its configuration. The text holds every finding.
        InvalidConfigurationError: the stack's file can't be read.
    """
    recorder = recorder or Recorder()
    config = with_stand_ins(read_stack_file(project, stack), read_modules(project))
    given = {f"{NAMESPACE}:{key}": value for key, value in settings.items()}
    config = replace(config, values={**config.values, **given})
    outputs = run_program(project.root, config, recorder, preview=preview)
    return Deployed(recorder, outputs)


def with_stand_ins(
    config: StackConfig, modules: Modules, given: Mapping[str, str] | None = None
) -> StackConfig:
    """Return a stack's configuration in which every secret of the models has a text.

    A secret in plain text in the stack's file is left as it is, for the program to refuse.

    Args:
        config: the stack's configuration, from its file.
        modules: the model modules.
        given: the texts of secrets by their config key. The others get a placeholder.
    """
    keys = sorted(set(secret_fields(modules.models.values())) - set(config.own()))
    texts = {key: (given or {}).get(key, f"stand-in for {key}") for key in keys}
    values = {f"{NAMESPACE}:{key}": text for key, text in texts.items()}
    return replace(
        config,
        values={**config.values, **values},
        # A setting in the file that is a secret stays one, for the program to refuse.
        secret_keys=config.secret_keys | set(values),
    )


def run_program(
    project: Path,
    config: StackConfig,
    mock: mocks.Mocks,
    monitor: mocks.MockMonitor | None = None,
    *,
    preview: bool = False,
) -> dict[str, Any]:
    """Run a project's program to its end, and return its outputs as plain values.

    Args:
        project: the folder of `__main__.py`.
        config: the stack and its configuration, with the secrets in plain text among the values.
        mock: answers registrations and invokes.
        monitor: your own monitor, which uses the mock. Default: the mock, if it is also a monitor,
            otherwise Pulumi's.
        preview: whether to run it as a preview.

    Raises:
        pulumi.RunError: the program refused its configuration.
    """
    with _fresh_runtime() as loop:
        monitor = monitor or (mock if isinstance(mock, MockMonitor) else None)
        mocks.set_mocks(
            mock, config.project, config.stack, preview, monitor=monitor, organization=ORGANIZATION
        )
        _forget_root_stack()  # set_mocks leaves its own
        set_all_config(dict(config.values), list(config.secret_keys))
        return loop.run_until_complete(_run(project))


async def _run(project: Path) -> dict[str, Any]:
    await stack.run_in_stack(lambda: _run_main(project))
    root = cast(stack.Stack, get_root_resource())
    return cast(dict[str, Any], await _resolved(root.outputs))


def _run_main(project: Path) -> None:
    runpy.run_path(str(project / "__main__.py"), run_name="__main__")


async def _resolved(value: Any) -> Any:
    """Return a value with each output in it awaited. An unknown output becomes None."""
    if isinstance(value, pulumi.Output):
        return await _resolved(await value.future(with_unknowns=False))
    if isinstance(value, dict):
        return {key: await _resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [await _resolved(item) for item in value]
    return value


@contextmanager
def _fresh_runtime() -> Iterator[asyncio.AbstractEventLoop]:
    """Run with a new event loop, and reset Pulumi's global state afterwards."""
    threshold = gc.get_threshold()  # which the program raises
    # asyncio would log the unfinished tasks of a refused program, in addition to the refusal.
    asyncio_log = logging.getLogger("asyncio")
    level = asyncio_log.level
    asyncio_log.setLevel(logging.CRITICAL)
    try:
        # set_mocks already schedules work on the loop. At the end, the registrations of a refused
        # program may still be running, some in other threads: the runner ends them.
        with asyncio.Runner() as runner:
            yield runner.get_loop()
    finally:
        asyncio_log.setLevel(level)
        gc.set_threshold(*threshold)
        set_all_config({}, [])
        _forget_root_stack()
        reset_options()


def _forget_root_stack() -> None:
    set_root_resource(cast(pulumi.Resource, None))  # its type doesn't allow None
