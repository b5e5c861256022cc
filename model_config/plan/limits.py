"""Checks the limits of AWS offline, so that no deploy fails half-way because of them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.format.names import SEGMENT
from model_config.plan.aws import LONGEST_REGION, RESERVED_START, Account
from model_config.plan.project import NAMESPACE, Project, StackConfig
from model_config.plan.settings import Settings, read_settings
from model_config.plan.stack_file import read_stack_file

#: The most characters of a parameter's ARN, with its name (SSM API reference, PutParameter, Name).
MAX_ARN_CHARACTERS = 1011
#: The most levels of a parameter's name (SSM API reference, PutParameter, Name).
MAX_LEVELS = 15
#: The most Standard parameters in an account and region (AWS General Reference, Systems Manager
#: quotas).
MAX_PARAMETERS = 10_000
#: The most characters of a KMS alias (KMS API reference, CreateAlias).
MAX_ALIAS_CHARACTERS = 256
#: The most characters of an IAM policy's name (IAM API reference, CreatePolicy).
MAX_POLICY_NAME_CHARACTERS = 128
#: The most characters of an EventBridge rule's name (EventBridge API reference, PutRule), and the
#: number of digits at its end, after a hyphen, that make it unique. Set by this package.
MAX_RULE_NAME_CHARACTERS, RULE_DIGITS = 64, 7


_NAME_SOURCE = "SSM API reference, PutParameter, Name"


def arn_prefix(region: str | None) -> str:
    """Return a parameter's ARN without its name. If the region is unknown, it is the longest."""
    return Account("0" * 12, region or LONGEST_REGION).parameter_arn


def check_name(name: str, where: str, region: str | None) -> Iterator[Finding]:
    """Yield the reasons why SSM would refuse a parameter's full name."""
    for segment in name.split("/")[1:]:
        if not SEGMENT.fullmatch(segment):
            yield Finding(
                where,
                f"{segment!r} in the parameter's name {name!r} has characters that SSM refuses",
                'use letters, digits, "_", "." and "-" in the field\'s name',
                f"only a-zA-Z0-9_.- between slashes ({_NAME_SOURCE})",
            )
    if RESERVED_START.match(name):
        yield Finding(
            where,
            f'the parameter\'s name {name!r} begins with "aws" or "ssm"',
            "set another model-config:prefix",
            f"both are reserved, in upper and lower case ({_NAME_SOURCE})",
        )
    if (levels := name.count("/")) > MAX_LEVELS:
        yield Finding(
            where,
            f"the parameter's name has {levels} levels",
            "nest groups less deeply, or shorten model-config:prefix",
            f"at most {MAX_LEVELS} ({_NAME_SOURCE})",
        )
    if (length := len(arn_prefix(region) + name)) > MAX_ARN_CHARACTERS:
        yield Finding(
            where,
            f"the parameter's name has {len(name):,} characters, {length:,} with its ARN before it",
            f"shorten it by {length - MAX_ARN_CHARACTERS:,}: model-config:prefix, a group or field",
            f"at most {MAX_ARN_CHARACTERS:,} with the ARN, here {arn_prefix(region)} "
            f"({_NAME_SOURCE})",
        )


def check_collisions(names: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Yield pairs of fields whose parameters' names are the same, or differ only in case.

    Args:
        names: the path ("model/path") and the full name of each parameter.
    """
    by_name: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for where, name in names:
        by_name[name.casefold()].append((where, name))
    for (first, first_name), *others in by_name.values():
        for where, name in others:
            how = "is the same as" if name == first_name else "differs only in case from"
            yield Finding(
                where,
                f"its parameter's name {name!r} {how} that of {first}",
                "rename one of the two",
                "one would overwrite the other, or be mistaken for it",
            )


def check_counts(parameters: Counter[str]) -> Iterator[Finding]:
    """Yield a model with too many parameters, and a stack with too many.

    Args:
        parameters: the number of Standard parameters of each model.
    """
    source = f"{MAX_PARAMETERS:,} Standard parameters in an account and region (AWS quotas)"
    for model, count in parameters.items():
        if count > MAX_PARAMETERS:
            yield Finding(model, f"it has {count:,} parameters", "split it, or store less", source)
    if (total := parameters.total()) > MAX_PARAMETERS:
        largest = ", ".join(f"{model} {count:,}" for model, count in parameters.most_common(5))
        yield Finding(
            "all models together",
            f"{total:,} parameters; the largest: {largest}",
            "deploy some models to another account or region, or store less",
            source,
        )


def check_alias(alias: str) -> Iterator[Finding]:
    """Yield the reason why KMS would refuse the key's alias."""
    if len(alias) > MAX_ALIAS_CHARACTERS:
        yield Finding(
            "model-config:prefix",
            f"the KMS key's alias {alias!r} has {len(alias)} characters",
            "shorten model-config:prefix or the environment's name",
            f"at most {MAX_ALIAS_CHARACTERS} (KMS API reference, CreateAlias)",
        )


def check_policy_name(model: str, name: str) -> Iterator[Finding]:
    """Yield the reason why IAM would refuse the name of a model's reader policy."""
    if len(name) > MAX_POLICY_NAME_CHARACTERS:
        yield Finding(
            model,
            f"its reader policy's name {name!r} has {len(name)} characters",
            "shorten the model's file name, the environment's or model-config:prefix",
            f"at most {MAX_POLICY_NAME_CHARACTERS} (IAM API reference, CreatePolicy)",
        )


def check_rule_name(name: str) -> Iterator[Finding]:
    """Yield the reason why EventBridge would refuse a rule's name, with the digits added to it."""
    added = 1 + RULE_DIGITS
    if len(name) > (room := MAX_RULE_NAME_CHARACTERS - added):
        yield Finding(
            "model-config:notifyTopicArn",
            f"the name of its EventBridge rule, {name!r}, has {len(name)} characters",
            "shorten model-config:prefix or the environment's name",
            f"at most {room}, and {added} that tell stacks apart (EventBridge API reference, "
            "PutRule)",
        )


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
