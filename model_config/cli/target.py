"""The target of a verb: environments on AWS, or on this project's local AWS.

Verbs import this module when they run, since it imports boto3.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial

import boto3
import typer
from botocore.exceptions import BotoCoreError

from model_config.cli.context import current_project, named_options, project_or_none
from model_config.cli.output import with_progress
from model_config.format.errors import InvalidConfigurationError, UsageError
from model_config.format.text import nearest, visible
from model_config.operate.drift import Drift, find_drift
from model_config.operate.environment import Environment, Hold
from model_config.operate.ssm import Ssm, aws_client
from model_config.plan.plan import is_protected, valid_plan
from model_config.plan.project import NAMESPACE
from model_config.plan.settings import read_settings
from model_config.plan.stack_file import read_stack_file


@contextmanager
def target(
    environment: str, prefix: str | None, *, local: bool, quiet: bool = False
) -> Iterator[Environment]:
    """Yield the environment that a verb names. Changes to the local AWS are saved afterwards.

    If the project has `Pulumi.<environment>.yaml`, that file provides what the options and boto3's
    settings don't: the prefix, the region, and the environment's name if it differs from the
    stack's. For completion it is `quiet`, and doesn't say where the verb acts.
    """
    with _opened([environment], prefix, local=local) as (place,), place.hold():
        if not quiet:
            _say_where([place])
        yield place


@contextmanager
def targets(
    environment: str, prefix: str | None, *, local: bool, regions: Sequence[str] | None
) -> Iterator[list[Environment]]:
    with target(environment, prefix, local=local, quiet=True) as here:
        places = [
            replace(here, ssm=Ssm(aws_client("ssm", region), watch=with_progress), region=region)
            for region in dict.fromkeys(regions or ())
        ] or [here]
        _say_where(places)
        yield places


def compared(environment: str, *, local: bool) -> Drift:
    """Return how an environment in AWS differs from the program."""
    with target(environment, None, local=local) as aws:
        return find_drift(aws.ssm.view(aws.ssm.watch), valid_plan(current_project(), environment))


@contextmanager
def environments(
    stacks: Sequence[str] | None, prefix: str | None, *, local: bool
) -> Iterator[list[Environment]]:
    """Yield several environments, by default all of the project, protected ones last."""
    project = project_or_none()
    if project is None and not stacks:
        raise UsageError("there is no project here, so name an environment with --environment")
    known = project.require_stacks() if project else stacks or ()
    for stack in stacks or ():
        if stack not in known:
            raise UsageError(f"there is no environment {stack!r}: {nearest(stack, known)}")
    if project and not stacks:
        known = sorted(known, key=partial(is_protected, project))
    with _opened(list(dict.fromkeys(stacks or known)), prefix, local=local) as places:
        _say_where(places)
        yield places


@contextmanager
def _opened(
    stacks: Sequence[str], prefix: str | None, *, local: bool
) -> Iterator[list[Environment]]:
    with _local_aws() if local else nullcontext(nullcontext) as hold:
        places = []
        for stack in stacks:
            name, below, region = named(stack, prefix)
            ssm = _ssm(region, local=local)
            places.append(Environment(name, below, ssm, stack, is_local=local, hold=hold))
        yield places


@contextmanager
def _local_aws() -> Iterator[Hold]:
    from model_config.local.local_aws import LiveState, local_aws
    from model_config.local.state import StateFolder

    with local_aws():
        yield LiveState(StateFolder(current_project())).held


def _ssm(region: str | None, *, local: bool) -> Ssm:
    if not local:
        return Ssm(aws_client("ssm", unless_set(region)), watch=with_progress)
    # moto takes a second to import.
    from model_config.local.local_aws import DEFAULT_REGION, client

    return Ssm(client("ssm", region or DEFAULT_REGION), watch=with_progress, threads=1)


def unless_set(region: str | None) -> str | None:
    with suppress(BotoCoreError):  # the first request fails too, and says what to do
        if boto3.session.Session().region_name:
            return None
    return region


def named(stack: str, prefix: str | None) -> tuple[str, str, str | None]:
    """Return a stack's environment and prefix, and the region in its file."""
    project = project_or_none()
    if project is None or not project.stack_file(stack).is_file():
        return stack, prefix or "/ai", None
    try:
        config = read_stack_file(project, stack)
    except InvalidConfigurationError as error:
        broken = project.stack_file(stack).read_text(encoding="utf-8", errors="replace")
        return _named_in_broken(broken, stack, prefix, error)
    settings, findings = read_settings(config)
    # Other invalid settings matter to a deploy, and must not block a rollback.
    needed = {f"{NAMESPACE}:prefix", f"{NAMESPACE}:environment"}
    if wrong := [finding for finding in findings if finding.where in needed]:
        raise InvalidConfigurationError(wrong)
    return settings.environment, prefix or settings.prefix, config.region


def _named_in_broken(
    text: str, stack: str, prefix: str | None, error: InvalidConfigurationError
) -> tuple[str, str, str | None]:
    """Return what a file with, say, merge conflicts says: a rollback has to be possible."""

    def value(key: str) -> str | None:
        line = rf"^\s*[\"']?{key}[\"']?:[ \t]*[\"']?([^\s\"'#]+)"
        values = set(re.findall(line, text, re.MULTILINE))
        if len(values) > 1:
            raise error
        return next(iter(values), None)

    environment = value(f"{NAMESPACE}:environment") or stack
    prefix = prefix or value(f"{NAMESPACE}:prefix") or "/ai"
    typer.echo(f"{error}\nThe verb acts below {prefix}/{environment}.", err=True)
    return environment, prefix, value("aws:region")


def _say_where(places: Sequence[Environment]) -> None:
    where = sorted({place.ssm.region for place in places if not place.is_local})
    if where and (account := _account_in_settings()):
        where.insert(0, account)
    say_where([place.name for place in places], *where)


def say_where(environments: Sequence[str], *aws: str) -> None:
    """Say on standard error which AWS the verb acts on, and which variables chose it.

    `aws` are its account, if that is known, and its regions; nothing is the local AWS.
    """
    place = f"AWS {', '.join(aws)}" if aws else "local AWS (.local/)"
    names = ["AWS_PROFILE", "AWS_ENDPOINT_URL"]
    if not aws:
        names = [] if "local" in named_options() else ["MODEL_CONFIG_LOCAL"]
    chosen = [f"{name}={value}" for name in names if (value := os.environ.get(name))]
    by = f", chosen by {' and '.join(chosen)}" if chosen else ""
    typer.echo(visible(f"On {place}: {', '.join(dict.fromkeys(environments))}{by}"), err=True)


def _account_in_settings() -> str | None:
    """Return the account that AWS's settings name. For other credentials it takes a request."""
    if "AWS_ACCESS_KEY_ID" in os.environ:
        return os.environ.get("AWS_ACCOUNT_ID")
    profile = boto3.session.Session()._session.get_scoped_config()  # noqa: SLF001
    if role := os.environ.get("AWS_ROLE_ARN") or profile.get("role_arn"):
        return str(role).split(":")[4]
    account: str | None = profile.get("sso_account_id") or profile.get("aws_account_id")
    return account
