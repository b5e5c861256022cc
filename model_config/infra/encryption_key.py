"""The environment's KMS key, usable only through SSM."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from model_config.plan.aws import Account, key_policy
from model_config.plan.project import OWNER_TAG
from model_config.plan.settings import Settings


@dataclass(frozen=True, slots=True)
class EncryptionKeyArgs:
    settings: Settings
    account: Account


class EncryptionKey(pulumi.ComponentResource):
    """A customer managed key with rotation, and an alias for it.

    The key policy leaves administration to the account, and denies encryption and decryption to
    every call that doesn't come through SSM. It grants neither: the reader policies and the
    deployer's role do.

    If the settings name an existing key, the component creates nothing. It doesn't change that
    key's policy, rotation or aliases.

    Attributes:
        arn: the ARN of the key that encrypts the parameters.
        key_id: the key's ID.
        alias: the alias's name, "alias/ai/dev". None for an existing key.
        account: the account and region of the key.
    """

    def __init__(
        self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("model-config:index:EncryptionKey", name, opts=opts)
        self.account = args.account
        self.alias: str | None = None
        if arn := args.settings.kms_key_arn:
            self.arn = pulumi.Output.from_input(arn)
            self.key_id = pulumi.Output.from_input(arn.rpartition("/")[2])
        else:
            settings = args.settings
            child = pulumi.ResourceOptions(parent=self, protect=settings.protect)
            key = aws.kms.Key(
                name,
                description=settings.key_description,
                enable_key_rotation=True,
                deletion_window_in_days=settings.key_deletion_window_days,
                multi_region=settings.kms_multi_region or None,
                policy=json.dumps(key_policy(self.account)),
                # `recover` adopts a key only into the state of the stack that its tag names.
                tags={**settings.tags, OWNER_TAG: f"{pulumi.get_project()}/{pulumi.get_stack()}"},
                opts=child,
            )
            self.arn, self.key_id, self.alias = key.arn, key.key_id, settings.key_alias
            aws.kms.Alias(name, name=self.alias, target_key_id=self.key_id, opts=child)
        self.register_outputs({"arn": self.arn, "alias": self.alias})
