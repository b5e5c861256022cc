"""The types of a stack's settings: how each is parsed and checked."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from model_config.format.names import PREFIX, SEGMENT
from model_config.plan.limits import RESERVED_START


def _prefix(prefix: str) -> str:
    if RESERVED_START.match(prefix):
        raise ValueError(f'"{prefix}" begins with "aws" or "ssm", which SSM reserves, in any case')
    if PREFIX.fullmatch(prefix):
        return prefix
    right = "/" + "/".join(re.sub(r"[^A-Za-z0-9_./-]", "-", prefix).strip("/").split("/"))
    right = re.sub(r"/{2,}", "/", right)
    raise ValueError(
        f'"{prefix}" is not a valid prefix: it must begin with a slash, with no double or trailing '
        'slash, and have only letters, digits, "_", "." and "-" between slashes. Write '
        f'"{right if right != "/" else "/ai"}"'
    )


def _shown_as(pattern: str, message: str) -> Any:
    """Return a pydantic field that gives a validator's rule to the JSON Schema for editors."""
    return Field(json_schema_extra={"pattern": pattern, "patternErrorMessage": message})


def _of_form(pattern: str, problem: str, hint: str) -> tuple[AfterValidator, Any]:
    """Return the check of a text's form, and the same rule for editors."""

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

Tags = Annotated[
    dict[_TagKey, _TagValue],
    Field(max_length=50),
    AfterValidator(_distinct_keys),
    BeforeValidator(_map_from_json),
]

Prefix = Annotated[
    str,
    AfterValidator(_prefix),
    _shown_as(
        rf"^(?!{RESERVED_START.pattern}){PREFIX.pattern}$",
        'write one slash before each name and none at the end, such as "/ai"; not "/aws" or "/ssm"',
    ),
]
Segment = Annotated[
    str,
    *_of_form(
        SEGMENT.pattern,
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
