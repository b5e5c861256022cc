"""A stack's settings: the keys of `Pulumi.<stack>.yaml` that begin with `model-config:`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from model_config.format.errors import Finding
from model_config.plan.messages import message_of
from model_config.plan.policies import reader_policy_name
from model_config.plan.setting_types import (
    KeyArn,
    Models,
    Overrides,
    Prefix,
    Segment,
    Tags,
    TopicArn,
)
from model_config.plan.stack_config import NAMESPACE, StackConfig, set_secret_command


class Settings(BaseModel):
    """The settings of a stack, with their defaults.

    Attributes:
        prefix: the path above all environments.
        environment: the name of the tree below the prefix. Default: the stack's name.
        models: the models this stack deploys. Default: all.
        overrides: how this environment differs from the modules: model, group, field, value.
        protect: whether Pulumi refuses to delete the key, its alias and the releases.
        key_deletion_window_days: how many days a deleted KMS key can be restored, 7 to 30
            (KMS API reference, ScheduleKeyDeletion).
        kms_key_arn: an existing key, used instead of a new one. It can't be changed later.
        kms_multi_region: whether the stack's key can be replicated to other regions. It can't be
            changed later.
        tags: the tags of every resource that can have tags, at most 50.
        notify_topic_arn: an SNS topic that is notified of label moves, releases and the deletion of
            the key.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
    )

    prefix: Prefix = "/ai"
    environment: Segment
    models: Models = None
    overrides: Overrides = {}
    protect: bool = False
    key_deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    kms_key_arn: KeyArn | None = None
    kms_multi_region: bool = False
    tags: Tags = {}
    notify_topic_arn: TopicArn | None = None

    @property
    def environment_path(self) -> str:
        """The path of all models of the environment in SSM: "/ai/dev"."""
        return f"{self.prefix}/{self.environment}"

    def path_of(self, model: str) -> str:
        """Return a model's path in SSM: "/ai/dev/support_chat"."""
        return f"{self.environment_path}/{model}"

    @property
    def key_alias(self) -> str:
        """The KMS key's alias: "alias/ai/dev". KMS allows no dots in it, so they become dashes."""
        return f"alias{self.environment_path}".replace(".", "-")

    @property
    def key_description(self) -> str:
        """The KMS key's description. A key that has lost its alias is found by it."""
        return f"Encrypts the AI model configurations below {self.environment_path}/"

    @property
    def key_name(self) -> str:
        """The name of the key in requests: the ARN of an existing key, otherwise the alias."""
        return self.kms_key_arn or self.key_alias

    def policy_name(self, model: str, region: str) -> str:
        """Return the name of a model's reader policy: "ai+dev+support_chat@eu-west-1"."""
        return reader_policy_name(self.path_of(model), region)

    def rule_name(self, about: str) -> str:
        """Return the first part of an EventBridge rule's name: "model-config-ai-dev-releases"."""
        return f"{NAMESPACE}{self.environment_path}/{about}".replace("/", "-")


SETTING_KEYS = frozenset(to_camel(name) for name in Settings.model_fields)


def read_settings(config: StackConfig) -> tuple[Settings, list[Finding]]:
    """Return the stack's settings and their findings. An invalid setting has its default."""
    findings = list(config.findings)
    given = {key: value for key, value in config.own().items() if key in SETTING_KEYS}
    for key in sorted(config.own_secret_keys() & SETTING_KEYS):
        given.pop(key, None)
        findings.append(_secret_setting(key, config))
    given.setdefault("environment", config.stack)
    try:
        return Settings.model_validate(given), findings
    except ValidationError as error:
        for detail in error.errors():
            given.pop(str(detail["loc"][0]), None)
            where, fix = ".".join(map(str, detail["loc"])), f"correct it in {config.file}"
            findings.append(
                Finding(f"{NAMESPACE}:{where}", message_of(detail), fix, file=config.file)
            )
    return Settings.model_validate({"environment": "unnamed", **given}), findings


def _secret_setting(key: str, config: StackConfig) -> Finding:
    return Finding(
        where=f"{NAMESPACE}:{key}",
        problem="it is set as a secret, but a setting is not kept secret",
        reason="Pulumi returns a `secure:` value inside an object as plain text",
        fix=f'set it without --secret. For a secret field, write SecretRef("key") in the model '
        f"and run: {set_secret_command('key', config.stack)}",
        file=config.file,
    )
