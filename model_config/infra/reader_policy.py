"""Who may read: one IAM policy for each model, with nothing in it but that model."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from model_config.core.deployment import PlannedModel
from model_config.core.hierarchy import SECRETS
from model_config.core.limits import partition_of
from model_config.core.settings import Settings
from model_config.infra.encryption_key import EncryptionKey, via_ssm
from model_config.infra.settings import Account

#: The IAM path of every policy, so that a deployer's role can be held to it.
POLICY_PATH = "/model-config/"


def reader_policy(
    model: PlannedModel, settings: Settings, key: EncryptionKey, parent: pulumi.Resource
) -> aws.iam.Policy:
    """Make the managed policy that lets a role read one model's releases and secrets.

    It does not grant the parameters beside the release (no reader needs them), listing by path,
    or a parameter's history.
    """
    return aws.iam.Policy(
        f"{model.name}/reader",
        name=settings.policy_name(model.name, key.account.region),
        path=POLICY_PATH,
        description=f"Reads the releases and secrets of {model.path}",
        policy=pulumi.Output.json_dumps(policy_document(model, key.arn, key.account)),
        tags=settings.tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def policy_document(
    model: PlannedModel, key_arn: pulumi.Input[str], account: Account
) -> dict[str, Any]:
    """Return the policy, with wildcards only below this model's own secrets and release parts.

    Older releases name parts and secrets that this program doesn't know, so they can't be listed.
    """
    arn = f"arn:{partition_of(account.region)}:ssm:{account.region}:{account.id}:parameter"
    parameters = [
        f"{arn}{model.release_name}",
        f"{arn}{model.release_name}/parts/*",
        f"{arn}{model.path}/{SECRETS}/*",
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadReleaseAndSecrets",
                "Effect": "Allow",
                "Action": ["ssm:GetParameter", "ssm:GetParameters"],
                "Resource": parameters,
            },
            {
                "Sid": "DecryptThem",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": key_arn,
                "Condition": {
                    "StringEquals": {"kms:ViaService": via_ssm(account.region)},
                    "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": parameters},
                },
            },
        ],
    }
