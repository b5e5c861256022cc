"""A stack's settings: the keys of `Pulumi.<stack>.yaml` that begin with `model-config:`."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from model_config.format import errors, names
from model_config.plan import aws, project
from model_config.schema.problems import messages_of


def _prefix(prefix: str) -> str:
    if aws.RESERVED_START.match(prefix):
        raise ValueError(f'"{prefix}" begins with "aws" or "ssm", which SSM reserves, in any case')
    if names.PREFIX.fullmatch(prefix):
        return prefix
    right = "/" + "/".join(re.sub(r"[^A-Za-z0-9_./-]", "-", prefix).strip("/").split("/"))
    right = re.sub(r"/{2,}", "/", right)
    raise ValueError(
        f'"{prefix}" is not a valid prefix: it must begin with a slash, with no double or trailing '
        'slash, and have only letters, digits, "_", "." and "-" between slashes. Write '
        f'"{right if right != "/" else "/ai"}"'
    )


def _shown_as(pattern: str, message: str) -> Any:
    # What gives a validator's rule to the JSON Schema for editors.
    return Field(json_schema_extra={"pattern": pattern, "patternErrorMessage": message})


def _of_form(pattern: str, problem: str, hint: str) -> tuple[AfterValidator, Any]:
    def check(text: str) -> str:
        if re.fullmatch(pattern, text):
            return text
        raise ValueError(f'"{text}" {problem}')

    return AfterValidator(check), _shown_as(f"^{pattern}$", hint)


def _from_json(value: object) -> object:
    # The engine passes every value as text, and objects and lists as JSON.
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise ValueError("it is not a list or map: write it as YAML in the stack's file") from None


def _map_from_json(value: object) -> object:
    # A map whose lines are all commented out is null, which the engine passes as "".
    given = _from_json(value or "null")
    return {} if given is None else given


def _not_reserved(text: str) -> str:
    if text.lower().startswith("aws:"):
        raise ValueError('it begins with "aws:", which AWS reserves')
    if text.lower() == project.OWNER_TAG:
        raise ValueError("the program itself sets this tag, on the key")
    return text


def _distinct_keys(tags: dict[str, str]) -> dict[str, str]:
    for key in tags:
        same = [f'"{other}"' for other in tags if other.lower() == key.lower()]
        if len(same) > 1:
            raise ValueError(f"{' and '.join(same)} differ only in case, which IAM refuses")
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

Tags = Annotated[
    dict[_TagKey, _TagValue],
    Field(max_length=49),  # of AWS's 50; the key has one more
    AfterValidator(_distinct_keys),
    BeforeValidator(_map_from_json),
]

Prefix = Annotated[
    str,
    AfterValidator(_prefix),
    _shown_as(
        rf"^(?!{aws.RESERVED_START.pattern}){names.PREFIX.pattern}$",
        'write one slash before each name and none at the end, such as "/ai"; not "/aws" or "/ssm"',
    ),
]
Segment = Annotated[
    str,
    *_of_form(
        names.SEGMENT.pattern,
        'is not a valid name: use only letters, digits, "_", "." and "-"',
        "write letters, digits, _.- only",
    ),
]
KeyArn = Annotated[
    str,
    *_of_form(
        r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+",
        "is not the ARN of a KMS key: arn:aws:kms:<region>:<account>:key/<id>. "
        "An alias is not allowed, because it can be moved to another key",
        "write arn:aws:kms:<region>:<account>:key/<id>",
    ),
]
TopicArn = Annotated[
    str,
    *_of_form(
        r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+",
        "is not the ARN of a standard SNS topic: arn:aws:sns:<region>:<account>:<name>. "
        "EventBridge doesn't deliver to FIFO topics",
        "write arn:aws:sns:<region>:<account>:<name>",
    ),
]

# An empty list would delete every model. To deploy none, destroy the stack.
Models = Annotated[Annotated[list[str], Field(min_length=1)] | None, BeforeValidator(_from_json)]
# Each model's overrides are checked with the model, so that one mistake hides no others.
Overrides = Annotated[dict[str, JsonValue], BeforeValidator(_map_from_json)]


class Settings(
    BaseModel,
    frozen=True,
    extra="forbid",
    alias_generator=to_camel,
    validate_by_name=True,
    validate_by_alias=True,
    hide_input_in_errors=True,
):
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
        tags: the tags of every resource that can have tags, at most 49.
        notify_topic_arn: an SNS topic that is notified of label moves, releases and the deletion of
            the key.
        fields: whether each value has a parameter of its own. If not, a model has its release,
            rollout and secrets only.
        evidence: "required": a release without enough evidence for its digest isn't promoted.
    """

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
    fields: bool = True
    evidence: Literal["required"] | None = None

    @property
    def environment_path(self) -> str:
        return f"{self.prefix}/{self.environment}"

    def path_of(self, model: str) -> str:
        return f"{self.environment_path}/{model}"

    @property
    def key_alias(self) -> str:
        # KMS allows no dots in it.
        return f"alias{self.environment_path}".replace(".", "-")

    @property
    def key_description(self) -> str:
        # A key that has lost its alias is found by it.
        return f"Encrypts the AI model configurations below {self.environment_path}/"

    def policy_name(self, model: str, region: str) -> str:
        return aws.reader_policy_name(self.path_of(model), region)

    def rule_name(self, about: str) -> str:
        """Return the first part of an EventBridge rule's name, "model-config-ai-dev-releases"."""
        return f"{project.NAMESPACE}{self.environment_path}/{about}".replace("/", "-")


SETTING_KEYS = frozenset(to_camel(name) for name in Settings.model_fields)


def read_settings(config: project.StackConfig) -> tuple[Settings, list[errors.Finding]]:
    # An invalid setting has its default.
    findings = list(config.findings)
    given = {key: value for key, value in config.own().items() if key in SETTING_KEYS}
    for key in sorted(config.own_secret_keys() & SETTING_KEYS):
        given.pop(key, None)
        problem = "it is set as a secret, but a setting is not kept secret"
        fix = (
            'set it without --secret. For a secret field, write SecretRef("key") in the model '
            f"and run: {project.set_secret_command('key', config.stack)}"
        )
        reason = "Pulumi returns a `secure:` value inside an object as plain text"
        findings.append(config.finding(f"{project.NAMESPACE}:{key}", problem, fix, reason))
    given.setdefault("environment", config.stack)
    try:
        return Settings.model_validate(given), findings
    except ValidationError as error:
        for where, problem in messages_of(error):
            given.pop(where.partition(".")[0], None)
            fix = f"correct it in {config.file}"
            findings.append(config.finding(f"{project.NAMESPACE}:{where}", problem, fix))
    return Settings.model_validate({"environment": "unnamed", **given}), findings
