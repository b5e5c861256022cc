"""What AWS refuses is refused before a deploy: each limit at both sides of its edge."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

import pytest
from botocore.loaders import create_loader
from pydantic import create_model
from support.project import PROJECT

from model_config.format.errors import Finding
from model_config.plan import aws, checks
from model_config.plan.aws import REGIONS, partition_of
from model_config.plan.plan import plan_model, plan_stack
from model_config.plan.project import StackConfig
from model_config.plan.registry import Model, Modules
from model_config.plan.settings import Settings
from model_config.schema import Group, ModelConfig, SecretRef

PARTITIONS = {
    region: partition["id"]
    for partition in create_loader().load_data("partitions")["partitions"]
    for region in partition["regions"]
    if not region.endswith("-global")
}


def planned(region: str | None = None, **fields: Any) -> list[Finding]:
    """Return the findings about a model whose class has fields of these names and values."""
    definitions: Any = {name: (type(value), value) for name, value in fields.items()}
    config = create_model("Mine", __base__=ModelConfig, **definitions)()
    _, findings = plan_model(Model("mine", config), Settings(environment="dev"), region)
    return findings


# The ARN in front of a name


def test_the_regions_and_their_partitions_are_those_that_botocore_knows() -> None:
    assert {region: partition_of(region) for region in PARTITIONS} == PARTITIONS
    assert set(PARTITIONS) == REGIONS  # red after an upgrade of boto3: add the region


def test_without_a_region_the_longest_arn_there_is_counts() -> None:
    longest = max(len(aws.arn_prefix(region)) for region in PARTITIONS)
    assert len(aws.arn_prefix(None)) == longest


def test_an_arn_is_as_long_as_aws_says_it_is() -> None:
    # SSM API reference, PutParameter, Name: "the following 45 characters count toward the 1011"
    assert len(aws.arn_prefix("us-east-2") + "/") == 45


@pytest.mark.parametrize(
    ("region", "before"),
    [
        ("us-east-2", "arn:aws:ssm:us-east-2:111122223333:parameter"),
        ("cn-northwest-1", "arn:aws-cn:ssm:cn-northwest-1:111122223333:parameter"),
        ("us-gov-west-1", "arn:aws-us-gov:ssm:us-gov-west-1:111122223333:parameter"),
        (None, "arn:aws-iso-f:ssm:us-isof-south-1:111122223333:parameter"),
    ],
)
def test_a_name_may_have_1011_characters_with_its_arn(region: str | None, before: str) -> None:
    name = "/" + "n" * (1011 - len(before) - 1)
    assert list(aws.check_name(name, "mine/field", region)) == []
    (finding,) = aws.check_name(name + "n", "mine/field", region)
    assert f"has {len(name) + 1} characters, 1,012 with its ARN before it" in finding.problem
    assert finding.fix.startswith("shorten it by 1:")
    assert "at most 1,011 with the ARN" in finding.reason
    assert "SSM API reference" in finding.reason


def test_the_stacks_region_decides_about_a_fields_length() -> None:
    name = "f" * (1011 - len("arn:aws:ssm:eu-west-1:111122223333:parameter/ai/dev/mine/"))
    assert planned("eu-west-1", **{name: "x"}) == []
    (finding,) = planned(None, **{name: "x"})
    assert "with its ARN before it" in finding.problem


def test_the_longest_name_of_a_fields_parts_counts() -> None:
    name = "f" * (1011 - len("arn:aws:ssm:eu-west-1:111122223333:parameter/ai/dev/mine/"))
    (finding,) = planned("eu-west-1", **{name: "x" * 4097})  # `.part2` has six characters
    assert finding.fix.startswith("shorten it by 6:")


# Levels and characters


def nested(levels: int) -> dict[str, Any]:
    """Return a field that many levels below the prefix `/ai`, the environment and the model."""
    value: Any = "x"
    for _ in range(levels - 1):
        value = create_model("Inner", __base__=Group, g=(type(value), value))()
    return {"g": value}


def test_a_name_may_have_15_levels() -> None:
    # SSM API reference, PutParameter: "A parameter name hierarchy can have at most 15 levels"
    assert planned(**nested(12)) == []
    (finding,) = planned(**nested(13))
    assert finding.problem == "the parameter's name has 16 levels"
    assert finding.where == "/".join(["mine", *["g"] * 13])
    assert "at most 15 (SSM API reference" in finding.reason


def test_letters_digits_and_three_marks_make_a_name() -> None:
    for name in ("_", "a.b", "A-1", "x_y"):
        assert list(aws.check_name(f"/ai/dev/mine/{name}", "mine", None)) == []
    for name in ("😀", "größe", "a b", "a:b", "a{b", "", "a\n", "1½"):
        (finding,) = planned(**{name: "x"})
        assert finding.where == f"mine/{name}"
        assert f"{name!r} in the parameter's name" in finding.problem
        assert "a-zA-Z0-9_.-" in finding.reason


def test_a_name_that_begins_with_aws_or_ssm_is_refused() -> None:
    for name in ("/aws", "/AWS/x", "/awsx/y", "/ssm/x", "/SsM"):
        (finding,) = aws.check_name(name, "mine", None)
        assert 'begins with "aws" or "ssm"' in finding.problem
    for name in ("/ai/aws", "/a/ssm", "/aw/s"):
        assert list(aws.check_name(name, "mine", None)) == [], name


# Names that would meet


def test_a_field_cannot_stand_where_the_models_own_parameters_do() -> None:
    group = create_model("G", __base__=Group, a=(str, "x"))()
    for name in ("release", "rollout", "secrets", "Release", "SECRETS", "RollOut"):
        for value in ("x", SecretRef("key"), group):
            (finding,) = planned(**{name: value})
            assert finding.problem == f'a field at the top of a model can\'t be called "{name}"'
            assert finding.where.startswith(f"mine/{name}")
    # Deeper down these names are free.
    names: Any = dict.fromkeys(("release", "rollout", "secrets"), (str, "x"))
    assert planned(g=create_model("G", __base__=Group, **names)()) == []


def test_two_fields_at_one_path_or_that_differ_only_in_case_are_refused() -> None:
    (finding,) = aws.check_collisions([("mine/a/b", "/ai/dev/mine/a/b")] * 2)
    assert finding.where == "mine/a/b"
    assert "is the same as that of mine/a/b" in finding.problem
    names = [("m/a", "/ai/m/a"), ("m/b", "/ai/m/b"), ("m/A", "/ai/m/A"), ("M/a", "/ai/M/a")]
    assert [finding.problem for finding in aws.check_collisions(names)] == [
        "its parameter's name '/ai/m/A' differs only in case from that of m/a",
        "its parameter's name '/ai/M/a' differs only in case from that of m/a",
    ]


# Counts


def test_a_model_and_an_account_may_have_10_000_parameters() -> None:
    # AWS General Reference, Systems Manager endpoints and quotas: Standard parameters
    assert list(aws.check_counts(Counter({"a": 10_000}))) == []
    assert list(aws.check_counts(Counter({"a": 4_000, "b": 6_000}))) == []
    model, everything = aws.check_counts(Counter({"a": 10_001}))
    assert (model.where, model.problem) == ("a", "it has 10,001 parameters")
    assert everything.problem == "10,001 parameters; the largest: a 10,001"
    (finding,) = aws.check_counts(Counter({"a": 3_000, "b": 7_001}))
    assert finding.problem == "10,001 parameters; the largest: b 7,001, a 3,000"
    assert "10,000 Standard parameters in an account and region" in finding.reason


def test_each_models_release_and_rollout_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_fields(count: int) -> ModelConfig:
        definitions: Any = {f"f{number}": (int, number) for number in range(count)}
        return create_model("Mine", __base__=ModelConfig, **definitions)()

    config = of_fields(8)
    models = {f"m{number}": Model(f"m{number}", config) for number in range(10)}
    monkeypatch.setattr(aws, "MAX_PARAMETERS", 100)
    assert plan_stack(Modules(PROJECT, models, {}), StackConfig("dev", {})).findings == ()
    models["m0"] = Model("m0", of_fields(9))
    (finding,) = plan_stack(Modules(PROJECT, models, {}), StackConfig("dev", {})).findings
    assert finding.problem.startswith("101 parameters; the largest: m0 11, m1 10")


def test_a_model_without_a_single_value_is_refused() -> None:
    (finding,) = planned()
    assert (finding.where, finding.problem) == ("mine", "it has no values")


# Names of the key and the policy


def too_long(settings: Settings, *models: str) -> list[Finding]:
    return list(checks.check_lengths(settings, models, "eu-west-1"))


def test_an_alias_may_have_256_characters() -> None:
    # KMS API reference, CreateAlias, AliasName
    longest = "e" * (256 - len("alias/ai/"))
    assert too_long(Settings(environment=longest)) == []
    (finding,) = too_long(Settings(environment=longest + "e"))
    assert "has 257 characters" in finding.problem


def test_a_policys_name_may_have_128_characters() -> None:
    # IAM API reference, CreatePolicy, PolicyName
    settings = Settings(environment="e" * 50)
    longest = "m" * (128 - len("ai+") - 50 - len("+") - len("@eu-west-1"))
    assert too_long(settings, longest) == []
    (finding,) = too_long(settings, longest + "m")
    assert finding.where == longest + "m"
    assert "has 129 characters" in finding.problem


# Sizes


def test_a_value_may_have_64_parts_of_4096_bytes() -> None:
    assert planned(text="x" * (64 * 4096)) == []
    (finding,) = planned(text="x" * (64 * 4096 + 1))
    assert finding.where == "mine/text"
    assert finding.problem == "it takes 262,145 bytes, 65 parts"
    assert "at most 64 parts of 4,096 bytes, 262,144 in all" in finding.reason


def test_a_prompt_beyond_that_is_one_finding_with_its_size() -> None:
    # Of braces, all but the last take six bytes, and two quotation marks.
    for text, size in (
        ("x" * 2**20, "1,048,576"),
        ("語" * 99_999, "299,997"),
        ("{" * 50_000, "299,997"),
    ):
        (finding,) = planned(text=text)
        assert finding.problem.startswith(f"it takes {size} bytes, ")


def test_a_configuration_too_large_for_a_release_is_refused_with_its_size() -> None:
    noise = random.Random(7)  # noqa: S311 -- three texts of 200,000 bytes
    (finding,) = planned(**{name: noise.randbytes(100_000).hex() for name in "abc"})
    assert finding.where == "mine/release"
    assert re.search(
        r"has 600,\d{3} bytes, compressed to \d{3},\d{3} in \d{3} parts", finding.problem
    )
    assert "at most 64 parts of 4,096 bytes" in finding.reason


def test_what_cannot_be_stored_is_refused_with_its_place_and_not_shown() -> None:
    group = create_model("G", __base__=Group, text=(str, "sk-live\ud800"))()
    (finding,) = planned(g=group)
    assert finding.where == "mine/g/text"
    assert "half of a surrogate pair at character 7" in finding.problem
    assert "sk-live" not in str(finding)
