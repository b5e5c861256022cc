"""The environment's key, against what the program says of it."""

from __future__ import annotations

from model_config.operate.clients import ask, aws_client


def key_names(alias: str, region: str) -> frozenset[str]:
    """Return the names a key goes by, its ARN among them: an alias says which key it is.

    Raises:
        StoreError: there is no such key, or it may not be asked for (`kms:DescribeKey`).
    """
    kms = aws_client("kms", region)
    key = ask(kms, "kms:DescribeKey", alias, KeyId=alias)["KeyMetadata"]
    arn: str = key["Arn"]
    return frozenset({arn, key["KeyId"], alias, f"{arn.rpartition(':')[0]}:{alias}"})
