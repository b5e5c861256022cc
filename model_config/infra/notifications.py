"""Who is told: an SNS topic hears of label moves, releases, rollouts and the key's deletion."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pulumi
import pulumi_aws as aws

from model_config.format.names import release_name, rollout_name
from model_config.infra.encryption_key import EncryptionKey
from model_config.plan.limits import RULE_DIGITS
from model_config.plan.settings import Settings

_KEY_CALLS = ["ScheduleKeyDeletion", "DisableKey"]


@dataclass(frozen=True, slots=True)
class NotificationsArgs:
    """What the rules are made from: the stack's settings, and the key."""

    settings: Settings
    key: EncryptionKey


class Notifications(pulumi.ComponentResource):
    """Two EventBridge rules with the topic as their target.

    They make neither the topic nor its policy, which has to let `events.amazonaws.com` publish.
    EventBridge hears of calls to KMS only where a CloudTrail trail logs management events, and of
    a label that is taken off a release not at all: that SSM tells CloudTrail alone.
    """

    def __init__(
        self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("model-config:index:Notifications", name, opts=opts)
        self._settings = args.settings
        every_model = f"{args.settings.environment_path}/*"
        names = [release_name(every_model), rollout_name(every_model)]
        self._tell(
            "releases",
            {
                "source": ["aws.ssm"],
                "detail-type": ["Parameter Store Change"],
                "detail": {"name": [{"wildcard": name} for name in names]},
            },
        )
        self._tell(
            "key",
            {
                "source": ["aws.kms"],
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    "eventName": _KEY_CALLS,
                    "requestParameters": {"keyId": [args.key.key_id, args.key.arn]},
                },
            },
        )
        self.register_outputs({})

    def _tell(self, about: str, pattern: dict[str, Any]) -> None:
        name, child = self._settings.rule_name(about), pulumi.ResourceOptions(parent=self)
        rule = aws.cloudwatch.EventRule(
            name,
            name=f"{name}-{_own_digits()}",
            event_pattern=pulumi.Output.json_dumps(pattern),
            tags=self._settings.tags,
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            name,
            rule=rule.name,
            target_id="topic",
            arn=self._settings.notify_topic_arn,
            opts=child,
        )


def _own_digits() -> str:
    """Return what tells this stack's rules from those of another one in the same environment.

    PutRule and PutTargets replace what is there. So rules of two stacks may not have one name, and
    one that a dead deploy made is made again by the next deploy only if its name is the same.
    """
    stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
    return sha256(stack.encode()).hexdigest()[:RULE_DIGITS]
