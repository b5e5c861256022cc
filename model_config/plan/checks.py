"""Checks a stack's configuration: keys, namespaces, region, KMS key, secrets and other stacks."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from model_config.format.codec import PART_BYTES, encode, size_in_bytes
from model_config.format.errors import CodecError, Finding, InvalidConfigurationError
from model_config.format.text import closest, nearest
from model_config.plan import aws, hierarchy, stack_file
from model_config.plan.project import NAMESPACE, Project, StackConfig, set_secret_command
from model_config.plan.registry import MODULE_NAME, Model
from model_config.plan.settings import SETTING_KEYS, Settings, read_settings
from model_config.schema import ChatModel

#: API keys of providers, access keys of AWS, private keys, bearer tokens, and URLs with a password.
#: A key of a provider has a digit, which tells it from a hyphenated word.
LOOKS_SECRET = re.compile(
    r"\b(sk-|sk_|ghp_|github_pat_|xox[a-z]-|hf_|AIza|Bearer )(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}"
    r"|\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@{]+:[^/\s@{]+@"
)


def secret_fields(models: Iterable[Model]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for model in models:
        for path, ref in hierarchy.secrets_of(model.config).items():
            fields.setdefault(ref.config_key, []).append(f"{model.name}/secrets/{path}")
    return fields


def unset_secrets(config: StackConfig, fields: Mapping[str, list[str]]) -> dict[str, Finding]:
    values, secret_keys = config.own(), config.own_secret_keys()
    unset = {}
    for key, of_key in sorted(fields.items()):
        value, is_setting = values.get(key), key in SETTING_KEYS
        # A secret key has no value where it can't be decrypted.
        if value == "" if key in secret_keys else value is None and not is_setting:
            problem = f"the secret {NAMESPACE}:{key} is not set"
            fix = set_secret_command(key, config.stack)
            unset[key] = config.finding(", ".join(of_key), problem, fix)
    return unset


def check_secrets(config: StackConfig, fields: Mapping[str, list[str]]) -> Iterator[Finding]:
    values, secret_keys = config.own(), config.own_secret_keys()
    for key, of_key in sorted(fields.items()):
        value, reason, size = values.get(key), "", 0
        command = set_secret_command(key, config.stack)
        if key in SETTING_KEYS:
            problem, fix = f'"{key}" is the name of a setting', "give the SecretRef another key"
        elif value is not None and key not in secret_keys:
            problem = f"{NAMESPACE}:{key} is in plain text in {config.file}"
            fix = f"it may have been read: revoke it at its provider, and set a new one: {command}"
        else:
            try:
                size = size_in_bytes(encode(value)) if value else 0  # encrypted, or not set
            except CodecError as error:
                problem, fix = f"the secret can't be stored: {error}", command
            else:
                if size <= PART_BYTES:
                    continue
                problem, fix = f"the secret has {size:,} bytes", f"store a shorter one: {command}"
                reason = (
                    f"at most {PART_BYTES:,} in a Standard parameter, and a secret is never split "
                    "(SSM API reference, PutParameter, Tier)"
                )
        yield config.finding(", ".join(of_key), problem, fix, reason)


_KEY, _MULTI_REGION, _TOPIC = (
    f"{NAMESPACE}:{key}" for key in ("kmsKeyArn", "kmsMultiRegion", "notifyTopicArn")
)


def check_regions(settings: Settings, config: StackConfig) -> Iterator[Finding]:
    region, skips = config.region, config.values.get("aws:skipRegionValidation") == "true"
    if region and region not in aws.REGIONS and not skips:
        near = closest(region.lower(), aws.REGIONS)
        fix = f'did you mean "{near}"? ' if near else ""
        fix += "If it is new, set aws:skipRegionValidation to true"
        yield config.finding("aws:region", f'"{region}" is not an AWS region', fix)
    for where, arn in ((_KEY, settings.kms_key_arn), (_TOPIC, settings.notify_topic_arn)):
        if region and arn and (its_region := arn.split(":")[3]) != region:
            problem = f"it is in {its_region}, and the stack deploys to {region}"
            reason = "SSM and EventBridge call KMS and SNS only in their own region"
            yield config.finding(where, problem, "name one in the stack's region", reason)
    if settings.kms_key_arn and settings.kms_multi_region:
        problem = "it applies only to a key that the stack creates, and the stack uses an existing"
        yield config.finding(_MULTI_REGION, f"{problem} key", f"remove it, or remove {_KEY}")


def changed_key(settings: Settings, former: Mapping[str, Any], file: str) -> Finding | None:
    """Return a finding if the settings replace the key that a stack's releases are encrypted under.

    `former` is the stack's output `kms_key`. An existing key has no alias in it, and the id of a
    multi-Region key begins with "mrk-" (KMS developer guide, Multi-Region keys).
    """
    arn, existing = former["arn"], former.get("alias") is None
    multi_region = former["id"].startswith("mrk-")
    if existing and settings.kms_key_arn != arn:
        where, problem, fix = _KEY, f"the stack uses the existing key {arn}", f"set it to {arn}"
    elif not existing and settings.kms_key_arn:
        problem = f"the stack has its own key, {arn}, which would be deleted"
        where, fix = _KEY, "remove it"
    elif not existing and settings.kms_multi_region != multi_region:
        problem = f"the stack's key {arn} is {'' if multi_region else 'not '}a multi-Region key"
        where, fix = _MULTI_REGION, f"set it to {str(multi_region).lower()}"
    else:
        return None
    another = "deploy another environment, move the readers, and destroy this one"
    reason = "every release so far is encrypted under that key, and could no longer be read"
    return Finding(where, problem, f"{fix}. To use another key, {another}", reason, file)


def check_keys(
    config: StackConfig, secret_keys: Iterable[str], *, all_known: bool = True
) -> Iterator[Finding]:
    """Yield keys that are neither a setting nor, if all are known, a model's secret."""
    known, secrets = SETTING_KEYS | set(secret_keys), config.own_secret_keys()
    given = set(config.own()) | secrets if all_known else set(config.own()) - secrets
    problem = "there is no such setting, and no model has a secret with that key"
    for key in sorted(given - known):
        yield config.finding(f"{NAMESPACE}:{key}", problem, nearest(key, known))


def check_namespaces(config: StackConfig) -> Iterator[Finding]:
    for key in sorted({*config.values, *config.secret_keys}):
        namespace, _, name = key.partition(":")
        if namespace == config.project != NAMESPACE:
            if name in {NAMESPACE, *SETTING_KEYS}:
                right = "<setting>, one key for each setting" if name == NAMESPACE else name
                problem = "the key has no namespace or the project's, so it has no effect"
                reason = "Pulumi gives a key without a namespace that of the project, "
                fix = f"write {NAMESPACE}:{right}"
                yield config.finding(key, problem, fix, reason + config.project)
        elif namespace != NAMESPACE and closest(namespace.casefold(), [NAMESPACE], cutoff=0.87):
            # "ml-config" is another
            problem = f'the namespace is "{namespace}", so the key has no effect'
            yield config.finding(key, problem, f"write {NAMESPACE}:{name}")


def check_choice(
    settings: Settings, config: StackConfig, known: Sequence[str]
) -> Iterator[Finding]:
    if not known:
        yield Finding("models", "there is no model module", "add one to models/")
    chosen = known if settings.models is None else settings.models
    for name in sorted(set(chosen) - set(known)):
        problem = f'there is no model "{name}"'
        yield config.finding(f"{NAMESPACE}:models", problem, nearest(name, known))
    for name in sorted(set(settings.overrides) - set(chosen)):
        where = f"{NAMESPACE}:overrides.{name}"
        here = f"add it to {NAMESPACE}:models, or remove its overrides"
        fix = here if name in known else nearest(name, known)
        yield config.finding(where, f'this stack has no model "{name}"', fix)


def check_fallbacks(models: Sequence[Model], known: Sequence[str]) -> Iterator[Finding]:
    for model in models:
        fallbacks = model.config.fallbacks if isinstance(model.config, ChatModel) else None
        for position, name in enumerate(fallbacks or ()):
            is_name = name not in known and MODULE_NAME.fullmatch(name)
            if is_name and (close := closest(name, known, cutoff=0.8)):
                where = f"{model.name}/fallbacks/{position}"
                other = f'If it is a provider\'s name for a model, write "provider/{name}"'
                fix = f'did you mean "{close}"? {other}'
                yield Finding(where, f'there is no model "{name}"', fix)


def check_stacks(project: Project, config: StackConfig, settings: Settings) -> Iterator[Finding]:
    # Without `aws:allowedAccountIds` a stack may be deployed to any account.
    for stack in project.stack_names():
        if stack == config.stack:
            continue
        try:
            other = stack_file.read_stack_file(project, stack)
        except InvalidConfigurationError:
            continue  # reported when that stack is checked
        common = list(_common_resources(project, config, settings, other))
        if common and other.region == config.region:
            accounts, others = _accounts(config) or {config.account()} - {""}, _accounts(other)
            if accounts & others or not (accounts and others):
                yield from common


def _common_resources(
    project: Project, config: StackConfig, settings: Settings, other: StackConfig
) -> Iterator[Finding]:
    others, _ = read_settings(other)
    apart = "If they deploy to different accounts, name these in the aws:allowedAccountIds of both"
    have_keys = not (settings.kms_key_arn or others.kms_key_arn)
    if have_keys and settings.key_alias == others.key_alias:
        yield config.finding(
            f"{NAMESPACE}:environment",
            f"{other.file} also creates a key with the alias {settings.key_alias}",
            f"give one of the two another environment, or set {_KEY}. {apart}",
            "an alias is unique in an account and region",
        )
    # IAM tells no case apart.
    policies, of_other = (
        {
            it.policy_name(name, config.region or "").casefold(): name
            for name in it.models or project.model_names()
        }
        for it in (settings, others)
    )
    if names := sorted(policies[policy] for policy in policies.keys() & of_other.keys()):
        yield config.finding(
            f"{NAMESPACE}:models",
            f"{other.file} also deploys {', '.join(names)} to this environment and prefix",
            f"name each of them in the {NAMESPACE}:models of one stack only. {apart}",
            "a policy's name is unique in an account, in upper and lower case",
        )


def _accounts(config: StackConfig) -> set[str]:
    try:
        return set(map(str, json.loads(config.values.get("aws:allowedAccountIds", "[]"))))
    except (TypeError, ValueError):
        return set()


def check_lengths(
    settings: Settings, models: Iterable[str], region: str | None
) -> Iterator[Finding]:
    added = 1 + aws.RULE_DIGITS
    whole = f"{NAMESPACE}:prefix or the environment's name"
    alias = "" if settings.kms_key_arn else settings.key_alias
    rule = settings.rule_name("releases") if settings.notify_topic_arn else ""
    named = [
        (f"{NAMESPACE}:prefix", "the KMS key's alias", alias, 256, whole, "KMS", "CreateAlias"),
        (_TOPIC, "its EventBridge rule's name", rule, 64 - added, whole, "EventBridge", "PutRule"),
    ]
    for model in models:
        policy = settings.policy_name(model, region or aws.LONGEST_REGION)
        parts = f"the model's file name, the environment's or {NAMESPACE}:prefix"
        named.append((model, "its reader policy's name", policy, 128, parts, "IAM", "CreatePolicy"))
    for where, what, name, most, shorter, service, action in named:
        if len(name) > most:
            problem = f"{what} {name!r} has {len(name)} characters"
            more = f", and {added} that tell stacks apart" if name == rule else ""
            reason = f"at most {most}{more} ({service} API reference, {action})"
            yield Finding(where, problem, f"shorten {shorter}", reason)
