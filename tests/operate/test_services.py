"""Lookups of keys and policies by the names that a deploy gives them."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from model_config.format.errors import AccessDeniedError
from model_config.operate import services
from model_config.operate.services import KeysAndPolicies

pytestmark = pytest.mark.usefixtures("made_up_credentials")


def test_a_key_is_found_by_its_description_on_any_page() -> None:
    with mock_aws():
        kms = boto3.client("kms", region_name="eu-west-1")
        keys = [kms.create_key(Description=f"key {number}") for number in range(101)]
        last = keys[-1]["KeyMetadata"]["KeyId"]
        aws = KeysAndPolicies("eu-west-1")
        assert [key.id for key in aws.keys_described("key 100")] == [last]
        assert aws.keys_described("no such key") == []


def test_keys_that_may_not_be_listed_are_told_as_every_denied_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kms = boto3.client("kms", region_name="eu-west-1")
    monkeypatch.setattr(services, "aws_client", lambda *_: kms)
    with Stubber(kms) as answers:
        answers.add_client_error("list_keys", "AccessDeniedException")
        with pytest.raises(AccessDeniedError, match="kms:ListKeys"):
            KeysAndPolicies("eu-west-1").keys_described("any")
