"""The rules of the pack, as plain functions that take properties and yield problems.

Nothing here imports `pulumi_policy`, so that tests need neither it nor the CLI. Properties have the
engine's names (`keyId`). A property that a preview doesn't know yet is UNKNOWN, and is checked in
the update.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exports import exposed, spellings
from reader_policies import environments_read, grants_beyond_one_model

PARAMETER = "aws:ssm/parameter:Parameter"
KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
POLICY = "aws:iam/policy:Policy"
STACK = "pulumi:pulumi:Stack"

#: Replaces a value that a preview doesn't know.
UNKNOWN = object()

# A rollout document's parts, and what they may hold: docs/release-format.md.
_ROLLOUT_KEYS = {
    "moved": {"label", "release", "from", "reason", "held"},
    "rollout": {"label", "release", "from", "salt", "units", "steps", "plan"},
    "together": {"label", "releases", "from", "previous", "pending"},
}

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the pack; see README.md.

    Attributes:
        prefix: the path above all model configurations in SSM.
        protected_environments: the environments whose releases must be protected from deletion.
        reader_policy_path: the IAM path of the reader policies.
    """

    prefix: str = "/ai"
    protected_environments: Sequence[str] = ("prod",)
    reader_policy_path: str = "/model-config/"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the stack, once the whole stack is known.

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
    """Yield a parameter's name that is not below the prefix."""
    name = parameter.get("name")
    if name is not UNKNOWN and not _is_below(name, settings):
        yield f"{name!r} is not below {settings.prefix}/"


def secure_string(parameter: Properties, settings: Settings) -> Iterator[str]:
    """Yield a type other than SecureString, except for a rollout's document, which is a String."""
    if not _is_below(parameter.get("name"), settings):
        return
    kind = parameter.get("type")
    if kind != "SecureString" and not _is_rollout(parameter, settings):
        yield f"its type is {kind}, not SecureString"
    elif kind != "SecureString" and not _is_rollout_document(parameter.get("value")):
        yield "its value is not a rollout document"
    if parameter.get("insecureValue") is not None:
        yield "it has an insecureValue, which Pulumi shows and keeps in plain text"


def customer_key(parameter: Properties, settings: Settings) -> Iterator[str]:
    """Yield AWS's default key, with which every principal of the account can decrypt."""
    if not _is_below(parameter.get("name"), settings) or _is_rollout(parameter, settings):
        return
    key = parameter.get("keyId")
    if key is UNKNOWN:
        return
    if not key:
        yield "it names no key, so AWS uses alias/aws/ssm"
    elif "alias/aws/" in key:
        yield f"{key} is an AWS managed key"


def rotation(key: Properties, _: Settings) -> Iterator[str]:
    """Yield a symmetric key without rotation. KMS rotates no other keys."""
    spec = key.get("customerMasterKeySpec") or "SYMMETRIC_DEFAULT"
    if spec == "SYMMETRIC_DEFAULT" and key.get("enableKeyRotation") is not True:
        yield "enableKeyRotation is not true"


def narrow_reader(policy: Properties, settings: Settings) -> Iterator[str]:
    """Yield what a reader policy allows beyond one model's release, rollout and secrets."""
    document = policy["policy"]
    if policy.get("path") == settings.reader_policy_path and _is_known(document):
        yield from grants_beyond_one_model(document, settings.prefix)


# The whole stack, once it is known -----------------------------------------------------------


def unprotected(resources: Sequence[Resource], settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the URN of each unprotected release, its reader policy, its key, and its aliases.

    Deleting a release's parameter deletes its history, and deleting the key makes every value
    unreadable. A reader policy is deleted before its release, so it is protected, too.
    """
    releases = [
        resource
        for resource in resources
        if resource.type == PARAMETER and _is_protected_release(resource.props, settings)
    ]
    readers = {
        resource.urn
        for resource in resources
        if resource.type == POLICY and _reads_protected(resource.props, settings)
    }
    # A release names its key itself or by an alias: as another resource's output, or as text.
    keys = {urn for release in releases for urn in release.dependencies.get("keyId", ())}
    names = {str(release.props.get("keyId")) for release in releases}
    all_aliases = [resource for resource in resources if resource.type == ALIAS]
    for alias in all_aliases:
        name = str(alias.props.get("name"))
        if alias.urn in keys or any(text == name or text.endswith(f":{name}") for text in names):
            keys |= {alias.urn, *alias.dependencies.get("targetKeyId", ())}
    aliases = {
        alias.urn for alias in all_aliases if keys & {*alias.dependencies.get("targetKeyId", ())}
    }
    protected = readers | keys | aliases | {release.urn for release in releases}
    for resource in resources:
        if resource.urn in protected and not resource.protect:
            yield resource.urn, "protect is not set"


def exported_secrets(
    resources: Sequence[Resource], settings: Settings
) -> Iterator[tuple[str, str]]:
    """Yield each output of the stack that holds the text of a secret, or a whole resource.

    Outputs that are marked as secret are included: the mark hides the text here, but every stack
    that refers to this one can read it.
    """
    secrets = {
        text
        for resource in resources
        if resource.type == PARAMETER and "/secrets/" in str(resource.props.get("name"))
        if _is_below(resource.props.get("name"), settings)
        for text in spellings(resource.props.get("value"))
    }
    for stack in resources:
        if stack.type == STACK:
            for path, problem in exposed(stack.props, secrets):
                yield stack.urn, f"{path} {problem}"


def _is_below(name: object, settings: Settings) -> bool:
    return isinstance(name, str) and name.startswith(f"{settings.prefix}/")


def _is_rollout(parameter: Properties, settings: Settings) -> bool:
    """Return whether a parameter is a model's rollout, a String without any of its values."""
    name = rf"{re.escape(settings.prefix)}/[^/]+/[^/]+/rollout"
    has_name = re.fullmatch(name, str(parameter.get("name"))) is not None
    return has_name and parameter.get("type") == "String"


def _is_rollout_document(value: object) -> bool:
    """Return whether a text has a rollout document's keys and no others: anyone can read it."""
    if value is UNKNOWN:
        return True
    try:
        document = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return False
    return (
        isinstance(document, dict)
        and document.get("format") == 1
        and document.keys() <= {"format", *_ROLLOUT_KEYS}
        and all(
            isinstance(document.get(name, {}), dict) and document.get(name, {}).keys() <= keys
            for name, keys in _ROLLOUT_KEYS.items()
        )
    )


def _reads_protected(policy: Properties, settings: Settings) -> bool:
    environments = environments_read(policy.get("policy"), settings.prefix)
    is_reader = policy.get("path") == settings.reader_policy_path
    return is_reader and not environments.isdisjoint(settings.protected_environments)


def _is_protected_release(parameter: Properties, settings: Settings) -> bool:
    environments = "|".join(map(re.escape, settings.protected_environments))
    release = rf"{re.escape(settings.prefix)}/({environments})/[^/]+/release"
    return re.fullmatch(release, str(parameter.get("name"))) is not None


def _is_known(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_known, value.values()))
    return all(map(_is_known, value)) if isinstance(value, list) else value is not UNKNOWN
