"""Deploys killed at random moments: after `recover` and `up`, all is as if nothing had happened."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from model_config import ModelConfigError, Reader

if shutil.which("pulumi") is None:
    reason = "no `pulumi` CLI on PATH: https://www.pulumi.com/docs/install/"
    pytest.skip(reason, allow_module_level=True)


def killed_up(stack, seconds: float) -> bool:
    """Kill a deploy after so many seconds, as an evicted runner does; tell whether it was alive."""
    command = ["up", "--yes", "--skip-preview", "--stack", stack.name, "--non-interactive"]
    with subprocess.Popen(
        ["pulumi", *command],  # noqa: S607
        cwd=stack.project,
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as deploy:
        try:
            deploy.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(deploy.pid, signal.SIGKILL)
            return True
    return False


TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"


def restore_checkpoint(stack) -> None:
    """Restore a state file that the kill cut short, as docs/runbook.md says."""
    if "failed to load checkpoint" not in stack.printed_by("stack", "export"):
        return
    (backup,) = (stack.folder / "backend").rglob(f"stacks/**/{stack.name}.json.bak")
    shutil.copy(backup, backup.with_suffix(""))
    backup.with_suffix(".attrs").unlink(missing_ok=True)


def recover_and_deploy(stack) -> None:
    restore_checkpoint(stack)
    stack.model_config("recover", "--environment", stack.name, "--cancel")
    stack.up()
    assert stack.plan() == {}
    state = {resource["id"] for resource in stack.resources() if resource.get("custom")}
    assert set(stack.in_aws()) <= state
    aliases = [each["AliasName"] for each in stack.kms.list_aliases()["Aliases"]]
    assert [name for name in aliases if not name.startswith("alias/aws/")] == ["alias/ai/dev"]
    enabled = [
        key
        for key in stack.kms.list_keys()["Keys"]
        if stack.kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Enabled"]
    ]
    assert len(enabled) == 1
    assert [*stack.told().values()] in ([], [[TOPIC], [TOPIC]])


@contextmanager
def reading(stack) -> Iterator[set[str]]:
    """Read by `stable` all the while; give the digests that were seen."""
    seen: set[str] = set()
    ended = threading.Event()
    reader = Reader(stack.name, ttl=0, client=stack.ssm)

    def read() -> None:
        while not ended.is_set():
            seen.add(reader.get("support_chat").digest)
            time.sleep(0.02)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


@pytest.fixture(scope="session")
def seconds() -> Iterator[random.Random]:
    """The moments at which deploys are killed: others in each run, and told where one fails."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)  # noqa: S311


@pytest.mark.parametrize("_attempt", range(8))
def test_a_first_deploy_goes_on_where_it_was_killed(new_stack, seconds, _attempt):
    stack = new_stack("dev")
    stack.pulumi("config", "set", "notifyTopicArn", TOPIC)
    moment = seconds.uniform(1.5, 7)
    killed_up(stack, moment)
    recover_and_deploy(stack)
    assert set(stack.versions().values()) == {1}, moment  # nothing was written twice


@pytest.mark.parametrize("_attempt", range(6))
def test_an_edit_goes_on_where_it_was_killed(own_dev, seconds, _attempt):
    own_dev.model_config("promote", "support_chat", "--label", "stable", "-e", "dev")
    before = Reader("dev", client=own_dev.ssm).get("support_chat").digest
    with reading(own_dev) as seen:
        own_dev.override("temperature: 0.7", "temperature: 0.9\n        seed: 7")
        moment = seconds.uniform(1.5, 5)
        killed_up(own_dev, moment)
        recover_and_deploy(own_dev)
        own_dev.model_config("promote", "support_chat", "--label", "stable", "-e", "dev")
        after = Reader("dev", client=own_dev.ssm).get("support_chat").digest
        time.sleep(0.1)
    assert seen == {before, after}
    assert own_dev.versions()["/ai/dev/support_chat/release"] == 2, moment


@pytest.mark.parametrize("_attempt", range(6))
def test_a_removal_goes_on_where_it_was_killed(own_dev, seconds, _attempt):
    (own_dev.project / "models" / "document_embedding.py").unlink()
    own_dev.pulumi("config", "rm", "documentEmbeddingApiKey")
    own_dev.model_config("promote", "support_chat", "-e", "dev")
    with reading(own_dev) as seen:
        moment = seconds.uniform(1.5, 5)
        killed_up(own_dev, moment)
        recover_and_deploy(own_dev)
    assert len(seen) == 1
    assert not any("document_embedding" in name for name in own_dev.in_aws()), moment
    with pytest.raises(ModelConfigError):
        Reader("dev", label="latest", client=own_dev.ssm).get("document_embedding")


def test_rules_that_the_state_lost_are_taken_over_by_the_next_deploy(own_dev):
    own_dev.pulumi("config", "set", "notifyTopicArn", TOPIC)
    own_dev.up()
    before = own_dev.told()
    rules = [each["urn"] for each in own_dev.resources() if "/event" in each["type"]]
    assert len(rules) == len(before) * 2 == 4
    for urn in sorted(rules, key=lambda urn: "EventTarget" not in urn):
        own_dev.pulumi("state", "delete", urn, "--yes")
    recover_and_deploy(own_dev)
    assert own_dev.told() == before


def test_what_is_somebody_elses_stops_it_and_is_named(own_dev):
    seed = "/ai/dev/support_chat/generation/seed"
    own_dev.ssm.put_parameter(Name=seed, Value="1", Type="SecureString")
    own_dev.override("temperature: 0.7", "temperature: 0.9\n        seed: 7")
    own_dev.refused("up", "--yes", "--skip-preview")
    refused = own_dev.model_config_refused("recover", "--environment", "dev")
    problem = "the stack's state lacks it, and it has another key and value than the plan"
    assert f"{seed}: {problem}" in refused
    assert own_dev.in_aws()[seed] == "1"


def test_another_projects_key_is_never_adopted(own_dev):
    project = own_dev.folder / "other"
    shutil.copytree(own_dev.project, project, symlinks=True)
    for file in (project / "models").iterdir():
        file.unlink()
    about = project / "Pulumi.yaml"
    about.write_text(about.read_text().replace("name: model-config", "name: other"))
    (project / "Pulumi.dev.yaml").write_text("config:\n  aws:region: eu-west-1\n")
    other = own_dev.beside(project)
    other.add_model("search", "n: int = 1")
    before = other.resources()
    for options in ((), ("--into-empty-state",)):
        refused = other.model_config_refused("recover", "--environment", "dev", *options)
        assert "belongs to the stack model-config/dev, not to other/dev" in refused
    assert other.resources() == before
    other.refused("up", "--yes", "--skip-preview")  # the alias is taken
    assert "names another key" in other.model_config_refused("recover", "-e", "dev")
    other.pulumi("destroy", "--yes", "--skip-preview")
    key = own_dev.outputs()["kms_key"]["id"]
    assert own_dev.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert own_dev.kms.describe_key(KeyId="alias/ai/dev")["KeyMetadata"]["KeyId"] == key


def test_where_nothing_died_there_is_nothing_to_recover(own_dev):
    printed = own_dev.model_config("recover", "--environment", "dev", "--dry-run")
    assert printed.startswith("Nothing to recover: the state is complete.\n")
    assert "model-config recover --environment dev --cancel" in printed
