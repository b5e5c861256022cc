"""Checks the KMS key and the SNS topic in a stack's settings.

The key is chosen once: a release stays encrypted under the key that it was written with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from model_config.format.errors import Finding
from model_config.plan.settings import Settings
from model_config.plan.stack_config import NAMESPACE, StackConfig

_KEY, _MULTI_REGION, _TOPIC = (
    f"{NAMESPACE}:{key}" for key in ("kmsKeyArn", "kmsMultiRegion", "notifyTopicArn")
)


def check_arns(settings: Settings, config: StackConfig) -> Iterator[Finding]:
    """Yield a key or topic in another region, and settings of a new key beside an existing one."""
    for where, arn in ((_KEY, settings.kms_key_arn), (_TOPIC, settings.notify_topic_arn)):
        region = arn.split(":")[3] if arn else config.region
        if config.region and region != config.region:
            yield Finding(
                where,
                f"it is in {region}, and the stack deploys to {config.region}",
                "name one in the stack's region",
                "SSM and EventBridge call KMS and SNS only in their own region",
                config.file,
            )
    if settings.kms_key_arn and settings.kms_multi_region:
        yield Finding(
            _MULTI_REGION,
            "it applies only to a key that the stack creates, and the stack uses an existing key",
            f"remove it, or remove {_KEY}",
            file=config.file,
        )


def changed_key(settings: Settings, former: Mapping[str, Any], file: str) -> Finding | None:
    """Return a finding if the settings replace the key that a stack's releases are encrypted under.

    Args:
        settings: the settings in the stack's file.
        former: the stack's output `kms_key`. An existing key has no alias in it. The id of a
            multi-Region key begins with "mrk-" (KMS developer guide, Multi-Region keys).
        file: the stack's file.
    """
    arn, existing = former["arn"], former.get("alias") is None
    multi_region = former["id"].startswith("mrk-")
    if existing and settings.kms_key_arn != arn:
        where, problem, fix = _KEY, f"the stack uses the existing key {arn}", f"set it to {arn}"
    elif not existing and settings.kms_key_arn:
        problem = f"the stack has its own key, {arn}, which would be deleted"
        where, fix = _KEY, "remove it"
    elif not existing and settings.kms_multi_region != multi_region:
        problem = f"the stack's key {arn} is {'' if multi_region else 'not '}a multi-Region key"
        where, fix = _MULTI_REGION, f"set it to {str(multi_region).lower()}"
    else:
        return None
    return Finding(
        where,
        problem,
        f"{fix}. To use another key, deploy another environment, move the readers to it, and "
        "destroy this one",
        "every release so far is encrypted under that key, and could no longer be read",
        file,
    )
