"""What a person's commands find on a stack that the engine deployed, and what they leave to it."""

import json
import shutil

import pytest

if shutil.which("pulumi") is None:
    reason = "no `pulumi` CLI on PATH: https://www.pulumi.com/docs/install/"
    pytest.skip(reason, allow_module_level=True)


def test_a_deployed_stack_has_no_drift_and_nothing_in_a_deploys_way(own_dev):
    found = json.loads(own_dev.model_config("drift", "-e", "dev", "--exit-code", "--json"))
    assert (found["differences"], found["problems"], found["notes"]) == ([], [], [])
    assert json.loads(own_dev.model_config("check", "-e", "dev", "--json")) == []


def test_promotions_and_rollouts_leave_nothing_for_a_deploy_to_do(own_dev):
    own_dev.model_config("promote", "support_chat", "-e", "dev")
    own_dev.override("temperature: 0.7", "temperature: 0.9")
    own_dev.up()
    own_dev.model_config("rollout", "start", "support_chat", "-e", "dev", "--reason", "warmer")
    assert own_dev.plan() == {}
    own_dev.pulumi("up", "--yes", "--skip-preview", "--refresh")
    (status,) = json.loads(own_dev.model_config("rollout", "status", "-e", "dev", "--json"))
    assert (status["release"], status["from"], status["percent"]) == (2, 1, 5)
    own_dev.model_config("rollout", "finish", "support_chat", "-e", "dev")
    own_dev.model_config("rollback", "support_chat", "-e", "dev")
    assert own_dev.plan() == {}
    own_dev.model_config("drift", "-e", "dev", "--exit-code")
    told = own_dev.model_config("history", "support_chat", "-e", "dev")
    assert "stable moved from release 2 to 1" in told
    assert "warmer" in told


def test_a_widened_policy_is_drift(own_dev):
    (arn, *_) = [each["Arn"] for each in own_dev.iam.list_policies(Scope="Local")["Policies"]]
    everything = {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}
    wide = {"Version": "2012-10-17", "Statement": [everything]}
    own_dev.iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=json.dumps(wide), SetAsDefault=True
    )
    found = json.loads(own_dev.model_config("drift", "-e", "dev", "--json"))
    assert [(each["name"], each["aspect"]) for each in found["differences"]] == [(arn, "policy")]
