"""The regions of AWS, and the partition of each."""

from __future__ import annotations

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


def partition_of(region: str) -> str:
    """Return the AWS partition a region belongs to: "aws" for most."""
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


#: The region whose ARNs are the longest.
LONGEST_REGION = max(sorted(REGIONS), key=lambda region: len(partition_of(region) + region))
