"""Finds stacks of one project that would create the same alias, reader policies or parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.plan.project import Project
from model_config.plan.settings import Settings, read_settings
from model_config.plan.stack_config import NAMESPACE, StackConfig
from model_config.plan.stack_file import read_stack_file


def check_stacks(project: Project, config: StackConfig, settings: Settings) -> Iterator[Finding]:
    """Yield the resources that another stack creates too, in the same account and region.

    Without `aws:allowedAccountIds` a stack may be deployed to any account.
    """
    for stack in project.stack_names():
        if stack == config.stack:
            continue
        try:
            other = read_stack_file(project, stack)
        except InvalidConfigurationError:
            continue  # reported when that stack is checked
        accounts, others = _accounts(config), _accounts(other)
        if other.region == config.region and (accounts & others or not (accounts and others)):
            yield from _common_resources(project, config, settings, other)


def _common_resources(
    project: Project, config: StackConfig, settings: Settings, other: StackConfig
) -> Iterator[Finding]:
    others, _ = read_settings(other)
    have_keys = not (settings.kms_key_arn or others.kms_key_arn)
    if have_keys and settings.key_alias == others.key_alias:
        yield Finding(
            f"{NAMESPACE}:environment",
            f"{other.file} also creates a key with the alias {settings.key_alias}",
            f"give one of the two another environment, or set {NAMESPACE}:kmsKeyArn. If they "
            "deploy to different accounts, name these in the aws:allowedAccountIds of both",
            "an alias is unique in an account and region",
            config.file,
        )
    other_policies = _policies(project, others, config.region)
    policies = _policies(project, settings, config.region)
    if names := sorted(policies[policy] for policy in policies.keys() & other_policies.keys()):
        yield Finding(
            f"{NAMESPACE}:models",
            f"{other.file} also deploys {', '.join(names)} to this environment and prefix",
            f"name each of them in the {NAMESPACE}:models of one stack only. If they deploy to "
            "different accounts, name these in the aws:allowedAccountIds of both",
            "a policy's name is unique in an account, in upper and lower case",
            config.file,
        )


def _policies(project: Project, settings: Settings, region: str | None) -> dict[str, str]:
    """Return the models of a stack by their reader policies' names, case-folded as IAM does."""
    names = settings.models or project.model_names()
    return {settings.policy_name(name, region or "").casefold(): name for name in names}


def _accounts(config: StackConfig) -> set[str]:
    try:
        return set(map(str, json.loads(config.values.get("aws:allowedAccountIds", "[]"))))
    except (TypeError, ValueError):
        return set()
