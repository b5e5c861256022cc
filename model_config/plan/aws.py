"""AWS as a plan needs it: regions, ARNs, and the key's and the readers' policies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from model_config.format.names import SECRETS, release_name, release_parts, rollout_name

#: Every region, as botocore 1.44 lists them (partitions.json). A test compares the two.
REGIONS = frozenset(
    {
        "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2",
        "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2",
        "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6",
        "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2",
        "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
        "il-central-1", "me-central-1", "me-south-1", "me-west-1", "mx-central-1",
        "sa-east-1", "sa-west-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
        "cn-north-1", "cn-northwest-1", "eusc-de-east-1", "us-gov-east-1", "us-gov-west-1",
        "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1",
        "eu-isoe-west-1", "us-isof-east-1", "us-isof-south-1",
    }
)  # fmt: skip

#: The beginnings of names that SSM reserves (SSM API reference, PutParameter, Name).
RESERVED_START = re.compile(r"/([aA][wW][sS]|[sS][sS][mM])")

# The partition of each beginning of a region's name, also from botocore's partitions.json.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
}


def partition_of(region: str) -> str:
    """Return the AWS partition a region belongs to: "aws" for most."""
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


#: The region whose ARNs are the longest.
LONGEST_REGION = max(sorted(REGIONS), key=lambda region: len(partition_of(region) + region))


#: The IAM path of every reader policy, so that a deployer's role can be limited to it.
POLICY_PATH = "/model-config/"


@dataclass(frozen=True, slots=True)
class Account:
    """The AWS account and region that a stack is deployed to."""

    id: str
    region: str

    @property
    def partition(self) -> str:
        """The AWS partition: "aws" for most regions."""
        return partition_of(self.region)

    @property
    def parameter_arn(self) -> str:
        """The ARN of a parameter, without its name."""
        return f"arn:{self.partition}:ssm:{self.region}:{self.id}:parameter"

    def policy_arn(self, name: str) -> str:
        """Return the ARN of a reader policy of that name."""
        return f"arn:{self.partition}:iam::{self.id}:policy{POLICY_PATH}{name}"

    @property
    def via_ssm(self) -> str:
        """The `kms:ViaService` of SSM in the region (KMS developer guide, kms:ViaService)."""
        return f"ssm.{self.region}.amazonaws.com"


def reader_policy_name(path: str, region: str) -> str:
    """Return the name of a model's reader policy: "ai+dev+support_chat@eu-west-1".

    An IAM name is unique in the account, across all regions, and has no slashes.
    """
    return f"{path[1:].replace('/', '+')}@{region}"


def key_policy(account: Account) -> dict[str, Any]:
    """Return the key's policy: the account administers the key, and only SSM can use it."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TheAccountAdministersTheKey",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{account.partition}:iam::{account.id}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "NobodyUsesItButThroughSsm",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": {"StringNotEquals": {"kms:ViaService": account.via_ssm}},
            },
        ],
    }


def reader_policy(path: str, key_arn: Any, account: Account) -> dict[str, Any]:
    """Return the policy that lets a role read one model's releases, rollout and secrets.

    Its only wildcards are below the model's own secrets and release parts. Older releases name
    parts and secrets that this program doesn't know, so they can't be listed.

    Args:
        path: the model's path in SSM, "/ai/dev/support_chat".
        key_arn: the key's ARN, or a placeholder until it is known.
        account: the account and region of the deploy.
    """
    release = release_name(path)
    names = (release, f"{release_parts(release)}/*", f"{path}/{SECRETS}/*")
    encrypted = [f"{account.parameter_arn}{name}" for name in names]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadReleaseAndSecrets",
                "Effect": "Allow",
                "Action": ["ssm:GetParameter", "ssm:GetParameters"],
                "Resource": [*encrypted, f"{account.parameter_arn}{rollout_name(path)}"],
            },
            {
                "Sid": "DecryptThem",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": key_arn,
                "Condition": {
                    "StringEquals": {"kms:ViaService": account.via_ssm},
                    "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": encrypted},
                },
            },
        ],
    }
