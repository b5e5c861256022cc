"""Sends label moves, releases, rollouts and the deletion of the key to an SNS topic."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pulumi
import pulumi_aws as aws

from model_config.format.names import release_name, rollout_name
from model_config.infra.encryption_key import EncryptionKey
from model_config.plan.aws import RULE_DIGITS
from model_config.plan.settings import Settings

_KEY_CALLS = ["ScheduleKeyDeletion", "DisableKey"]


@dataclass(frozen=True, slots=True)
class NotificationsArgs:
    settings: Settings
    key: EncryptionKey


class Notifications(pulumi.ComponentResource):
    """Two EventBridge rules with the topic as their target.

    The component creates neither the topic nor the topic's policy, which must allow
    `events.amazonaws.com` to publish. EventBridge receives calls to KMS only if a CloudTrail trail
    logs management events. It receives no event when a label is removed from a release: SSM sends
    that to CloudTrail only.
    """

    def __init__(
        self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("model-config:index:Notifications", name, opts=opts)
        self._settings = args.settings
        # PutRule and PutTargets replace an existing rule, so the rules of two stacks in one
        # environment need different names. A stack's own name never changes: a deploy after a
        # failed one replaces its rule.
        stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
        self._stack_digits = sha256(stack.encode()).hexdigest()[:RULE_DIGITS]
        every_model = f"{args.settings.environment_path}/*"
        names = [release_name(every_model), rollout_name(every_model)]
        self._notify(
            "releases",
            {
                "source": ["aws.ssm"],
                "detail-type": ["Parameter Store Change"],
                "detail": {"name": [{"wildcard": name} for name in names]},
            },
        )
        self._notify(
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

    def _notify(self, about: str, pattern: dict[str, Any]) -> None:
        name, child = self._settings.rule_name(about), pulumi.ResourceOptions(parent=self)
        rule = aws.cloudwatch.EventRule(
            name,
            name=f"{name}-{self._stack_digits}",
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
