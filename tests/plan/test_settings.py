"""A stack's settings: typed from the engine's texts, and refused with what would be right."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from model_config.format.errors import Finding
from model_config.plan.checks import check_keys
from model_config.plan.project import StackConfig
from model_config.plan.settings import Settings, read_settings


def config_of(own: dict[str, str], secrets: tuple[str, ...] = ()) -> StackConfig:
    values = {f"model-config:{key}": value for key, value in own.items()}
    secret_keys = frozenset(f"model-config:{key}" for key in secrets)
    return StackConfig("dev", {"aws:region": "eu-west-1", **values}, secret_keys)


def read(**own: str) -> tuple[Settings, list[Finding]]:
    return read_settings(config_of(own))


def problem_of(**own: str) -> str:
    """Return the one problem with a setting, which stands there with its place and its file."""
    settings, (finding,) = read(**own)
    assert finding.where.startswith(f"model-config:{next(iter(own))}")
    assert finding.fix == "correct it in Pulumi.dev.yaml"
    assert settings == read()[0]  # so that everything else can be checked, too
    return finding.problem


# Right


def test_nothing_has_to_be_set() -> None:
    settings, findings = read()
    assert findings == []
    assert settings.model_dump() == {
        "prefix": "/ai",
        "environment": "dev",  # the stack's name
        "models": None,
        "overrides": {},
        "protect": False,
        "key_deletion_window_days": 30,
        "kms_key_arn": None,
        "kms_multi_region": False,
        "tags": {},
        "notify_topic_arn": None,
        "fields": True,
        "evidence": None,
    }


def test_every_setting_is_typed_from_the_text_that_the_engine_hands_over() -> None:
    settings, findings = read(
        prefix="/team/ai.v2",
        environment="eu_prod-1",
        models='["support_chat"]',
        overrides='{"support_chat":{"generation":{"temperature":0.7}}}',
        protect="true",
        keyDeletionWindowDays="7",
        kmsKeyArn="arn:aws:kms:eu-west-1:111122223333:key/0b5c",
        kmsMultiRegion="true",
        tags='{"cost centre":"42"}',
        notifyTopicArn="arn:aws:sns:eu-west-1:111122223333:alerts",
        fields="false",
        evidence="required",
    )
    assert findings == []
    assert settings.model_dump() == {
        "prefix": "/team/ai.v2",
        "environment": "eu_prod-1",
        "models": ["support_chat"],
        "overrides": {"support_chat": {"generation": {"temperature": 0.7}}},
        "protect": True,
        "key_deletion_window_days": 7,
        "kms_key_arn": "arn:aws:kms:eu-west-1:111122223333:key/0b5c",
        "kms_multi_region": True,
        "tags": {"cost centre": "42"},
        "notify_topic_arn": "arn:aws:sns:eu-west-1:111122223333:alerts",
        "fields": False,
        "evidence": "required",
    }


def test_names_are_made_of_prefix_and_environment() -> None:
    settings = Settings(prefix="/team/ai.v2", environment="prod")
    assert settings.path_of("chat") == "/team/ai.v2/prod/chat"
    assert settings.key_alias == "alias/team/ai-v2/prod"  # KMS: no dots (CreateAlias, AliasName)
    assert settings.policy_name("chat", "eu-west-1") == "team+ai.v2+prod+chat@eu-west-1"


# Wrong


@pytest.mark.parametrize(
    ("prefix", "right"),
    [
        ("", "/ai"),
        ("/", "/ai"),
        ("//", "/ai"),
        ("ai", "/ai"),
        ("/ai/", "/ai"),
        ("/ai//team", "/ai/team"),
        ("ai//team/", "/ai/team"),
        ("/my ai", "/my-ai"),
        ("/ai\n", "/ai-"),
        ("/😀", "/-"),
    ],
)
def test_a_prefix_that_is_no_path_is_refused_with_one_that_is(prefix: str, right: str) -> None:
    assert problem_of(prefix=prefix).endswith(f'Write "{right}"')
    assert read(prefix=right)[1] == []


def test_a_prefix_may_not_begin_with_what_ssm_reserves() -> None:
    for prefix in ("/aws", "/AWS/ai", "/ssm/ai", "/SsmAi", "/awsome"):
        assert 'begins with "aws" or "ssm"' in problem_of(prefix=prefix)
    for prefix in ("/ai/aws", "/my-ssm", "/as"):
        assert read(prefix=prefix)[1] == [], prefix


def test_an_environment_is_one_name() -> None:
    for environment in ("", "a/b", "a b", "ü", "/dev"):
        _, findings = read(environment=environment)
        assert f'"{environment}" is not a valid name' in findings[0].problem


def test_a_deleted_key_can_be_kept_7_to_30_days() -> None:
    # KMS API reference, ScheduleKeyDeletion, PendingWindowInDays
    for days in (7, 30):
        assert read(keyDeletionWindowDays=str(days))[0].key_deletion_window_days == days
    for wrong, problem in {
        "6": "equal to 7", "31": "equal to 30", "7.5": "integer", "a week": "integer",
    }.items():  # fmt: skip
        assert problem in problem_of(keyDeletionWindowDays=wrong)


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ({"protect": "maybe"}, "valid boolean"),
        ({"models": "support_chat"}, "not a list or map: write it as YAML"),
        ({"models": ""}, "not a list or map"),
        ({"models": '{"a":1}'}, "valid list"),
        ({"models": "[1]"}, "valid string"),
        ({"models": "[]"}, "at least 1 item"),
        ({"overrides": "[1]"}, "valid dictionary"),
        ({"overrides": '{"support_chat":{"generation":'}, "not a list or map"),
        ({"overrides": "[" * 99_999}, "not a list or map"),
    ],
)
def test_a_value_of_another_type_is_refused(own: dict[str, str], problem: str) -> None:
    assert problem in problem_of(**own)


def test_a_map_whose_lines_are_all_commented_out_sets_nothing() -> None:
    for key in ("overrides", "tags"):
        for text in ("", "null"):  # Pulumi means to hand over "null" one day
            assert read(**{key: text}) == read(), (key, text)


def test_tags_are_those_that_aws_takes() -> None:
    # SSM API reference, Tag; IAM user guide, Tags for IAM resources
    for tags in (
        {"k" * 128: "v" * 256},
        {"k": ""},
        {"Größe 1_.:/=+-@": "v_.:/=+-@ 日本"},
        {"awsome": "aws"},
        {f"k{number}": "" for number in range(49)},
    ):
        assert read(tags=json.dumps(tags))[0].tags == tags
    refused: list[tuple[dict[str, Any], str]] = [
        ({"k" * 129: ""}, "at most 128 characters"),
        ({"": ""}, "at least 1 character"),
        ({"k": "v" * 257}, "at most 256 characters"),
        ({"k": "semi;colon"}, "should match pattern"),
        ({"k!": ""}, "should match pattern"),
        ({"k": "line\n"}, "should match pattern"),
        ({"aws:k": ""}, 'begins with "aws:", which AWS reserves'),
        ({"Model-Config:owner": "x"}, "the program itself sets this tag"),
        ({"k": "AWS:v"}, 'begins with "aws:"'),
        ({"k": 42}, "valid string"),
        ({f"k{number}": "" for number in range(50)}, "at most 49 items"),
        ({"Team": "a", "team": "b"}, '"Team" and "team" differ only in case, which IAM refuses'),
    ]
    for wrong, problem in refused:
        assert problem in problem_of(tags=json.dumps(wrong)), wrong


def test_a_setting_given_as_a_secret_is_refused_and_not_shown() -> None:
    config = config_of({"prefix": "/sk-live-42", "overrides": '{"a":{"b":"sk-live-42"}}'},
                       secrets=("prefix", "overrides"))  # fmt: skip
    settings, findings = read_settings(config)
    assert [finding.where for finding in findings] == [
        "model-config:overrides",
        "model-config:prefix",
    ]
    assert all("is not kept secret" in finding.problem for finding in findings)
    assert "sk-live" not in "".join(map(str, findings))
    assert (settings.prefix, settings.overrides) == ("/ai", {})


def test_several_wrong_settings_are_reported_at_once_and_leave_the_right_ones() -> None:
    settings, findings = read(
        prefix="ai",
        protect="maybe",
        keyDeletionWindowDays="6",
        tags='{"a":1,"b":2}',
        environment="x",
    )
    assert [finding.where for finding in findings] == [
        "model-config:prefix",
        "model-config:protect",
        "model-config:keyDeletionWindowDays",
        "model-config:tags.a",
        "model-config:tags.b",
    ]
    assert settings == Settings(environment="x")


# An existing key, and a topic


KEYS = [
    "arn:aws:kms:eu-west-1:111122223333:key/0b5c3d1e-1234-5678-9abc-def012345678",
    "arn:aws:kms:eu-west-1:111122223333:key/mrk-0b5c3d1e12345678",
    "arn:aws-cn:kms:cn-north-1:111122223333:key/0b5c",
    "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/0b5c",
]
NO_KEYS = [
    "",
    "alias/ai/shared",
    "0b5c3d1e-1234-5678-9abc-def012345678",
    "arn:aws:kms:eu-west-1:111122223333:alias/ai/shared",
    "arn:aws:kms:eu-west-1:111122223333:key/",
    "arn:aws:kms:eu-west-1:11112222333:key/0b5c",
    "arn:aws:kms:eu-west-1:111122223333:key/0b5c\n",
    "arn:aws:sns:eu-west-1:111122223333:key/0b5c",
]
NO_TOPICS = [
    "alerts",
    "arn:aws:sqs:eu-west-1:111122223333:alerts",
    "arn:aws:sns:eu-west-1:111122223333:",
    "arn:aws:sns:eu-west-1:111122223333:alerts:0b5c",
    "arn:aws:sns:eu-west-1:111122223333:alerts.fifo",  # not a target that EventBridge has
]


def test_an_existing_key_and_a_topic_are_named_by_their_arns() -> None:
    for arn in KEYS:
        assert read(kmsKeyArn=arn)[0].kms_key_arn == arn
    for arn in NO_KEYS:
        assert "is not the ARN of a KMS key" in problem_of(kmsKeyArn=arn)
    right = "arn:aws:sns:eu-west-1:111122223333:alerts"
    assert read(notifyTopicArn=right)[0].notify_topic_arn == right
    for arn in NO_TOPICS:
        assert "is not the ARN of a standard SNS topic" in problem_of(notifyTopicArn=arn)


# Unknown keys


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("prefx", "prefix"),
        ("Prefix", "prefix"),
        ("key_deletion_window_days", "keyDeletionWindowDays"),
        ("supportChatApiKye", "supportChatApiKey"),
    ],
)
def test_an_unknown_key_is_reported_with_the_nearest_right_one(key: str, right: str) -> None:
    for config in (config_of({key: "sk-live-42"}), config_of({}, secrets=(key,))):
        (finding,) = check_keys(config, ["supportChatApiKey"])
        assert finding.where == f"model-config:{key}"
        assert finding.fix == f'did you mean "{right}"?'
        assert "sk-live" not in str(finding)


def test_a_key_that_is_near_none_is_reported_with_all_there_are() -> None:
    (finding,) = check_keys(config_of({"zzz": "1"}), ["supportChatApiKey"])
    assert re.search("known names: environment, .*, prefix, .*supportChatApiKey, tags", finding.fix)
    others = StackConfig("dev", {"aws:region": "eu-west-1", "other:prefix": "x"})
    assert list(check_keys(others, [])) == []  # other namespaces' keys are none of ours
