"""Which key encrypts an environment is chosen once, and what a file names is where the stack is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.project import PROJECT

from model_config.format.errors import Finding
from model_config.plan.checks import changed_key
from model_config.plan.plan import plan_stack
from model_config.plan.project import StackConfig
from model_config.plan.registry import Modules
from model_config.plan.settings import Settings

OWN = {"arn": "arn:aws:kms:eu-west-1:111122223333:key/0b5c", "id": "0b5c", "alias": "alias/ai/dev"}
OWN_IN_REGIONS = {**OWN, "id": "mrk-0b5c"}
SHARED_ARN = "arn:aws:kms:eu-west-1:111122223333:key/5a5a"
SHARED = {"arn": SHARED_ARN, "id": "5a5a", "alias": None}
TOPIC = "arn:aws:sns:eu-west-1:111122223333:alerts"


def findings(region: str | None = "eu-west-1", **own: str) -> list[Finding]:
    values = {f"model-config:{key}": value for key, value in own.items()}
    given = {"aws:region": region, **values} if region else values
    plan = plan_stack(Modules(PROJECT, {}, {}), StackConfig("dev", given))
    return [finding for finding in plan.findings if finding.where != "models"]


def test_a_key_and_a_topic_are_in_the_stacks_own_region() -> None:
    assert findings(kmsKeyArn=SHARED_ARN, notifyTopicArn=TOPIC) == []
    assert findings(None, kmsKeyArn=SHARED_ARN, notifyTopicArn=TOPIC) == []  # not known here
    key, topic = findings("eu-central-1", kmsKeyArn=SHARED_ARN, notifyTopicArn=TOPIC)
    assert (key.where, topic.where) == ("model-config:kmsKeyArn", "model-config:notifyTopicArn")
    for finding in (key, topic):
        assert finding.problem == "it is in eu-west-1, and the stack deploys to eu-central-1"
        assert finding.file == "Pulumi.dev.yaml"
    # Whoever made an existing key made it for several regions.
    (finding,) = findings(kmsKeyArn=SHARED_ARN, kmsMultiRegion="true")
    assert finding.where == "model-config:kmsMultiRegion"
    assert "the stack uses an existing key" in finding.problem


def test_an_existing_key_needs_no_alias() -> None:
    long = "e" * 260
    assert any("alias" in each.problem for each in findings(environment=long))
    found = findings(environment=long, kmsKeyArn=SHARED_ARN)
    assert not any("alias" in each.problem for each in found)


def settings(**given: Any) -> Settings:
    return Settings(environment="dev", **given)


def test_the_same_choice_is_no_finding() -> None:
    for given, former in (
        ({}, OWN),
        ({"kms_multi_region": True}, OWN_IN_REGIONS),
        ({"kms_key_arn": SHARED_ARN}, SHARED),
    ):
        assert changed_key(settings(**given), former, "Pulumi.dev.yaml") is None


@pytest.mark.parametrize(
    ("given", "former", "where", "fix"),
    [
        ({"kms_key_arn": SHARED_ARN}, OWN, "kmsKeyArn", "remove it"),
        ({"kms_key_arn": OWN["arn"]}, OWN, "kmsKeyArn", "remove it"),
        ({}, SHARED, "kmsKeyArn", f"set it to {SHARED_ARN}"),
        ({"kms_key_arn": OWN["arn"]}, SHARED, "kmsKeyArn", f"set it to {SHARED_ARN}"),
        ({"kms_multi_region": True}, SHARED, "kmsKeyArn", f"set it to {SHARED_ARN}"),
        ({"kms_multi_region": True}, OWN, "kmsMultiRegion", "set it to false"),
        ({}, OWN_IN_REGIONS, "kmsMultiRegion", "set it to true"),
    ],
    ids=["existing", "its own as an existing one", "back", "another", "own", "regions", "one"],
)
def test_another_choice_is_refused_with_the_former_one(given, former, where, fix):
    finding = changed_key(settings(**given), former, "Pulumi.dev.yaml")
    assert finding is not None
    assert finding.where == f"model-config:{where}"
    assert finding.fix.startswith(fix)
    assert former["arn"] in finding.problem
    assert json.dumps(finding.file) == '"Pulumi.dev.yaml"'
