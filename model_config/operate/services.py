"""The services beside SSM: KMS and IAM, which have a deploy's other resources, and Bedrock."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import xform_name

from model_config.format.errors import AccessDeniedError, StoreError
from model_config.operate.ssm import FAILURES, aws_client
from model_config.plan.aws import Account
from model_config.plan.lifecycle import Retirement, Retirements
from model_config.plan.project import OWNER_TAG
from model_config.reader.problems import translate


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    arn: str
    description: str
    state: str  #: "Enabled", "Disabled", "PendingDeletion", … (KMS API reference, KeyMetadata).


class KeysAndPolicies:
    """KMS in a region, and IAM. Resources are looked up by the names that a deploy gives them.

    Every method raises StoreError or a subclass if AWS is unavailable or refuses.
    """

    def __init__(self, region: str) -> None:
        self._region = region
        self._kms, self._iam = aws_client("kms", region), aws_client("iam", region)

    def account(self) -> Account:
        sts = aws_client("sts", self._region)
        return Account(_ask(sts, "sts:GetCallerIdentity", "the account")["Account"], self._region)

    def key(self, name: str, *, enabled: bool = False) -> Key | None:
        """Return the key with an id, an ARN or an alias, if it exists; or only if it is enabled."""
        answer = _ask(self._kms, "kms:DescribeKey", name, absent="NotFoundException", KeyId=name)
        if answer is None:
            return None
        about = answer["KeyMetadata"]
        key = Key(about["KeyId"], about["Arn"], about.get("Description", ""), about["KeyState"])
        return None if enabled and key.state != "Enabled" else key

    def keys_described(self, description: str) -> list[Key]:
        try:
            listed = self._kms.get_paginator("list_keys").paginate().build_full_result()["Keys"]
        except FAILURES as error:
            raise translate(error, "kms:ListKeys", ["the account's keys"]) from error
        keys = []
        for each in listed:
            # A key's policy may deny it to everybody else, and a deploy's key allows the account.
            with suppress(AccessDeniedError):
                keys.append(self.key(each["KeyId"], enabled=True))
        return [key for key in keys if key and key.description == description]

    def owner(self, key_id: str) -> str | None:
        tags = _ask(self._kms, "kms:ListResourceTags", key_id, KeyId=key_id)["Tags"]
        return next((tag["TagValue"] for tag in tags if tag["TagKey"] == OWNER_TAG), None)

    def key_policy(self, key_id: str) -> dict[str, Any]:
        answer = _ask(self._kms, "kms:GetKeyPolicy", key_id, KeyId=key_id, PolicyName="default")
        return dict(json.loads(answer["Policy"]))

    def rotates(self, key_id: str) -> bool:
        answer = _ask(self._kms, "kms:GetKeyRotationStatus", key_id, KeyId=key_id)
        return bool(answer["KeyRotationEnabled"])

    def policy(self, arn: str) -> dict[str, Any] | None:
        answer = _ask(self._iam, "iam:GetPolicy", arn, absent="NoSuchEntity", PolicyArn=arn)
        if answer is None:
            return None
        wanted = {"PolicyArn": arn, "VersionId": answer["Policy"]["DefaultVersionId"]}
        version = _ask(self._iam, "iam:GetPolicyVersion", arn, absent="NoSuchEntity", **wanted)
        return dict(version["PolicyVersion"]["Document"]) if version else None

    def policy_count(self) -> tuple[int, int]:
        summary = _ask(self._iam, "iam:GetAccountSummary", "the account")["SummaryMap"]
        return summary["Policies"], summary["PoliciesQuota"]


def bedrock_retirements(region: str) -> Retirements:
    """Return the foundation models of a region that are legacy, or have a last day.

    Needs `bedrock:ListFoundationModels`. Raises StoreError if AWS is unavailable or refuses, or has
    no Bedrock in the region.
    """
    action = "bedrock:ListFoundationModels"
    try:
        session = boto3.session.Session()
        partition = session.get_partition_for_region(region)
        if region not in session.get_available_regions("bedrock", partition):
            raise StoreError(f"Bedrock isn't in {region}, as far as this boto3 knows")
    except FAILURES as error:
        raise translate(error, action, ["*"]) from error
    answer = _ask(aws_client("bedrock", region), action, "*")
    retirements = {}
    for model in answer.get("modelSummaries", []):
        lifecycle = model.get("modelLifecycle", {})
        last = lifecycle.get("endOfLifeTime")
        if last or lifecycle.get("status") == "LEGACY":
            on = last.date() if last else None
            retirements[model["modelId"]] = Retirement(on, f"Bedrock in {region}")
    return retirements


def _ask(client: Any, action: str, about: str, *, absent: str = "", **wanted: Any) -> Any:
    """Return an answer from AWS, or None if it has the error code of an absent resource."""
    try:
        return getattr(client, xform_name(action.partition(":")[2]))(**wanted)
    except (*FAILURES, OSError) as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        if absent and code == absent:
            return None
        raise translate(error, action, [about]) from error
