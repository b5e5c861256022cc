"""The environment's key: made by the stack, or an existing one; and never another one later."""

import functools
import json
from typing import Any

import pulumi
import pytest
from support.project import PROJECT, stack_config

from model_config.plan.project import StackConfig
from model_config.testing.program import Recorder, run_program

KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
POLICY = "aws:iam/policy:Policy"
STACK = "organization/model-config/prod"
SHARED = "arn:aws:kms:eu-west-1:111122223333:key/5a5a"


@functools.cache
def run(**own: str) -> tuple[Recorder, dict[str, Any]]:
    """Run the program of a prod that was never deployed."""
    recorder = Recorder()
    return recorder, run_program(PROJECT.root, config(**own), recorder)


def config(**own: str) -> StackConfig:
    return stack_config("prod", fields="false", **own)


def test_a_key_is_for_one_region_unless_the_stack_says_otherwise():
    assert "multiRegion" not in run()[0].registered[KEY, "encryption-key"].inputs
    recorder, _ = run(kmsMultiRegion="true")
    assert recorder.registered[KEY, "encryption-key"].inputs["multiRegion"] is True


def test_with_an_existing_key_the_stack_makes_none_and_no_alias():
    recorder, outputs = run(kmsKeyArn=SHARED)
    assert recorder.registered.keys() == run()[0].registered.keys() - {
        (KEY, "encryption-key"), (ALIAS, "encryption-key"),
    }  # fmt: skip
    assert outputs["kms_key"] == {"arn": SHARED, "id": "5a5a", "alias": None}
    encrypted = [each for each in recorder.parameters().values() if each["type"] != "String"]
    assert {each["keyId"] for each in encrypted} == {SHARED}
    for policy in recorder.of_type(POLICY).values():
        assert json.loads(policy.inputs["policy"])["Statement"][1]["Resource"] == SHARED
    # A second update of the same choice goes through.
    for own in ({}, {"kmsKeyArn": SHARED}):
        _, outputs = run(**own)
        former = Recorder({STACK: outputs})
        assert run_program(PROJECT.root, config(**own), former) == outputs


def test_another_choice_ends_the_program_before_it_registers_anything():
    for before, after, said in (
        ({}, {"kmsKeyArn": SHARED}, "has its own key"),
        ({"kmsKeyArn": SHARED}, {}, f"set it to {SHARED}"),
    ):
        _, outputs = run(**before)
        recorder = Recorder({STACK: outputs})
        with pytest.raises(pulumi.RunError) as caught:
            run_program(PROJECT.root, config(**after), recorder)
        assert said in str(caught.value)
        assert recorder.registered == {}


def test_where_the_former_outputs_can_not_be_read_that_is_told_and_the_deploy_goes_on(caplog):
    class Unreadable(Recorder):
        def call(self, args: Any) -> Any:
            if args.token == "pulumi:pulumi:readStackOutputs":
                return {}, [("name", "bad stack reference, project was set")]
            return super().call(args)

    recorder = Unreadable()
    run_program(PROJECT.root, config(), recorder)
    assert (KEY, "encryption-key") in recorder.registered
    assert "bad stack reference, project was set" in caplog.text
