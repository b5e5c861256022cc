"""The resources of a stack: the environment's key, each model's parameters, and notifications."""

import json
from hashlib import sha256
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, iam, kms, ssm

from model_config.format import codec, names, rollout
from model_config.plan.aws import POLICY_PATH, RULE_DIGITS, Account, key_policy, reader_policy
from model_config.plan.plan import PlannedModel
from model_config.plan.project import NAMESPACE, OWNER_TAG
from model_config.plan.settings import Settings
from model_config.schema import SecretRef

Options = pulumi.ResourceOptions


def _stack() -> str:
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


class EncryptionKey(pulumi.ComponentResource):
    """A customer managed key with rotation, and an alias for it.

    The key policy leaves administration to the account, and denies encryption and decryption to
    every call that doesn't come through SSM. It grants neither: the reader policies and the
    deployer's role do. If the settings name an existing key, the component creates nothing and
    doesn't change that key's policy, rotation or aliases.
    """

    def __init__(
        self, name: str, settings: Settings, account: Account, opts: Options | None = None
    ) -> None:
        super().__init__("model-config:index:EncryptionKey", name, opts=opts)
        self.account = account
        self.alias: str | None = None
        if arn := settings.kms_key_arn:
            self.arn = pulumi.Output.from_input(arn)
            self.key_id = pulumi.Output.from_input(arn.rpartition("/")[2])
        else:
            child = Options(parent=self, protect=settings.protect)
            key = kms.Key(
                name,
                description=settings.key_description,
                enable_key_rotation=True,
                deletion_window_in_days=settings.key_deletion_window_days,
                multi_region=settings.kms_multi_region or None,
                policy=json.dumps(key_policy(account)),
                # `recover` adopts a key only into the state of the stack that its tag names.
                tags={**settings.tags, OWNER_TAG: _stack()},
                opts=child,
            )
            self.arn, self.key_id, self.alias = key.arn, key.key_id, settings.key_alias
            kms.Alias(name, name=self.alias, target_key_id=self.key_id, opts=child)
        self.register_outputs({"arn": self.arn, "alias": self.alias})


class ModelParameters(pulumi.ComponentResource):
    """One model: its values as SecureStrings, its rollout, its release and its reader policy.

    Each resource's logical name is its path, so adding, removing or reordering models doesn't
    change the resources of other models. The reader policy grants neither the values beside the
    release, which no reader needs, nor listing by path, nor a parameter's history.
    """

    def __init__(
        self,
        name: str,
        model: PlannedModel,
        settings: Settings,
        key: EncryptionKey,
        opts: Options | None = None,
    ) -> None:
        super().__init__("model-config:index:ModelParameters", name, opts=opts)
        self.model = model
        self._settings, self._key = settings, key
        child = Options(parent=self)
        self.parameters = {
            it.path: self._secure_string(it.path, it.name, _text_of(it.content), child)
            for it in model.parameters
        }
        self.rollout = ssm.Parameter(
            f"{model.name}/rollout",
            name=model.rollout_name,
            type=ssm.ParameterType.STRING,
            tier="Standard",
            value=rollout.EMPTY,
            tags=settings.tags,
            # The command line writes the value from now on. If the program changed anything but
            # the value and the tags, the update would write the program's value back.
            opts=Options(parent=self, ignore_changes=["value"]),
        )
        # Older releases still name parts that the program no longer has, so parts are kept. A text
        # that comes back gets the same name, so a part may be overwritten with the same text.
        kept = Options(parent=self, retain_on_delete=True)
        parts = [
            self._secure_string(
                f"release/parts/{part}",
                names.release_part(model.path, part),
                text,
                kept,
                overwrite=True,
            )
            for part, text in model.release.parts.items()
        ]
        # Deletion runs in the opposite order, so a protected release keeps what it depends on.
        written = [*self.parameters.values(), *parts, self.rollout]
        self.release = self._secure_string(
            "release",
            model.release_name,
            model.release.document,
            Options(parent=self, depends_on=written, protect=settings.protect),
        )
        self.reader_policy = iam.Policy(
            f"{model.name}/reader",
            name=settings.policy_name(model.name, key.account.region),
            path=POLICY_PATH,
            description=f"Reads the releases and secrets of {model.path}",
            policy=pulumi.Output.json_dumps(reader_policy(model.path, key.arn, key.account)),
            tags=settings.tags,
            # AWS refuses to delete a policy that is attached to a role. The policy depends on the
            # release and so is deleted first: removing a model in use fails before anything is
            # lost.
            opts=Options(parent=self, depends_on=[self.release], protect=settings.protect),
        )
        self.register_outputs({"path": model.path, "digest": model.digest})

    def _secure_string(
        self, path: str, name: str, value: pulumi.Input[str], opts: Options, **inputs: Any
    ) -> ssm.Parameter:
        return ssm.Parameter(
            f"{self.model.name}/{path}",
            name=name,
            type=ssm.ParameterType.SECURE_STRING,
            tier="Standard",
            value=value,
            key_id=self._key.arn,
            tags=self._settings.tags,
            opts=opts,
            **inputs,
        )


def _text_of(content: str | SecretRef) -> pulumi.Input[str]:
    if isinstance(content, SecretRef):
        return pulumi.Config(NAMESPACE).require_secret(content.config_key).apply(codec.encode)
    return content


class Notifications(pulumi.ComponentResource):
    """Sends label moves, releases, rollouts and the deletion of the key to an SNS topic.

    The component creates neither the topic nor the topic's policy, which must allow
    `events.amazonaws.com` to publish. EventBridge receives calls to KMS only if a CloudTrail trail
    logs management events. It receives no event when a label is removed from a release: SSM sends
    that to CloudTrail only.
    """

    def __init__(
        self, name: str, settings: Settings, key: EncryptionKey, opts: Options | None = None
    ) -> None:
        super().__init__("model-config:index:Notifications", name, opts=opts)
        every_model = f"{settings.environment_path}/*"
        watched = [names.release_name(every_model), names.rollout_name(every_model)]
        patterns: dict[str, dict[str, Any]] = {
            "releases": {
                "source": ["aws.ssm"],
                "detail-type": ["Parameter Store Change"],
                "detail": {"name": [{"wildcard": name} for name in watched]},
            },
            "key": {
                "source": ["aws.kms"],
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    "eventName": ["ScheduleKeyDeletion", "DisableKey"],
                    "requestParameters": {"keyId": [key.key_id, key.arn]},
                },
            },
        }
        # PutRule and PutTargets replace an existing rule, so the rules of two stacks in one
        # environment need different names. A stack's own name never changes: a deploy after a
        # failed one replaces its rule.
        stack_digits = sha256(_stack().encode()).hexdigest()[:RULE_DIGITS]
        child = Options(parent=self)
        for about, pattern in patterns.items():
            rule_name = settings.rule_name(about)
            rule = cloudwatch.EventRule(
                rule_name,
                name=f"{rule_name}-{stack_digits}",
                event_pattern=pulumi.Output.json_dumps(pattern),
                tags=settings.tags,
                opts=child,
            )
            cloudwatch.EventTarget(
                rule_name,
                rule=rule.name,
                target_id="topic",
                arn=settings.notify_topic_arn,
                opts=child,
            )
        self.register_outputs({})
