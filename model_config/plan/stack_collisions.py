"""Two stacks of one project that would make the same alias, reader policies and parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.plan.project import Project
from model_config.plan.settings import Settings, read_settings
from model_config.plan.stack_config import NAMESPACE, StackConfig
from model_config.plan.stack_file import read_stack_file


def check_stacks(project: Project, config: StackConfig, settings: Settings) -> Iterator[Finding]:
    """Yield what another stack of the project makes, too, in the same account and region.

    Only what the files say is known: which accounts a stack may deploy to, if they name any.
    """
    for stack in project.stack_names():
        if stack == config.stack:
            continue
        try:
            other = read_stack_file(project, stack)
        except InvalidConfigurationError:
            continue  # the stack itself is told
        if other.region == config.region and _accounts(other) & _accounts(config):
            yield from _of_both(project, config, settings, other)


def _of_both(
    project: Project, config: StackConfig, settings: Settings, other: StackConfig
) -> Iterator[Finding]:
    others, _ = read_settings(other)
    have_keys = not (settings.kms_key_arn or others.kms_key_arn)
    if have_keys and settings.key_alias == others.key_alias:
        yield Finding(
            f"{NAMESPACE}:environment",
            f"{other.file} makes a key with the alias {settings.key_alias} as well",
            f"give one of the two another environment, or set {NAMESPACE}:kmsKeyArn",
            "an alias is on one key of an account and region",
            config.file,
        )
    theirs = _policies(project, others, config.region)
    ours = _policies(project, settings, config.region)
    if names := sorted(ours[policy] for policy in ours.keys() & theirs.keys()):
        yield Finding(
            f"{NAMESPACE}:models",
            f"{other.file} deploys {', '.join(names)} to the same place as well",
            f"name each of them in the {NAMESPACE}:models of one stack",
            "IAM's names are the whole account's, in any case of letters",
            config.file,
        )


def _policies(project: Project, settings: Settings, region: str | None) -> dict[str, str]:
    """Return the models of a stack by the names of their reader policies, as IAM compares them."""
    names = settings.models or project.model_names()
    return {settings.policy_name(name, region or "").casefold(): name for name in names}


def _accounts(config: StackConfig) -> set[str]:
    try:
        return set(map(str, json.loads(config.values.get("aws:allowedAccountIds", "[]"))))
    except (TypeError, ValueError):
        return set()
