"""What docs/runbook.md tells a person to do, done on the engine."""

import os
import shutil

import pytest

from model_config import Reader

if shutil.which("pulumi") is None:
    reason = "no `pulumi` CLI on PATH: https://www.pulumi.com/docs/install/"
    pytest.skip(reason, allow_module_level=True)


def urn_of(stack, name):
    """The URN of a resource of a model."""
    (urn,) = [each["urn"] for each in stack.resources() if each["urn"].endswith(f"::{name}")]
    return urn


def newest(stack, model="support_chat"):
    return Reader(stack.name, label="latest", ttl=0, client=stack.ssm).get(model)


def test_a_model_is_removed_from_prod(new_stack):
    stack = new_stack("prod")
    stack.up()
    before = stack.versions()
    for name in ("passage_reranker/release", "passage_reranker/reader"):
        stack.pulumi("state", "unprotect", urn_of(stack, name), "--yes")
    (stack.project / "models" / "passage_reranker.py").unlink()
    stack.pulumi("config", "rm", "model-config:overrides")  # they are all that model's
    assert set(stack.plan().values()) == {"delete"}
    stack.up()
    kept = {name: number for name, number in before.items() if "/passage_reranker/" not in name}
    assert stack.versions() == kept
    policies = stack.iam.list_policies(Scope="Local")["Policies"]
    assert len(policies) == 2
    assert "cannot be deleted" in stack.refused(
        "destroy", "--yes"
    )  # the others are protected still
    stack.model_config("prune", "passage_reranker", "--gone", "--environment", "prod")


def test_a_lost_key_is_replaced(new_stack):
    stack = new_stack("prod")
    stack.up()
    stack.model_config("promote", "support_chat", "--environment", "prod")
    lost, before = stack.outputs()["kms_key"], stack.versions()
    rollouts = {name: number for name, number in before.items() if name.endswith("/rollout")}
    stack.kms.delete_alias(AliasName="alias/ai/prod")
    stack.kms.schedule_key_deletion(KeyId=lost["id"])

    stack.pulumi("refresh", "--yes", "--skip-preview", *(
        f"--target={each['urn']}"
        for each in stack.resources()
        if each["type"] in {"aws:kms/key:Key", "aws:kms/alias:Alias"}
    ))  # fmt: skip
    planned = stack.plan()
    assert planned["encryption-key"] == "create"
    assert set(planned.values()) == {"create", "update"}
    stack.up()
    key = stack.outputs()["kms_key"]
    assert key["arn"] != lost["arn"]
    assert stack.kms.describe_key(KeyId="alias/ai/prod")["KeyMetadata"]["Arn"] == key["arn"]
    assert stack.versions() == {**dict.fromkeys(before, 2), **rollouts}  # those are not encrypted
    assert newest(stack).secrets["api_key"].reveal()
    assert Reader("prod", client=stack.ssm).get("support_chat").release == 1  # what nobody can read
    stack.model_config("promote", "--all", "--environment", "prod")
    assert Reader("prod", client=stack.ssm).get("support_chat").release == 2
    assert stack.plan() == {}


def test_a_state_that_is_lost_is_worked_out_again(own_dev):
    own_dev.model_config("promote", "support_chat", "--reason", "better", "--environment", "dev")
    before, outputs = own_dev.in_aws(), own_dev.outputs()
    versions = own_dev.versions()
    own_dev.pulumi("stack", "rm", "--yes", "--force", "--preserve-config")
    own_dev.pulumi("stack", "init")
    refused = own_dev.model_config_refused("recover", "--environment", "dev")
    assert "its state was lost" in refused
    adopted = own_dev.model_config("recover", "-e", "dev", "--into-empty-state")
    assert "model-config/dev, as the key's tag says" in adopted
    own_dev.up()
    assert own_dev.in_aws() == before
    assert own_dev.versions() == versions
    assert own_dev.outputs() == outputs
    assert own_dev.plan() == {}


@pytest.mark.parametrize("cut", ["dev.json", "dev.json.attrs"])
def test_a_checkpoint_that_was_cut_short_is_put_back_from_the_one_before(own_dev, cut):
    own_dev.override("temperature: 0.7", "temperature: 0.9")
    own_dev.up()
    (checkpoint,) = (own_dev.folder / "backend").rglob("stacks/**/dev.json")
    os.truncate(checkpoint.with_name(cut), 0)
    assert "failed to load checkpoint" in own_dev.refused("preview")
    assert "Copy the .bak file" in own_dev.model_config_refused("recover", "-e", "dev")

    shutil.copy(checkpoint.with_name("dev.json.bak"), checkpoint)
    checkpoint.with_name("dev.json.attrs").unlink()
    own_dev.model_config("recover", "--environment", "dev")
    own_dev.up()
    assert newest(own_dev)["generation"]["temperature"] == 0.9
    assert own_dev.plan() == {}
