"""The target of a verb: an environment on AWS, or on this project's local AWS.

Verbs import this module when they run, since it imports boto3.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import boto3
from botocore.exceptions import BotoCoreError

from model_config.cli.project import current_project, project_or_none
from model_config.format.errors import InvalidConfigurationError
from model_config.operate.clients import aws_client
from model_config.operate.target import Target
from model_config.plan.settings import read_settings
from model_config.plan.stack_config import NAMESPACE
from model_config.plan.stack_file import read_stack_file


@contextmanager
def target(environment: str, prefix: str | None, *, local: bool) -> Iterator[Target]:
    """Yield the environment that a verb's options name.

    If the project has `Pulumi.<environment>.yaml`, that file provides what the options and boto3's
    settings don't: the prefix, the region, and the environment's name if it differs from the
    stack's.

    Args:
        environment: the environment, or its stack.
        prefix: its prefix in SSM. Default: from the stack file.
        local: use the local AWS, and save changes to it.

    Raises:
        InvalidConfigurationError: the stack file can't be read, or its prefix is invalid.
        LocalError: the local AWS can't be used.
    """
    here, region = named(environment, prefix)
    if local:
        with _local_client(region) as client:
            yield replace(here, client=client)
    else:
        region = unless_set(region)
        with patch.dict(os.environ, {"AWS_DEFAULT_REGION": region} if region else {}):
            yield here


@contextmanager
def targets(
    environment: str, prefix: str | None, *, local: bool, regions: Sequence[str] | None
) -> Iterator[list[Target]]:
    """Yield the environment that a verb's options name, once for each region.

    Arguments and errors are those of `target`.
    """
    with target(environment, prefix, local=local) as here:
        yield [
            replace(here, client=aws_client("ssm", region), region=region)
            for region in dict.fromkeys(regions or ())
        ] or [here]


def named(environment: str, prefix: str | None) -> tuple[Target, str | None]:
    """Return the environment that a verb's options name, and the region in its stack file.

    Arguments and errors are those of `target`.
    """
    project = project_or_none()
    if project is None or not project.stack_file(environment).is_file():
        return Target(environment, prefix or "/ai"), None
    config = read_stack_file(project, environment)
    settings, findings = read_settings(config)
    # Other invalid settings matter to a deploy, and must not block a rollback.
    needed = {f"{NAMESPACE}:prefix", f"{NAMESPACE}:environment"}
    if wrong := [finding for finding in findings if finding.where in needed]:
        raise InvalidConfigurationError(wrong)
    return Target(settings.environment, prefix or settings.prefix), config.region


def unless_set(region: str | None) -> str | None:
    """Return a region unless boto3's own settings name one."""
    with suppress(BotoCoreError):  # the first request fails too, and says what to do
        if boto3.session.Session().region_name:
            return None
    return region


@contextmanager
def _local_client(region: str | None) -> Iterator[Any]:
    # moto takes a second to import.
    from model_config.local import local_aws
    from model_config.local.state import StateFolder

    folder = StateFolder(current_project())
    with folder.locked(), local_aws.local_aws():
        state = folder.load()
        local_aws.restore(state)
        yield local_aws.client("ssm", region or local_aws.DEFAULT_REGION)
        parameters = local_aws.snapshot()
        if parameters != state.parameters:
            folder.save(replace(state, parameters=parameters))
