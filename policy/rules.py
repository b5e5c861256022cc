"""What the pack demands, as plain functions: what the engine says in, what is wrong with it out.

Nothing here knows `pulumi_policy`, so the rules are tested without it and without a CLI. Properties
have the engine's names (`keyId`); one that a preview can't know yet is UNKNOWN, and is checked in
the update, where it is known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

PARAMETER = "aws:ssm/parameter:Parameter"
KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
POLICY = "aws:iam/policy:Policy"
STACK = "pulumi:pulumi:Stack"

#: In the place of a value that a preview can't know.
UNKNOWN = object()

Properties = Mapping[str, Any]

# Shorter texts stand in too many others by chance; they are compared whole.
_TELLING_LENGTH = 8
_WILDCARD = re.compile(r"[*?]")
_PARAMETER_ARN = re.compile(r"arn:[^:*?]+:ssm:[^:*?]+:[^:*?]+:parameter(?P<name>/.*)")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an organisation can set; see README.md.

    Attributes:
        prefix: where in SSM the model configurations stand.
        protected_environments: the environments whose releases nobody may delete by mistake.
        reader_policy_path: the IAM path of the reader policies.
    """

    prefix: str = "/ai"
    protected_environments: Sequence[str] = ("prod",)
    reader_policy_path: str = "/model-config/"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the stack, as it is when the stack is complete.

    Attributes:
        props: its outputs.
        dependencies: for each property, the URNs of the resources whose outputs went into it.
    """

    type: str
    urn: str
    props: Properties
    protect: bool = False
    dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict)


# One resource at a time, before it is written ------------------------------------------------


def below_prefix(parameter: Properties, settings: Settings) -> Iterator[str]:
    """Yield a parameter's name that stands somewhere else."""
    name = parameter.get("name")
    if name is not UNKNOWN and not _is_below(name, settings):
        yield f"{name!r} does not stand below {settings.prefix}/"


def secure_string(parameter: Properties, settings: Settings) -> Iterator[str]:
    """Yield another type than SecureString."""
    if not _is_below(parameter.get("name"), settings):
        return
    if (kind := parameter.get("type")) != "SecureString":
        yield f"its type is {kind}, not SecureString"
    if parameter.get("insecureValue") is not None:
        yield "it has an insecureValue, which Pulumi shows and keeps in plain text"


def customer_key(parameter: Properties, settings: Settings) -> Iterator[str]:
    """Yield the default key, with which every principal of the account may decrypt."""
    if not _is_below(parameter.get("name"), settings):
        return
    key = parameter.get("keyId")
    if key is UNKNOWN:
        return
    if not key:
        yield "it names no key, so AWS takes alias/aws/ssm"
    elif "alias/aws/" in key:
        yield f"{key} is a key of AWS's own"


def rotation(key: Properties, _: Settings) -> Iterator[str]:
    """Yield a key that isn't rotated, of those that can be: KMS rotates symmetric keys alone."""
    spec = key.get("customerMasterKeySpec") or "SYMMETRIC_DEFAULT"
    if spec == "SYMMETRIC_DEFAULT" and key.get("enableKeyRotation") is not True:
        yield "enableKeyRotation is not true"


def narrow_reader(policy: Properties, settings: Settings) -> Iterator[str]:
    """Yield what a reader policy grants beyond one model's releases and secrets."""
    document = policy["policy"]
    if policy.get("path") != settings.reader_policy_path or document is UNKNOWN:
        return
    document = json.loads(document) if isinstance(document, str) else document
    statements = _list(document["Statement"])
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    for statement in allowed:
        yield from _too_wide(statement, settings)
    models = {
        model
        for statement in allowed
        for pattern in _patterns(statement)
        if (model := _model_of(pattern, settings))
    }
    if len(models) > 1:
        yield f"it reads more than one model: {', '.join(sorted(models))}"


# The whole stack, once it is known -----------------------------------------------------------


def unprotected(resources: Sequence[Resource], settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the URN of each unprotected release, the key it is encrypted by, and its aliases.

    Deleting a release's parameter deletes its history; deleting the key, every value.
    """
    releases = {
        resource.urn
        for resource in resources
        if resource.type == PARAMETER and _is_protected_release(resource.props, settings)
    }
    keys = _used_by(releases, "keyId", resources)
    aliases = {
        resource.urn
        for resource in resources
        if resource.type == ALIAS and keys & set(resource.dependencies.get("targetKeyId", ()))
    }
    for resource in resources:
        if resource.urn in releases | keys | aliases and not resource.protect:
            yield resource.urn, "protect is not set"


def exported_secrets(
    resources: Sequence[Resource], settings: Settings
) -> Iterator[tuple[str, str]]:
    """Yield each output of the stack that holds the text of a secret, or a whole resource.

    The text is looked for, marked as secret or not: a mark keeps it out of sight here, but hands
    it to every stack that refers to this one.
    """
    secrets = {
        text
        for resource in resources
        if resource.type == PARAMETER and "/secrets/" in str(resource.props.get("name"))
        if _is_below(resource.props.get("name"), settings)
        for text in _spellings(resource.props.get("value"))
    }
    for stack in resources:
        if stack.type == STACK:
            for path, problem in _exposed(stack.props, secrets):
                yield stack.urn, f"{path} {problem}"


def _is_below(name: object, settings: Settings) -> bool:
    return isinstance(name, str) and name.startswith(f"{settings.prefix}/")


def _is_protected_release(parameter: Properties, settings: Settings) -> bool:
    environments = "|".join(map(re.escape, settings.protected_environments))
    release = rf"{re.escape(settings.prefix)}/({environments})/[^/]+/release"
    return re.fullmatch(release, str(parameter.get("name"))) is not None


def _used_by(urns: set[str], prop: str, resources: Sequence[Resource]) -> set[str]:
    return {
        used
        for resource in resources
        if resource.urn in urns
        for used in resource.dependencies.get(prop, ())
    }


def _too_wide(statement: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    for inverse in {"NotAction", "NotResource"} & statement.keys():
        yield f"{inverse} grants all but what it names"
    actions = _list(statement.get("Action", []))
    for action in actions:
        if _WILDCARD.search(action):
            yield f"the action {action} has a wildcard"
    for pattern in _patterns(statement):
        if _WILDCARD.search(pattern) and not _is_models_own(pattern, settings):
            yield f"{pattern} has a wildcard above one model's release/parts and secrets"
    decrypts = "kms:decrypt" in map(str.lower, actions)
    if decrypts and not _contexts(statement):
        yield "kms:Decrypt without a condition on kms:EncryptionContext:PARAMETER_ARN"


def _patterns(statement: Mapping[str, Any]) -> list[str]:
    return [*_list(statement.get("Resource", [])), *_contexts(statement)]


def _contexts(statement: Mapping[str, Any]) -> list[str]:
    """Return what a statement says about the parameter that is decrypted."""
    return [
        pattern
        for operator, condition in statement.get("Condition", {}).items()
        # "…IfExists" lets through a request without the key, and "Not…" everything but it.
        if operator in {"StringEquals", "StringLike"}
        for pattern in _list(condition.get("kms:EncryptionContext:PARAMETER_ARN", []))
    ]


def _model_of(arn: str, settings: Settings) -> str | None:
    """Return the "environment/model" that a parameter's ARN is of."""
    name = _name_in(arn, settings)
    return "/".join(name.split("/")[:2]) if name else None


def _is_models_own(arn: str, settings: Settings) -> bool:
    name = _name_in(arn, settings)
    return bool(name and re.fullmatch(r"[^/*?]+/[^/*?]+/(release/parts|secrets)/\*", name))


def _name_in(arn: str, settings: Settings) -> str | None:
    """Return the parameter's name in an ARN, as it stands below the prefix."""
    found = _PARAMETER_ARN.fullmatch(arn)
    below = found is not None and _is_below(found["name"], settings)
    return found["name"].removeprefix(f"{settings.prefix}/") if found and below else None


def _spellings(stored: object) -> Iterator[str]:
    """Yield a secret as it is stored, and as it was given where SSM couldn't hold it so."""
    if isinstance(stored, str) and stored:
        yield stored
        with suppress(ValueError):  # another stack's parameter may begin with a quotation mark too
            if stored.startswith('"'):
                yield json.loads(stored)


def _exposed(value: Any, secrets: set[str], path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        if {"urn", "id"} <= value.keys():
            yield path, "is a whole resource, its secret properties included: export what is needed"
        for key, item in value.items():
            yield from _exposed(item, secrets, f"{path}.{key}" if path else key)
    elif isinstance(value, str):
        if any(_holds(value, secret) for secret in secrets):
            yield path, "holds the text of a secret"
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from _exposed(item, secrets, f"{path}[{index}]")


def _holds(text: str, secret: str) -> bool:
    return secret in text if len(secret) >= _TELLING_LENGTH else secret == text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
