"""One KMS key for each environment: what is stored can be read through SSM alone."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from model_config.plan.policies import Account, key_policy
from model_config.plan.settings import Settings


@dataclass(frozen=True, slots=True)
class EncryptionKeyArgs:
    """What the key is made from: the stack's settings, and the account it stands in."""

    settings: Settings
    account: Account


class EncryptionKey(pulumi.ComponentResource):
    """A customer-managed key with rotation, and its alias; or an existing key, left as it is.

    Its policy leaves administration to the account. It lets nobody encrypt or decrypt with it but
    through SSM; who may do that is for the reader policies and the deployer's role to say. Of an
    existing key it changes nothing: neither its policy, nor its rotation, nor its aliases.

    Attributes:
        arn: the key's ARN, which parameters are encrypted by.
        key_id: the key's id.
        alias: the alias's name, "alias/ai/dev"; None with an existing key.
        account: the account and region it stands in.
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
            self.alias = args.settings.key_alias
            key = self._make(name, args.settings)
            self.arn, self.key_id = key.arn, key.key_id
        self.register_outputs({"arn": self.arn, "alias": self.alias})

    def _make(self, name: str, settings: Settings) -> aws.kms.Key:
        child = pulumi.ResourceOptions(parent=self, protect=settings.protect)
        key = aws.kms.Key(
            name,
            description=settings.key_description,
            enable_key_rotation=True,
            deletion_window_in_days=settings.key_deletion_window_days,
            multi_region=settings.kms_multi_region or None,
            policy=json.dumps(key_policy(self.account)),
            tags=settings.tags,
            opts=child,
        )
        aws.kms.Alias(name, name=settings.key_alias, target_key_id=key.key_id, opts=child)
        return key
