"""Which key encrypts an environment, and where what a stack's file names has to be.

The key is chosen once: releases stay encrypted by the one they were written with.
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
    """Yield what the stack can't use: a key or a topic of another region, or a key made twice."""
    for where, arn in ((_KEY, settings.kms_key_arn), (_TOPIC, settings.notify_topic_arn)):
        region = arn.split(":")[3] if arn else config.region
        if config.region and region != config.region:
            yield Finding(
                where,
                f"it is in {region}, and the stack deploys to {config.region}",
                "name one in the stack's own region",
                "SSM and EventBridge call KMS and SNS in their own region alone",
                config.file,
            )
    if settings.kms_key_arn and settings.kms_multi_region:
        yield Finding(
            _MULTI_REGION,
            "an existing key is as it is: this setting is for a key that the stack makes",
            f"take it out, or take {_KEY} out",
            file=config.file,
        )


def changed_key(settings: Settings, former: Mapping[str, Any], file: str) -> Finding | None:
    """Return that the settings give up the key that a stack's releases are encrypted by.

    Args:
        settings: what the stack's file says now.
        former: the stack's output `kms_key`. An existing key has no alias of ours, and the id of
            one that was made for several regions begins with "mrk-" (KMS developer guide,
            Multi-Region keys).
        file: the stack's file.
    """
    arn, existing = former["arn"], former.get("alias") is None
    if existing and settings.kms_key_arn != arn:
        return _changed(_KEY, f"the stack uses the existing key {arn}", f"set it to {arn}", file)
    if not existing and settings.kms_key_arn:
        problem = f"the stack has a key of its own, {arn}, which would be deleted"
        return _changed(_KEY, problem, "take it out", file)
    for_several = former["id"].startswith("mrk-")
    if not existing and settings.kms_multi_region != for_several:
        made = f"made for {'several regions' if for_several else 'one region'}"
        fix = f"set it to {str(for_several).lower()}"
        return _changed(_MULTI_REGION, f"the stack's key {arn} was {made}", fix, file)
    return None


def _changed(where: str, problem: str, fix: str, file: str) -> Finding:
    return Finding(
        where,
        problem,
        f"{fix}; for another key deploy another environment, move the readers to it, and destroy "
        "this one",
        "every release so far is encrypted by that key, and could not be read any more",
        file,
    )
