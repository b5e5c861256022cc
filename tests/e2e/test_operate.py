"""What a person's commands find on a stack that the engine deployed, and what they leave to it."""

import json
import shutil

import pytest

if shutil.which("pulumi") is None:
    reason = "no `pulumi` CLI on PATH: https://www.pulumi.com/docs/install/"
    pytest.skip(reason, allow_module_level=True)


MODELS = ("document_embedding", "passage_reranker", "support_chat")


def test_a_deployed_stack_has_no_drift_and_nothing_in_a_deploys_way(own_dev):
    found = json.loads(own_dev.model_config("drift", "-e", "dev", "--exit-code", "--json"))
    assert (found["differences"], found["problems"], found["notes"]) == ([], [], [])
    own_dev.model_config("promote", "--all", "-e", "dev")
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


def test_what_a_failed_deploy_wrote_is_promoted_by_the_one_that_mends_it(own_dev):
    def note(name):
        own_dev.model_config("pipeline", "note", "-e", "dev", "--output", name)
        return json.loads((own_dev.project / name).read_text())

    own_dev.model_config("promote", "--all", "-e", "dev")
    before = note("before.json")
    assert before == dict.fromkeys(MODELS, 1)
    own_dev.add_model("added", "temperature: float = 0.5")
    seed = "/ai/dev/support_chat/generation/seed"  # which somebody made by hand
    own_dev.ssm.put_parameter(Name=seed, Value="1", Type="SecureString")
    own_dev.override("temperature: 0.7", "temperature: 0.7\n        seed: 7")
    own_dev.refused("up", "--yes", "--skip-preview")
    assert note("failed.json") == before

    own_dev.ssm.delete_parameter(Name=seed)
    own_dev.up()
    note("after.json")
    compared = ("--before", "failed.json", "--after", "after.json")
    told = own_dev.model_config("pipeline", "promote", "-e", "dev", *compared)
    assert told.splitlines() == [
        "added: stable moved from no release to 1",
        "support_chat: stable moved from release 1 to 2",
    ]


def test_a_number_that_a_failed_deploy_left_unknown_is_none_to_compare_with(own_dev):
    seed = "/ai/dev/support_chat/generation/seed"
    own_dev.ssm.put_parameter(Name=seed, Value="1", Type="SecureString")
    own_dev.override("temperature: 0.7", "temperature: 0.7\n        seed: 7")
    own_dev.refused("up", "--yes", "--skip-preview", "--continue-on-error")  # by hand, never in CI
    own_dev.model_config("pipeline", "note", "-e", "dev", "--output", "before.json")
    noted = json.loads((own_dev.project / "before.json").read_text())
    assert noted == {"document_embedding": 1, "passage_reranker": 1}


def test_a_widened_policy_is_drift(own_dev):
    (arn, *_) = [each["Arn"] for each in own_dev.iam.list_policies(Scope="Local")["Policies"]]
    everything = {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}
    wide = {"Version": "2012-10-17", "Statement": [everything]}
    own_dev.iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=json.dumps(wide), SetAsDefault=True
    )
    found = json.loads(own_dev.model_config("drift", "-e", "dev", "--json"))
    assert [(each["name"], each["aspect"]) for each in found["differences"]] == [(arn, "policy")]
