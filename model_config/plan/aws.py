"""AWS as a plan needs it: regions, ARNs, policies, and its limits on names and numbers.

The limits are checked offline, so that no deploy fails half-way because of them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from model_config.format.errors import Finding
from model_config.format.names import SECRETS, SEGMENT, release_name, release_parts, rollout_name

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

#: The beginnings of names that SSM reserves (SSM API reference, PutParameter, Name).
RESERVED_START = re.compile(r"/([aA][wW][sS]|[sS][sS][mM])")
#: In an account and region, Standard ones (AWS General Reference, Systems Manager quotas).
MAX_PARAMETERS = 10_000
#: The digits at the end of an EventBridge rule's name that make it unique. Set by this package.
RULE_DIGITS = 7
#: The IAM path of every reader policy, so that a deployer's role can be limited to it.
POLICY_PATH = "/model-config/"


def partition_of(region: str) -> str:
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


#: The region whose ARNs are the longest.
LONGEST_REGION = max(sorted(REGIONS), key=lambda region: len(partition_of(region) + region))


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    region: str

    @property
    def partition(self) -> str:
        return partition_of(self.region)

    @property
    def parameter_arn(self) -> str:
        return f"arn:{self.partition}:ssm:{self.region}:{self.id}:parameter"

    def policy_arn(self, name: str) -> str:
        return f"arn:{self.partition}:iam::{self.id}:policy{POLICY_PATH}{name}"

    @property
    def via_ssm(self) -> str:
        """The `kms:ViaService` of SSM in the region (KMS developer guide, kms:ViaService)."""
        return f"ssm.{self.region}.amazonaws.com"


def reader_policy_name(path: str, region: str) -> str:
    """Return the name of a model's reader policy: "ai+dev+support_chat@eu-west-1"."""
    # An IAM name is unique in the account, across all regions, and has no slashes.
    return f"{path[1:].replace('/', '+')}@{region}"


def key_policy(account: Account) -> dict[str, Any]:
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
    """Return the policy that lets a role read the releases, rollout and secrets of one model.

    Its only wildcards are below the model's own secrets and release parts. Older releases name
    parts and secrets that this program doesn't know, so they can't be listed. `key_arn` may be a
    placeholder, until the key is known.
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


def arn_prefix(region: str | None) -> str:
    # If the region is unknown, the longest.
    return Account("0" * 12, region or LONGEST_REGION).parameter_arn


def check_name(name: str, where: str, region: str | None) -> Iterator[Finding]:
    source = "SSM API reference, PutParameter, Name"
    for segment in name.split("/")[1:]:
        if not SEGMENT.fullmatch(segment):
            where_in = f"{segment!r} in the parameter's name {name!r}"
            problem = f"{where_in} has characters that SSM refuses"
            fix = 'use letters, digits, "_", "." and "-" in the field\'s name'
            yield Finding(where, problem, fix, f"only a-zA-Z0-9_.- between slashes ({source})")
    if RESERVED_START.match(name):
        problem = f'the parameter\'s name {name!r} begins with "aws" or "ssm"'
        reason = f"both are reserved, in upper and lower case ({source})"
        yield Finding(where, problem, "set another model-config:prefix", reason)
    if (levels := name.count("/")) > (most := 15):
        problem = f"the parameter's name has {levels} levels"
        fix = "nest groups less deeply, or shorten model-config:prefix"
        yield Finding(where, problem, fix, f"at most {most} ({source})")
    before = arn_prefix(region)
    if (length := len(before + name)) > (most := 1011):
        characters = f"{len(name):,} characters, {length:,} with its ARN before it"
        problem = f"the parameter's name has {characters}"
        fix = f"shorten it by {length - most:,}: model-config:prefix, a group or field"
        reason = f"at most {most:,} with the ARN, here {before} ({source})"
        yield Finding(where, problem, fix, reason)


def check_collisions(names: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Yield equal names, given the path ("model/path") and the full name of each parameter."""
    by_name: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for where, name in names:
        by_name[name.casefold()].append((where, name))
    for (first, first_name), *others in by_name.values():
        for where, name in others:
            how = "is the same as" if name == first_name else "differs only in case from"
            problem = f"its parameter's name {name!r} {how} that of {first}"
            reason = "one would overwrite the other, or be mistaken for it"
            yield Finding(where, problem, "rename one of the two", reason)


def check_counts(parameters: Counter[str]) -> Iterator[Finding]:
    source = f"{MAX_PARAMETERS:,} Standard parameters in an account and region (AWS quotas)"
    for model, count in parameters.items():
        if count > MAX_PARAMETERS:
            yield Finding(model, f"it has {count:,} parameters", "split it, or store less", source)
    if (total := parameters.total()) > MAX_PARAMETERS:
        largest = ", ".join(f"{model} {count:,}" for model, count in parameters.most_common(5))
        problem = f"{total:,} parameters; the largest: {largest}"
        fix = "deploy some models to another account or region, or store less"
        yield Finding("all models together", problem, fix, source)
