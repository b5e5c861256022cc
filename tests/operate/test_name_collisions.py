"""Names in KMS and IAM that a deploy would make, and somebody else has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from model_config.operate import services
from model_config.operate.check import taken_names
from model_config.operate.services import KeysAndPolicies
from model_config.plan.settings import Settings

SETTINGS = Settings(environment="prod")
SHARED = "arn:aws:kms:eu-west-1:123456789012:key/0b5c"
POLICY = "ai+prod+search@eu-west-1"


pytestmark = pytest.mark.usefixtures("made_up_credentials")


@pytest.fixture(autouse=True)
def _aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def taken() -> None:
    """Another stack's key and reader policy, with the names that this one's would have."""
    kms = boto3.client("kms", region_name="eu-west-1")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/ai/prod", TargetKeyId=key)
    allowed = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    boto3.client("iam").create_policy(
        PolicyName=POLICY, Path="/model-config/", PolicyDocument=document
    )


def found(
    *models: str, settings: Settings = SETTINGS, first_deploy: bool = False
) -> list[tuple[str, str]]:
    aws = KeysAndPolicies("eu-west-1")
    checked = taken_names(aws, settings, models, first_deploy=first_deploy)
    return [(it.where, it.problem) for it in checked]


def test_an_account_with_nothing_in_it_has_every_name_free() -> None:
    assert found("chat", "search", first_deploy=True) == []


@pytest.mark.usefixtures("taken")
def test_a_first_deploy_is_told_of_the_alias_and_of_a_reader_policy() -> None:
    assert found("chat", "search", first_deploy=True) == [
        ("alias/ai/prod", "the alias already exists"),
        (POLICY, "the reader policy already exists"),
    ]


@pytest.mark.usefixtures("taken")
def test_a_later_deploy_has_the_alias_itself_and_is_told_of_a_new_models_policy() -> None:
    assert found() == []
    assert [where for where, _ in found("search")] == [POLICY]


@pytest.mark.usefixtures("taken")
def test_a_stack_with_an_existing_key_makes_no_alias() -> None:
    shared = SETTINGS.model_copy(update={"kms_key_arn": SHARED})
    assert found("chat", settings=shared, first_deploy=True) == []


@pytest.mark.usefixtures("taken")
def test_what_may_not_be_asked_is_left_to_the_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
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
