"""The resources of a deploy in KMS and IAM, and how they differ from the program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name

from model_config.format.errors import AccessDeniedError
from model_config.operate.difference import Difference
from model_config.operate.ssm import FAILURES, aws_client
from model_config.plan.aws import Account, key_policy, reader_policy
from model_config.plan.project import OWNER_TAG
from model_config.plan.settings import Settings
from model_config.reader.problems import translate


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    arn: str
    description: str
    state: str  #: "Enabled", "Disabled", "PendingDeletion", … (KMS API reference, KeyMetadata).

    @property
    def is_enabled(self) -> bool:
        return self.state == "Enabled"


class KeysAndPolicies:
    """KMS in a region, and IAM. Resources are looked up by the names that a deploy gives them.

    Needs `kms:DescribeKey`, `kms:ListKeys`, `kms:ListResourceTags`, `kms:GetKeyPolicy`,
    `kms:GetKeyRotationStatus`, `iam:GetPolicy`, `iam:GetPolicyVersion` and
    `iam:GetAccountSummary`: each method its own. Every method raises
    StoreError or a subclass if AWS is unavailable or refuses.
    """

    def __init__(self, region: str) -> None:
        self._region = region
        self._kms, self._iam = aws_client("kms", region), aws_client("iam", region)

    def account(self) -> Account:
        """Return the account and the region. This needs no permission."""
        sts = aws_client("sts", self._region)
        return Account(_ask(sts, "sts:GetCallerIdentity", "the account")["Account"], self._region)

    def key(self, name: str, *, enabled: bool = False) -> Key | None:
        """Return the key with an id, an ARN or an alias, if it exists; or only if it is enabled."""
        answer = _ask(self._kms, "kms:DescribeKey", name, absent="NotFoundException", KeyId=name)
        if answer is None:
            return None
        about = answer["KeyMetadata"]
        key = Key(about["KeyId"], about["Arn"], about.get("Description", ""), about["KeyState"])
        return key if key.is_enabled or not enabled else None

    def keys_described(self, description: str) -> list[Key]:
        """Return the enabled keys with a description."""
        try:
            listed = self._kms.get_paginator("list_keys").paginate().build_full_result()["Keys"]
        except FAILURES as error:
            raise translate(error, "kms:ListKeys", ["the account's keys"]) from error
        keys = filter(None, (self.key(key["KeyId"], enabled=True) for key in listed))
        return [key for key in keys if key.description == description]

    def owner(self, key_id: str) -> str | None:
        """Return the stack that a key's owner tag names, "project/stack"."""
        tags = _ask(self._kms, "kms:ListResourceTags", key_id, KeyId=key_id)["Tags"]
        return next((tag["TagValue"] for tag in tags if tag["TagKey"] == OWNER_TAG), None)

    def key_policy(self, key_id: str) -> dict[str, Any]:
        wanted = {"KeyId": key_id, "PolicyName": "default"}
        return dict(json.loads(_ask(self._kms, "kms:GetKeyPolicy", key_id, **wanted)["Policy"]))

    def rotates(self, key_id: str) -> bool:
        answer = _ask(self._kms, "kms:GetKeyRotationStatus", key_id, KeyId=key_id)
        return bool(answer["KeyRotationEnabled"])

    def policy(self, arn: str) -> dict[str, Any] | None:
        """Return a managed policy's document, if the policy exists."""
        answer = _ask(self._iam, "iam:GetPolicy", arn, absent="NoSuchEntity", PolicyArn=arn)
        if answer is None:
            return None
        wanted = {"PolicyArn": arn, "VersionId": answer["Policy"]["DefaultVersionId"]}
        version = _ask(self._iam, "iam:GetPolicyVersion", arn, absent="NoSuchEntity", **wanted)
        return dict(version["PolicyVersion"]["Document"]) if version else None

    def policy_count(self) -> tuple[int, int]:
        """Return the number of the account's managed policies, and its quota."""
        summary = _ask(self._iam, "iam:GetAccountSummary", "the account")["SummaryMap"]
        return summary["Policies"], summary["PoliciesQuota"]


@dataclass(slots=True)
class Access:
    """How the key, its alias and the reader policies differ from the program."""

    key_names: AbstractSet[str] = frozenset()  #: Empty if the key is unknown.
    differences: list[Difference] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)  #: Missing permissions, in words.

    def differs(self, model: str, resource: str, aspect: str, program: str, aws: str) -> None:
        self.differences.append(
            Difference(model, resource, "edited", aspect, program, aws, name=resource)
        )

    def compare(
        self, model: str, resource: str, program: Mapping[str, Any], aws: Mapping[str, Any]
    ) -> None:
        """Compare two policy documents, statement by statement.

        The order of statements, actions and resources is ignored, and a text equals a list of that
        text.
        """
        expected, actual = _statements(program), _statements(aws)
        differences = [
            *(f"without {expected[key]}" for key in sorted(expected.keys() - actual.keys())),
            *(f"with another {actual[key]}" for key in sorted(actual.keys() - expected.keys())),
        ]
        if differences:
            self.differs(model, resource, "policy", "its document", ", ".join(differences))

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """Note a missing permission and leave the block, so that the rest is compared."""
        try:
            yield
        except AccessDeniedError as error:
            self.denied.append(f"{what}: {error}")


def compare_access(aws: KeysAndPolicies, settings: Settings, models: Iterable[str]) -> Access:
    """Compare the environment's key and the models' reader policies with the program's settings."""
    access, name, key = Access(), settings.key_name, None
    with access.noting("the key, its policy and the reader policies"):
        key = aws.key(name)
        if key is None:
            aspect = "key" if settings.kms_key_arn else "alias"
            access.differs("", name, aspect, "the environment's key", "nothing")
    if key is None:
        return access
    aliases = {name, f"{key.arn.rpartition(':')[0]}:{name}"} if name.startswith("alias/") else set()
    access.key_names = frozenset({key.arn, key.id, *aliases})
    if not key.is_enabled:
        access.differs("", name, "state", "Enabled", key.state)
    if settings.kms_key_arn:  # its owner, perhaps another account, configures it
        account = aws.account()
    else:
        _, _, _, region, account_id, _ = key.arn.split(":", 5)
        account = Account(account_id, region)
        with access.noting("the key's rotation"):
            if not aws.rotates(key.id):
                access.differs("", name, "rotation", "on", "off")
        with access.noting("the key's policy"):
            access.compare("", name, key_policy(account), aws.key_policy(key.id))
    for model in models:
        arn = account.policy_arn(settings.policy_name(model, account.region))
        with access.noting(f"{model}'s reader policy"):
            policy = aws.policy(arn)
            if policy is None:
                access.differs(model, arn, "policy", "its document", "nothing")
            else:
                expected = reader_policy(settings.path_of(model), key.arn, account)
                access.compare(model, arn, expected, policy)
    return access


def _statements(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the statements' names by their contents."""
    given = document.get("Statement", [])
    return {
        json.dumps(_plain(it), sort_keys=True): f"statement {it.get('Sid', 'without a name')}"
        for it in (given if isinstance(given, list) else [given])
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    items = value if isinstance(value, list) else [value]
    plain = (_plain(item) if isinstance(item, dict | list) else item for item in items)
    return sorted(json.dumps(item, sort_keys=True) for item in plain)


def _ask(client: Any, action: str, about: str, *, absent: str = "", **wanted: Any) -> Any:
    """Return an answer from AWS, or None if it has the error code of an absent resource."""
    try:
        return getattr(client, xform_name(action.partition(":")[2]))(**wanted)
    except FAILURES as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        if absent and code == absent:
            return None
        raise translate(error, action, [about]) from error
