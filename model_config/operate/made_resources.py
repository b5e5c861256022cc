"""The resources of a deploy in KMS and IAM, as they are in AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from model_config.operate.clients import ask, aws_client
from model_config.plan.policies import Account
from model_config.reader.aws_errors import FAILURES, translate


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key.

    Attributes:
        state: "Enabled", "Disabled", "PendingDeletion", … (KMS API reference, KeyMetadata).
    """

    id: str
    arn: str
    description: str
    state: str

    @property
    def is_enabled(self) -> bool:
        """Whether it can be used."""
        return self.state == "Enabled"


class MadeResources:
    """Keys and policies, looked up by the names that a deploy gives them.

    Needs `kms:DescribeKey`, `kms:ListKeys`, `kms:GetKeyPolicy` and `kms:GetKeyRotationStatus`,
    `iam:GetPolicy` and `iam:GetPolicyVersion`: each method its own.

    Args:
        region: where the keys are.

    Every method raises the family of `StoreError` where AWS is unavailable or refuses.
    """

    def __init__(self, region: str) -> None:
        self._region = region
        self._kms, self._iam = aws_client("kms", region), aws_client("iam", region)

    def account(self) -> Account:
        """Return the account and the region. This needs no permission."""
        sts = aws_client("sts", self._region)
        return Account(ask(sts, "sts:GetCallerIdentity", "the account")["Account"], self._region)

    def key(self, name: str) -> Key | None:
        """Return the key with an id, an ARN or an alias, if it exists."""
        found = ask(self._kms, "kms:DescribeKey", name, absent="NotFoundException", KeyId=name)
        if found is None:
            return None
        about = found["KeyMetadata"]
        return Key(about["KeyId"], about["Arn"], about.get("Description", ""), about["KeyState"])

    def key_described(self, description: str) -> Key | None:
        """Return an enabled key with a description, if it exists."""
        for listed in self._listed_keys():
            key = self.key(listed["KeyId"])
            if key is not None and key.is_enabled and key.description == description:
                return key
        return None

    def key_policy(self, key_id: str) -> dict[str, Any]:
        """Return a key's policy."""
        wanted = {"KeyId": key_id, "PolicyName": "default"}
        return dict(json.loads(ask(self._kms, "kms:GetKeyPolicy", key_id, **wanted)["Policy"]))

    def rotates(self, key_id: str) -> bool:
        """Return whether a key's material is rotated every year."""
        answer = ask(self._kms, "kms:GetKeyRotationStatus", key_id, KeyId=key_id)
        return bool(answer["KeyRotationEnabled"])

    def policy(self, arn: str) -> dict[str, Any] | None:
        """Return a managed policy's document, if the policy exists."""
        found = ask(self._iam, "iam:GetPolicy", arn, absent="NoSuchEntity", PolicyArn=arn)
        if found is None:
            return None
        version = found["Policy"]["DefaultVersionId"]
        wanted = {"PolicyArn": arn, "VersionId": version}
        answer = ask(self._iam, "iam:GetPolicyVersion", arn, absent="NoSuchEntity", **wanted)
        return dict(answer["PolicyVersion"]["Document"]) if answer else None

    def _listed_keys(self) -> list[dict[str, Any]]:
        try:
            return list(self._kms.get_paginator("list_keys").paginate().build_full_result()["Keys"])
        except FAILURES as error:
            raise translate(error, "kms:ListKeys", ["the account's keys"]) from error
