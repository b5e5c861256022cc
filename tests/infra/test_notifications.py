"""The rules that tell a topic of label moves, releases and the key's deletion."""

import json
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pulumi
import pytest
from support.project import PROJECT, stack_config

from model_config.testing.program import Recorder, run_program

RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:alerts"


@pytest.fixture(scope="module")
def told() -> Recorder:
    recorder = Recorder()
    run_program(PROJECT.root, stack_config("prod", fields="false", notifyTopicArn=TOPIC), recorder)
    return recorder


def matches(pattern: Any, event: Any) -> bool:
    """Tell as EventBridge does whether an event fits a pattern: in this much of its language."""
    if isinstance(pattern, dict):
        return all(
            any(matches(each, event) for each in wanted)
            if key == "$or"
            else matches(wanted, event.get(key))
            for key, wanted in pattern.items()
        )
    values = event if isinstance(event, list) else [event]
    return any(
        fnmatchcase(str(value), each["wildcard"]) if isinstance(each, dict) else each == value
        for each in pattern
        for value in values
    )


def is_told(recorder: Recorder, event: dict[str, Any]) -> bool:
    rules = recorder.of_type(RULE).values()
    return any(matches(json.loads(rule.inputs["eventPattern"]), event) for rule in rules)


def parameter_event(name: str, operation: str) -> dict[str, Any]:
    # Systems Manager user guide, Setting up notifications based on Parameter Store events
    return {
        "source": "aws.ssm",
        "detail-type": "Parameter Store Change",
        "detail": {"operation": operation, "name": name, "type": "SecureString"},
    }


def call_event(name: str, key: str) -> dict[str, Any]:
    # KMS developer guide, Logging with CloudTrail; EventBridge user guide, AWS service events
    return {
        "source": "aws.kms",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "kms.amazonaws.com",
            "eventName": name,
            "requestParameters": {"keyId": key},
        },
    }


RELEASE = "/ai/prod/support_chat/release"


TOLD = [
    *(parameter_event(RELEASE, each) for each in ("Create", "Update", "Delete")),
    parameter_event(RELEASE, "LabelParameterVersion"),
    parameter_event("/ai/prod/support_chat/rollout", "Update"),
    call_event("ScheduleKeyDeletion", "0b5c"),
    call_event("DisableKey", "arn:aws:kms:eu-west-1:111122223333:key/0b5c"),
]
UNTOLD = [
    parameter_event("/ai/prod/support_chat/generation/temperature", "Update"),
    parameter_event("/ai/prod/support_chat/release/parts/0f3c", "Create"),
    parameter_event("/ai/dev/support_chat/release", "Update"),
    parameter_event("/ai/prod-eu/support_chat/release", "Update"),
    call_event("ScheduleKeyDeletion", "5a5a"),
    call_event("DescribeKey", "0b5c"),
    {**parameter_event(RELEASE, "Update"), "source": "aws.s3"},
]


def test_the_topic_is_told_of_what_readers_or_the_history_feel_and_of_nothing_else(told: Recorder):
    for event in TOLD:
        assert is_told(told, event), event
    for event in UNTOLD:
        assert not is_told(told, event), event


def test_each_rule_has_the_topic_as_its_target_and_the_stacks_tags(told: Recorder):
    rules, targets = told.of_type(RULE), told.of_type(TARGET)
    assert rules.keys() == targets.keys()
    for name, rule in rules.items():
        assert rule.inputs["tags"] == {"environment": "prod"}
        own = rule.inputs["name"]
        assert targets[name].inputs == {"rule": own, "targetId": "topic", "arn": TOPIC}


def test_a_rules_name_is_the_stacks_own_and_the_same_in_each_deploy(told: Recorder):
    # PutRule replaces a rule of that name: what a dead deploy made is taken over by the next one,
    # and two stacks that share an environment must not meet.
    def names(stack: str, region: str = "eu-west-1") -> dict[str, str]:
        topic = TOPIC.replace("eu-west-1", region)
        config = stack_config("prod", fields="false", notifyTopicArn=topic, environment="prod")
        # In one region, Pulumi.prod.yaml would collide with it in more than its rules.
        values = {**config.values, "aws:region": region}
        config = replace(config, stack=stack, values=values)
        run_program(PROJECT.root, config, recorder := Recorder())
        return {name: rule.inputs["name"] for name, rule in recorder.of_type(RULE).items()}

    first = names("prod")
    assert first == {name: rule.inputs["name"] for name, rule in told.of_type(RULE).items()}
    assert all(own.startswith(f"{name}-") for name, own in first.items())
    assert first.keys() == (other := names("prod-b", "eu-central-1")).keys()
    assert set(first.values()).isdisjoint(other.values())


def test_the_names_of_rules_have_the_environment_and_are_short_enough():
    # EventBridge API reference, PutRule, Name: 64. A hyphen and seven digits tell stacks apart.
    longest = "e" * (64 - 8 - len("model-config-ai--releases"))
    recorder = Recorder()
    config = stack_config("prod", fields="false", notifyTopicArn=TOPIC, environment=longest)
    run_program(PROJECT.root, config, recorder)
    assert set(recorder.of_type(RULE)) == {
        f"model-config-ai-{longest}-releases", f"model-config-ai-{longest}-key",
    }  # fmt: skip
    lengths = {len(rule.inputs["name"]) for rule in recorder.of_type(RULE).values()}
    assert max(lengths) == 64
    config = stack_config("prod", fields="false", notifyTopicArn=TOPIC, environment=f"{longest}e")
    with pytest.raises(pulumi.RunError, match="at most 56, and 8 that tell stacks apart"):
        run_program(PROJECT.root, config, Recorder())


def test_without_a_topic_there_is_no_rule():
    run_program(PROJECT.root, stack_config("prod", fields="false"), recorder := Recorder())
    assert recorder.of_type(RULE) == recorder.of_type(TARGET) == {}
