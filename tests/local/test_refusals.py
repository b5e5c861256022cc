"""The local AWS refuses what AWS documents that it refuses, at both sides of each edge."""

import pytest
from botocore.exceptions import ClientError

from model_config.local.local_aws import client, local_aws

REGION = "eu-west-1"


@pytest.fixture
def put():
    with local_aws():
        ssm = client("ssm", REGION)
        key = client("kms", REGION).create_key()["KeyMetadata"]["Arn"]

        def put(name="/ai/dev/m/f", value="v", **options):
            options = {"Type": "SecureString", "KeyId": key, **options}
            return ssm.put_parameter(Name=name, Value=value, **options)["Version"]

        yield put


def refused(put, *args, **options) -> str:
    with pytest.raises(ClientError) as caught:
        put(*args, **options)
    return str(caught.value)


@pytest.mark.parametrize(("tier", "size"), [("Standard", 4096), ("Advanced", 8192)])
def test_a_value_has_as_many_bytes_as_its_tier_holds(put, tier: str, size: int):
    assert put(value="é" * (size // 2), Tier=tier) == 1
    too_long = "é" * (size // 2) + "x"
    assert str(size) in refused(put, value=too_long, Tier=tier, Overwrite=True)


def test_a_name_and_a_value_are_what_ssm_takes(put):
    assert put(value="{ {x} } {{ and no end") == 1
    assert "{{" in refused(put, "/ai/dev/m/g", "Hello {{name}}")
    assert put("/a" * 15) == 1
    assert "16 levels" in refused(put, "/a" * 16)
    room = 1011 - len(f"arn:aws:ssm:{REGION}:123456789012:parameter")
    assert put("/" + "n" * (room - 1)) == 1
    assert "1,012" in refused(put, "/" + "n" * room)
    assert put("/ai/Az09_.-") == 1
    assert "characters" in refused(put, "/ai/with space")


def test_an_advanced_parameter_cant_go_back(put):
    put(Tier="Advanced")
    assert put(value="w", Overwrite=True) == 2  # stays Advanced
    assert "standard" in refused(put, value="x", Tier="Standard", Overwrite=True)


def test_a_type_cant_change_and_an_unknown_key_is_refused(put):
    put()
    assert "type" in refused(put, value="x", Type="String", Overwrite=True)
    assert "ParameterAlreadyExists" in refused(put, value="x", Type="String")
    unknown = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    assert "InvalidKeyId" in refused(put, "/ai/dev/m/g", KeyId=unknown)
    assert put("/ai/dev/m/g", KeyId="alias/aws/ssm") == 1


def test_a_page_of_a_listing_holds_as_many_as_are_asked_for(put):
    for number in range(51):
        put(f"/ai/dev/m/f{number}")
    ssm = client("ssm", REGION)
    pages = [
        [each["Name"] for each in page["Parameters"]]
        for page in ssm.get_paginator("describe_parameters").paginate(
            PaginationConfig={"PageSize": 50}
        )
    ]
    assert [len(page) for page in pages] == [50, 1]
    assert len({name for page in pages for name in page}) == 51
