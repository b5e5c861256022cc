"""Where a verb works: an environment in AWS, or in the local AWS of this project.

Verbs import this when they run: it brings boto3 along.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import boto3
from botocore.exceptions import BotoCoreError

from model_config.cli.project import current_project, project_or_none
from model_config.format.errors import InvalidConfigurationError
from model_config.format.names import environment_path
from model_config.operate.clients import aws_client
from model_config.operate.inventory import Inventory
from model_config.operate.labels import Labels
from model_config.operate.releases import Releases, read_releases
from model_config.operate.store import OperatorStore
from model_config.plan.settings import read_settings
from model_config.plan.stack_config import NAMESPACE
from model_config.plan.stack_file import read_stack_file
from model_config.reader.configuration import Configuration
from model_config.reader.reader import Reader


@dataclass(frozen=True, slots=True)
class Target:
    """An environment, and what asks for it.

    Attributes:
        environment: its name.
        prefix: where in SSM all of it stands.
        client: the client for SSM; None: each room makes its own.
        region: the region, where the user named one.
        options: what names the same place in a command that is printed.
    """

    environment: str
    prefix: str
    client: Any = None
    region: str | None = None
    options: str = ""

    def where(self, model: str) -> str:
        """Return what a model is called in what is printed: "chat in dev (eu-west-1)"."""
        return f"{model} in {self.environment}{f' ({self.region})' if self.region else ''}"

    def configuration(
        self, model: str, label: str | None, release: int | None, *, secrets: bool = False
    ) -> Configuration:
        """Return a model's configuration, its secrets locked unless they are asked for.

        Raises:
            ModelConfigError: as `Reader.get`.
        """
        reader = Reader(self.environment, prefix=self.prefix, client=self.client, secrets=secrets)
        return reader.get(model, label=label, release=release)

    def labels(self) -> Labels:
        """Return what moves the environment's labels."""
        return Labels(self.environment, prefix=self.prefix, client=self.client)

    @property
    def path(self) -> str:
        """The environment's path, "/ai/prod"."""
        return environment_path(self.prefix, self.environment)

    def releases(self, model: str) -> Releases:
        """Return a model's releases, all of their documents among them.

        Raises:
            ModelNotFoundError: there are none.
            StoreError: AWS can't be asked, or refuses.
        """
        return read_releases(OperatorStore(self.client), self.path, model, documents=True)

    def models(self) -> list[str]:
        """Return the names of the models that have a release.

        Raises:
            StoreError: AWS can't be asked, or refuses.
        """
        return Inventory(self.client).models_below(self.path)


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
    options = " ".join(
        [
            f"-e {environment}",
            *([f"--prefix {prefix}"] if prefix else []),
            *(["--local"] if local else []),
        ]
    )
    environment, set_prefix, region = _stack(environment)
    here = Target(environment, prefix or set_prefix, options=options)
    if local:
        with _local_client(region) as client:
            yield replace(here, client=client)
    else:
        with _in_region(region):
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
            replace(
                here,
                client=aws_client("ssm", region),
                region=region,
                options=f"{here.options} --region {region}",
            )
            for region in dict.fromkeys(regions or ())
        ] or [here]


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
def _in_region(region: str | None) -> Iterator[None]:
    """Tell boto3 the region where nothing else does."""
    known = None
    with suppress(BotoCoreError):  # the first request meets it too, and says what to do
        known = boto3.session.Session().region_name
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": region} if region and not known else {}):
        yield


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
