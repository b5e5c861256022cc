"""Several environments at once, on AWS or on this project's local AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from model_config.cli.project import current_project, project_or_none
from model_config.cli.target import named, unless_set
from model_config.format.errors import UsageError
from model_config.operate.environment import Environment, Hold
from model_config.operate.target import Target
from model_config.plan.messages import nearest
from model_config.reader.connection import Connection
from model_config.reader.store import Store


@contextmanager
def environments(
    stacks: Sequence[str] | None, prefix: str | None, *, local: bool
) -> Iterator[list[Environment]]:
    """Yield the environments that a verb's options name.

    Args:
        stacks: the stacks. Default: all of the project.
        prefix: their prefix in SSM. Default: from each stack's file.
        local: use the local AWS, and save changes to it.

    Raises:
        UsageError: an environment doesn't exist, or none is named and there is no project.
        InvalidConfigurationError: a stack file can't be read, or its prefix is invalid.
        LocalError: the local AWS can't be used.
    """
    found = {stack: named(stack, prefix) for stack in _chosen(stacks or ())}
    if local:
        with _local_aws() as hold:
            yield [_local(stack, *each, hold) for stack, each in found.items()]
    else:
        yield [
            Environment(stack, here, Store(connection=Connection(region=unless_set(region))))
            for stack, (here, region) in found.items()
        ]


def _chosen(stacks: Sequence[str]) -> list[str]:
    project = project_or_none()
    if project is None and not stacks:
        raise UsageError("there is no project here, so name an environment with --environment")
    known = project.require_stacks() if project else stacks
    for stack in stacks:
        if stack not in known:
            raise UsageError(f"there is no environment {stack!r}: {nearest(stack, known)}")
    return list(dict.fromkeys(stacks or known))


@contextmanager
def _local_aws() -> Iterator[Hold]:
    # moto takes a second to import.
    from model_config.local.local_aws import LiveState, local_aws
    from model_config.local.state import StateFolder

    with local_aws():
        yield LiveState(StateFolder(current_project())).held


def _local(stack: str, here: Target, region: str | None, hold: Hold) -> Environment:
    from model_config.local.local_aws import DEFAULT_REGION, client

    ssm = client("ssm", region or DEFAULT_REGION)
    return Environment(stack, replace(here, client=ssm), Store(ssm), is_local=True, hold=hold)
