"""One KMS key for each environment: what is stored can be read through SSM alone."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from model_config.core.limits import partition_of
from model_config.core.settings import Settings
from model_config.infra.settings import Account


class EncryptionKey(pulumi.ComponentResource):
    """A customer-managed key with rotation, and its alias.

    Its policy leaves administration to the account. It lets nobody encrypt or decrypt with it but
    through SSM; who may do that is for the reader policies and the deployer's role to say.

    Attributes:
        arn: the key's ARN, which parameters are encrypted by.
        key_id: the key's id.
        alias: the alias's name, "alias/ai/dev".
        account: the account and region it stands in.
    """

    def __init__(self, name: str, settings: Settings, account: Account) -> None:
        super().__init__("model-config:index:EncryptionKey", name)
        opts = pulumi.ResourceOptions(parent=self, protect=settings.protect)
        key = aws.kms.Key(
            name,
            description=f"Encrypts the AI model configurations below {settings.path_of('')}",
            enable_key_rotation=True,
            deletion_window_in_days=settings.key_deletion_window_days,
            policy=json.dumps(key_policy(account)),
            tags=settings.tags,
            opts=opts,
        )
        aws.kms.Alias(name, name=settings.key_alias, target_key_id=key.key_id, opts=opts)
        self.arn: pulumi.Output[str] = key.arn
        self.key_id: pulumi.Output[str] = key.key_id
        self.alias = settings.key_alias
        self.account = account
        self.register_outputs({"arn": self.arn, "alias": self.alias})


def key_policy(account: Account) -> dict[str, Any]:
    """Return the key's policy: administered by the account, used through SSM alone."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TheAccountAdministersTheKey",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition_of(account.region)}:iam::{account.id}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "NobodyUsesItButThroughSsm",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": {"StringNotEquals": {"kms:ViaService": via_ssm(account.region)}},
            },
        ],
    }


def via_ssm(region: str) -> str:
    """Return the name SSM calls KMS under in a region (KMS developer guide, kms:ViaService)."""
    return f"ssm.{region}.amazonaws.com"
