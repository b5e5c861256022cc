"""A stack's settings: what `Pulumi.<stack>.yaml` says under `model-config:`."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from model_config.format.errors import Finding
from model_config.format.names import PREFIX, SEGMENT
from model_config.plan.limits import RESERVED_START
from model_config.plan.messages import message_of
from model_config.plan.stack_config import NAMESPACE, StackConfig, set_secret_command


def _path(prefix: str) -> str:
    if RESERVED_START.match(prefix):
        raise ValueError(f'"{prefix}" begins with "aws" or "ssm", which SSM reserves, in any case')
    if PREFIX.fullmatch(prefix):
        return prefix
    right = "/" + "/".join(re.sub(r"[^A-Za-z0-9_./-]", "-", prefix).strip("/").split("/"))
    right = re.sub(r"/{2,}", "/", right)
    raise ValueError(
        f'"{prefix}" is not a valid prefix: it begins with one slash, has no double and no '
        'trailing one, and only letters, digits, "_", "." and "-" between them. Write '
        f'"{right if right != "/" else "/ai"}"'
    )


def _segment(name: str) -> str:
    if SEGMENT.fullmatch(name):
        return name
    raise ValueError(f'"{name}" is not a valid name: use only letters, digits, "_", "." and "-"')


def _shown_as(pattern: str, message: str) -> Any:
    """Return a mark that gives a validator's rule to the JSON Schema that editors check by."""
    return Field(json_schema_extra={"pattern": pattern, "patternErrorMessage": message})


def _key_arn(arn: str) -> str:
    if re.fullmatch(_KEY_ARN, arn):
        return arn
    raise ValueError(
        f'"{arn}" is not the ARN of a KMS key: arn:aws:kms:<region>:<account>:key/<id>. '
        "An alias may come to mean another key"
    )


def _topic_arn(arn: str) -> str:
    if re.fullmatch(_TOPIC_ARN, arn):
        return arn
    raise ValueError(
        f'"{arn}" is not the ARN of a standard SNS topic: arn:aws:sns:<region>:<account>:<name>. '
        "EventBridge delivers to no other"
    )


def _from_json(value: object) -> object:
    # The engine hands every value over as text, objects and lists as JSON.
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise ValueError("it is not a list or map: write it as YAML in the stack's file") from None


def _map_from_json(value: object) -> object:
    # A map whose lines are all commented out is null, which the engine hands over as "".
    given = _from_json(value or "null")
    return {} if given is None else given


def _not_reserved(text: str) -> str:
    if text.lower().startswith("aws:"):
        raise ValueError('it begins with "aws:", which AWS reserves')
    return text


def _distinct_keys(tags: dict[str, str]) -> dict[str, str]:
    spellings = defaultdict(list)
    for key in tags:
        spellings[key.lower()].append(f'"{key}"')
    for keys in spellings.values():
        if len(keys) > 1:
            raise ValueError(f"{' and '.join(keys)} differ only in case, which IAM refuses")
    return tags


# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Tag.html
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
_TAG = r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$"
_NOT_RESERVED = (
    AfterValidator(_not_reserved),
    _shown_as(f"^(?![aA][wW][sS]:){_TAG[1:]}", "write letters, digits, spaces and _.:/=+-@ only"),
)
_TagKey = Annotated[str, Field(min_length=1, max_length=128, pattern=_TAG), *_NOT_RESERVED]
_TagValue = Annotated[str, Field(max_length=256, pattern=_TAG), *_NOT_RESERVED]

_PATTERN_OF_PREFIX = _shown_as(
    rf"^(?!{RESERVED_START.pattern}){PREFIX.pattern}$",
    'write one slash before each name and none at the end, such as "/ai"; not "/aws" or "/ssm"',
)
_PATTERN_OF_SEGMENT = _shown_as(f"^{SEGMENT.pattern}$", "write letters, digits, _.- only")

_KEY_ARN = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
_TOPIC_ARN = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+"
_PATTERN_OF_KEY = _shown_as(f"^{_KEY_ARN}$", "write arn:aws:kms:<region>:<account>:key/<id>")
_PATTERN_OF_TOPIC = _shown_as(f"^{_TOPIC_ARN}$", "write arn:aws:sns:<region>:<account>:<name>")


# An empty list would delete every model; to deploy none, destroy the stack.
_SomeModels = Annotated[list[str], Field(min_length=1)]


class Settings(BaseModel):
    """What a stack can set, with its defaults.

    Attributes:
        prefix: the path above all environments.
        environment: the name of the tree below the prefix. Default: the stack's name.
        models: the models this stack deploys. Default: all.
        overrides: how this environment differs from the modules: model, group, field, value.
        protect: whether Pulumi refuses to delete the key, its alias and the releases.
        key_deletion_window_days: how many days a deleted KMS key can be restored, 7 to 30
            (KMS API reference, ScheduleKeyDeletion).
        kms_key_arn: an existing key, used instead of one that the stack makes. For good.
        kms_multi_region: whether the stack's key can be replicated to other regions. For good.
        tags: on every resource that can have tags, at most 50.
        notify_topic_arn: an SNS topic that is told of label moves, releases and the key's deletion.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
    )

    prefix: Annotated[str, AfterValidator(_path), _PATTERN_OF_PREFIX] = "/ai"
    environment: Annotated[str, AfterValidator(_segment), _PATTERN_OF_SEGMENT]
    models: Annotated[_SomeModels | None, BeforeValidator(_from_json)] = None
    # Each model's own are checked with the model, so that one's mistake hides no other's.
    overrides: Annotated[dict[str, JsonValue], BeforeValidator(_map_from_json)] = {}
    protect: bool = False
    key_deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    kms_key_arn: Annotated[str, AfterValidator(_key_arn), _PATTERN_OF_KEY] | None = None
    kms_multi_region: bool = False
    tags: Annotated[
        dict[_TagKey, _TagValue],
        Field(max_length=50),
        AfterValidator(_distinct_keys),
        BeforeValidator(_map_from_json),
    ] = {}
    notify_topic_arn: Annotated[str, AfterValidator(_topic_arn), _PATTERN_OF_TOPIC] | None = None

    @property
    def environment_path(self) -> str:
        """The path of all models of the environment in SSM: "/ai/dev"."""
        return f"{self.prefix}/{self.environment}"

    def path_of(self, model: str) -> str:
        """Return a model's path in SSM: "/ai/dev/support_chat"."""
        return f"{self.environment_path}/{model}"

    @property
    def key_alias(self) -> str:
        """The KMS key's alias: "alias/ai/dev". KMS has no dots there, so they become dashes."""
        return f"alias{self.environment_path}".replace(".", "-")

    @property
    def key_description(self) -> str:
        """What the KMS key says of itself; a key without an alias is found by it."""
        return f"Encrypts the AI model configurations below {self.environment_path}/"

    @property
    def key_name(self) -> str:
        """What KMS knows the key by: the ARN of an existing one, else the alias."""
        return self.kms_key_arn or self.key_alias

    def policy_name(self, model: str, region: str) -> str:
        """Return the name of a model's reader policy: "ai+dev+support_chat@eu-west-1".

        IAM's names are the whole account's, in all regions, and have no slashes.
        """
        return f"{self.path_of(model)[1:].replace('/', '+')}@{region}"

    def rule_name(self, about: str) -> str:
        """Return how an EventBridge rule's name begins: "model-config-ai-dev-releases"."""
        return f"{NAMESPACE}{self.environment_path}/{about}".replace("/", "-")


SETTING_KEYS = frozenset(to_camel(name) for name in Settings.model_fields)


def read_settings(config: StackConfig) -> tuple[Settings, list[Finding]]:
    """Return the stack's settings, with the default where a value is wrong, and what is wrong."""
    findings = list(config.findings)
    given = {key: value for key, value in config.own().items() if key in SETTING_KEYS}
    for key in sorted(config.own_secret_keys() & SETTING_KEYS):
        given.pop(key, None)
        findings.append(_secret_setting(key, config))
    given.setdefault("environment", config.stack)
    try:
        return Settings.model_validate(given), findings
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors()}
        findings.extend(
            Finding(
                where=":".join((NAMESPACE, ".".join(map(str, detail["loc"])))),
                problem=message_of(detail),
                fix=f"correct it in {config.file}",
                file=config.file,
            )
            for detail in error.errors()
        )
    rest = {key: value for key, value in given.items() if key not in wrong}
    return Settings.model_validate({"environment": "unnamed", **rest}), findings


def _secret_setting(key: str, config: StackConfig) -> Finding:
    return Finding(
        where=f"{NAMESPACE}:{key}",
        problem="it is set as a secret, but a setting is not kept secret",
        reason="Pulumi hands a `secure:` value inside an object back as plain text",
        fix=f'set it without --secret; for a secret field write SecretRef("key") in the model '
        f"and run: {set_secret_command('key', config.stack)}",
        file=config.file,
    )
