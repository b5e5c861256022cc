"""Lookups of keys and policies by the names that a deploy gives them, and who has them already."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from model_config.format.errors import AccessDeniedError
from model_config.operate import services
from model_config.operate.check import taken_names
from model_config.operate.services import KeysAndPolicies
from model_config.plan.settings import Settings

SETTINGS = Settings(environment="prod")
SHARED = "arn:aws:kms:eu-west-1:123456789012:key/0b5c"
POLICY = "ai+prod+search@eu-west-1"

pytestmark = pytest.mark.usefixtures("made_up_credentials")


def test_a_key_is_found_by_its_description_on_any_page_unless_keys_may_not_be_listed(monkeypatch):
    kms = boto3.client("kms", region_name="eu-west-1")
    monkeypatch.setattr(services, "aws_client", lambda *_: kms)
    about = {"Arn": SHARED, "KeyState": "Enabled"}
    for description, found in (("key 2", ["2"]), ("no such key", [])):
        with Stubber(kms) as answers:
            first = {"Keys": [{"KeyId": "1"}], "Truncated": True, "NextMarker": "next"}
            answers.add_response("list_keys", first)
            answers.add_response("list_keys", {"Keys": [{"KeyId": "2"}]}, {"Marker": "next"})
            for key in "12":
                metadata = {**about, "KeyId": key, "Description": f"key {key}"}
                answers.add_response("describe_key", {"KeyMetadata": metadata})
            keys = KeysAndPolicies("eu-west-1").keys_described(description)
            assert [key.id for key in keys] == found
    with Stubber(kms) as answers:
        answers.add_client_error("list_keys", "AccessDeniedException")
        with pytest.raises(AccessDeniedError, match="kms:ListKeys"):
            KeysAndPolicies("eu-west-1").keys_described("any")


def test_a_key_that_nobody_else_may_describe_is_passed_over(monkeypatch):
    kms = boto3.client("kms", region_name="eu-west-1")
    monkeypatch.setattr(services, "aws_client", lambda *_: kms)
    with Stubber(kms) as answers:
        answers.add_response("list_keys", {"Keys": [{"KeyId": "1"}, {"KeyId": "2"}]})
        answers.add_client_error("describe_key", "AccessDeniedException")
        about = {"Arn": SHARED, "KeyState": "Enabled", "KeyId": "2", "Description": "ours"}
        answers.add_response("describe_key", {"KeyMetadata": about})
        assert [key.id for key in KeysAndPolicies("eu-west-1").keys_described("ours")] == ["2"]


@mock_aws
def test_a_deploy_is_told_of_the_alias_and_the_policies_that_somebody_else_has(monkeypatch):
    def found(
        *models: str, settings: Settings = SETTINGS, first_deploy: bool = False
    ) -> list[tuple[str, str]]:
        aws = KeysAndPolicies("eu-west-1")
        checked = taken_names(aws, settings, models, first_deploy=first_deploy)
        return [(it.where, it.problem) for it in checked]

    assert found("chat", "search", first_deploy=True) == []
    kms = boto3.client("kms", region_name="eu-west-1")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/ai/prod", TargetKeyId=key)
    allowed = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    boto3.client("iam").create_policy(
        PolicyName=POLICY, Path="/model-config/", PolicyDocument=document
    )
    policy = (POLICY, "the reader policy already exists")
    assert found("chat", "search", first_deploy=True) == [
        ("alias/ai/prod", "the alias already exists"), policy,
    ]  # fmt: skip
    # A later deploy has the alias itself, and one with an existing key makes none.
    assert found() == []
    assert found("search") == [policy]
    shared = SETTINGS.model_copy(update={"kms_key_arn": SHARED})
    assert found("chat", settings=shared, first_deploy=True) == []

    # What may not be asked is left to the deploy.
    def denied(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "x")

    really = services.aws_client

    def client(service: str, region: str | None) -> Any:
        made = really(service, region)
        if service != "sts":
            monkeypatch.setattr(made, "_make_api_call", denied)
        return made

    monkeypatch.setattr(services, "aws_client", client)
    assert found("search", first_deploy=True) == []
