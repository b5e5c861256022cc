"""Where a verb works: an environment in AWS, or in the local AWS of this project.

Verbs import this when they run: it brings boto3 along.
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
    """Give what a verb's options name.

    Where the project has `Pulumi.<environment>.yaml`, that says what the options and boto3's own
    settings leave open: the prefix, the region, and the environment's name where it has another.

    Args:
        environment: the environment, or its stack.
        prefix: where in SSM it stands. Default: what the stack's file says.
        local: work on the local AWS, and keep what was written there.

    Raises:
        InvalidConfigurationError: the stack's file can't be read, or its prefix can't be used.
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
    """Give what a verb's options name, once for each region.

    Args, errors: as `target` has them.
    """
    with target(environment, prefix, local=local) as here:
        yield [
            replace(here, client=aws_client("ssm", region), region=region)
            for region in dict.fromkeys(regions or ())
        ] or [here]


def named(environment: str, prefix: str | None) -> tuple[Target, str | None]:
    """Return what a verb's options name, and the region in its stack's file.

    Args, errors: as `target` has them.
    """
    environment, set_prefix, region = _stack(environment)
    return Target(environment, prefix or set_prefix), region


def unless_set(region: str | None) -> str | None:
    """Return a region where boto3's own settings name none."""
    with suppress(BotoCoreError):  # the first request meets it too, and says what to do
        if boto3.session.Session().region_name:
            return None
    return region


def _stack(environment: str) -> tuple[str, str, str | None]:
    """Return the environment's name, prefix and region as its stack's file has them."""
    project = project_or_none()
    if project is None or not project.stack_file(environment).is_file():
        return environment, "/ai", None
    config = read_stack_file(project, environment)
    settings, findings = read_settings(config)
    # Another setting that is wrong is the deploy's business, and must not hold up a rollback.
    needed = {f"{NAMESPACE}:prefix", f"{NAMESPACE}:environment"}
    if wrong := [finding for finding in findings if finding.where in needed]:
        raise InvalidConfigurationError(wrong)
    return settings.environment, settings.prefix, config.region


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
