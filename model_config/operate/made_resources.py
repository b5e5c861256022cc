"""What a deploy makes in KMS and IAM, as AWS has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3

from model_config.format.errors import ModelConfigError
from model_config.reader.aws_errors import FAILURES, translate

_GONE = {"NotFoundException", "NoSuchEntity"}


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key."""

    id: str
    arn: str
    description: str


class MadeResources:
    """Keys and policies, looked up by what a deploy names them.

    Needs `kms:DescribeKey` and `kms:ListKeys`, `iam:GetPolicy` and `iam:GetPolicyVersion`.

    Args:
        region: where the keys are.

    Every method raises the family of `StoreError` where AWS can't be asked, or refuses.
    """

    def __init__(self, region: str | None) -> None:
        session = boto3.session.Session(region_name=region)
        self._kms, self._iam = session.client("kms"), session.client("iam")

    def key_behind(self, alias: str) -> Key | None:
        """Return the key that an alias names, if there is such an alias."""
        return self._key(alias)

    def key(self, key_id: str) -> Key | None:
        """Return a key by its id, if it can be used."""
        return self._key(key_id)

    def key_described(self, description: str) -> Key | None:
        """Return an enabled key with that description, if there is one."""
        pages = self._kms.get_paginator("list_keys").paginate()
        for page in pages:
            for listed in page["Keys"]:
                key = self._key(listed["KeyId"])
                if key is not None and key.description == description:
                    return key
        return None

    def policy(self, arn: str) -> dict[str, Any] | None:
        """Return a managed policy's document, if there is such a policy."""
        held = self._ask(self._iam, "get_policy", arn, PolicyArn=arn)
        if held is None:
            return None
        version = held["Policy"]["DefaultVersionId"]
        answer = self._ask(self._iam, "get_policy_version", arn, PolicyArn=arn, VersionId=version)
        return dict(answer["PolicyVersion"]["Document"]) if answer else None

    def _key(self, name: str) -> Key | None:
        found = self._ask(self._kms, "describe_key", name, KeyId=name)
        if found is None or not found["KeyMetadata"]["Enabled"]:
            return None
        about = found["KeyMetadata"]
        return Key(about["KeyId"], about["Arn"], about.get("Description", ""))

    def _ask(self, client: Any, operation: str, about: str, **wanted: Any) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = getattr(client, operation)(**wanted)
        except FAILURES as error:
            response = getattr(error, "response", {})
            if response.get("Error", {}).get("Code") in _GONE:
                return None
            raise _translated(client, operation, about, error) from error
        return answer


def _translated(client: Any, operation: str, about: str, error: Exception) -> ModelConfigError:
    service = client.meta.service_model.service_name
    return translate(error, f"{service}:{operation.title().replace('_', '')}", [about])
