"""What another Pulumi project imports: a stack's models, by reference or from SSM alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from support.project import PROJECT, stack_config
from support.ssm_recorder import ARN, Ssm

from model_config.plan.project import StackConfig
from model_config.testing.program import Recorder, run_program

STACK = "organization/model-config/prod"
REFERENCE = f'ModelStack.from_reference("{STACK}")'
FROM_AWS = 'ModelStack.from_aws(environment="prod")'


def with_floats(value: Any) -> Any:
    """Return exports as a StackReference gives them."""
    if isinstance(value, dict):
        return {key: with_floats(item) for key, item in value.items()}
    return float(value) if type(value) is int else value


@pytest.fixture(scope="module")
def exports() -> dict[str, Any]:
    received: dict[str, Any] = with_floats(
        run_program(PROJECT.root, stack_config("prod"), Recorder())
    )
    assert type(received["models"]["support_chat"]["release"]["version"]) is float
    return received


def run(folder: Path, program: str, recorder: Recorder) -> dict[str, Any]:
    """Run a program that says what it exports of a `ModelStack`, and return that."""
    lines = [
        "from dataclasses import asdict",
        "import pulumi",
        "from model_config.consumer import ModelStack",
        program,
    ]
    (folder / "__main__.py").write_text("\n".join(lines))
    return run_program(folder, StackConfig("prod", {}), recorder)


def export(stack: str, what: str = 'model("support_chat")') -> str:
    return f"pulumi.export('got', {stack}.{what}.apply(asdict))"


def test_a_reference_gives_a_model_with_whole_numbers_and_is_no_matter_what_is_added(
    tmp_path: Path, exports: dict[str, Any]
):
    model = run(tmp_path, export(REFERENCE), Recorder({STACK: exports}))["got"]
    assert model["digest"] == exports["models"]["support_chat"]["digest"]
    assert json.loads(model["reader_policy_json"])["Version"] == "2012-10-17"
    temperature = model["parameters"]["generation/temperature"]
    assert temperature["reference"] == "/ai/prod/support_chat/generation/temperature:4"
    for pin in (model["release"], *model["parameters"].values()):
        assert (type(pin["version"]), pin["version"]) == (int, 4)
    newer = json.loads(json.dumps(exports))  # of a newer producer
    chat = newer["models"]["support_chat"]
    newer["added"] = chat["added"] = chat["release"]["added"] = "later"
    for pin in chat["parameters"].values():
        pin["added"] = {"a": 1.0}
    assert run(tmp_path, export(REFERENCE), Recorder({STACK: newer}))["got"] == model


def test_from_aws_gives_the_newest_release_and_the_policys_name_by_one_request(
    tmp_path: Path, exports: dict[str, Any]
):
    ssm = Ssm(versions={"/ai/prod/support_chat/release": 4})
    model = run(tmp_path, export(FROM_AWS), ssm)["got"]
    referred = exports["models"]["support_chat"]
    assert model == {
        "path": referred["path"],
        "release": {**referred["release"], "version": 4},
        "reader_policy_arn": referred["reader_policy_arn"],
        "digest": None,
        "reader_policy_json": None,
        "parameters": {},
    }
    assert ssm.registered == {}  # it refers to no stack
    assert ssm.asked == [{"name": "/ai/prod/support_chat/release", "withDecryption": False}]


def test_from_aws_takes_latest_for_the_newest_as_a_reader_does(tmp_path: Path):
    ssm = Ssm(versions={"/ai/prod/support_chat/release": 4})
    latest = FROM_AWS.replace(")", ', label="latest")')
    assert run(tmp_path, export(latest), ssm)["got"]["release"]["version"] == 4


def test_from_aws_reads_another_label_region_prefix_and_partition(tmp_path: Path):
    ssm = Ssm(versions={"/company/ai/prod/support_chat/release:stable": 3})
    where = 'environment="prod", label="stable", prefix="/company/ai", region="cn-north-1"'
    model = run(tmp_path, export(f"ModelStack.from_aws({where})"), ssm)["got"]
    assert model["release"]["reference"] == "/company/ai/prod/support_chat/release:3"
    assert model["release"]["name"] == "/company/ai/prod/support_chat/release"
    assert ssm.asked[0]["region"] == "cn-north-1"
    assert model["reader_policy_arn"].endswith("/company+ai+prod+support_chat@cn-north-1")


@pytest.mark.parametrize("stack", [REFERENCE, FROM_AWS])
def test_one_parameter_can_be_pinned_and_a_model_tells_where_its_reader_has_to_look(
    tmp_path: Path, exports: dict[str, Any], stack: str
):
    base = "/company/prod/prod/support_chat"
    name = f"{base}/secrets/api_key"
    exported = json.loads(json.dumps(exports).replace("/ai/prod/", "/company/prod/prod/"))
    recorder = Ssm({STACK: exported}, {name: 4, f"{base}/release": 1})
    stack = stack.replace('"prod")', '"prod", prefix="/company/prod")')
    told = "apply(lambda model: [model.prefix, model.environment])"
    program = f"""
stack = {stack}
pulumi.export("pin", stack.parameter("support_chat/secrets/api_key").apply(asdict))
pulumi.export("told", stack.model("support_chat").{told})
"""
    got = run(tmp_path, program, recorder)
    assert got["pin"] == {
        "name": name, "arn": f"{ARN}{name}", "version": 4, "reference": f"{name}:4",
    }  # fmt: skip
    assert got["told"] == ["/company/prod", "prod"]


@pytest.mark.parametrize("stack", [REFERENCE, FROM_AWS])
def test_what_is_not_there_is_told_with_its_name(
    tmp_path: Path, exports: dict[str, Any], stack: str
):
    whole = f"{STACK} has no model 'suport_chat'. Its models: document_embedding, passage_reranker"
    needed = "/ai/prod/suport_chat/release", "ssm:GetParameter"
    for what, told in [
        ('model("suport_chat")', [f"{whole}, support_chat"] if stack == REFERENCE else needed),
        ('parameter("support_chat/generation/temprature")', ["support_chat/generation/temprature"]),
        ('parameter("nothing")', ["nothing"]),
    ]:
        with pytest.raises(pulumi.RunError) as caught:
            run(tmp_path, export(stack, what), Ssm({STACK: exports}))
        assert all(text in str(caught.value) for text in told), str(caught.value)
