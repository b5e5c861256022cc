"""`model-config drift`: what is there, told apart by who can have done it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto.ssm.models import ssm_backends

from model_config.format.rollout import EMPTY
from model_config.operate import services
from model_config.plan.aws import POLICY_PATH, Account, key_policy, reader_policy
from model_config.plan.plan import plan_from_file
from model_config.plan.project import Project

CHAT = """
from model_config.schema import ChatModel, Generation, Prompts, SecretRef

MODEL = ChatModel(
    provider="openai",
    model_id="gpt-4.1",
    prompts=Prompts(system="Be kind.", templates={"greeting": "Hello {{name}}"}),
    generation=Generation(temperature=0.2, stop=["</a>"]),
    api_key=SecretRef("chatApiKey"),
)
"""
ACCOUNT = Account("123456789012", "eu-west-1")
ALIAS = "alias/ai/dev"
BASE = "/ai/dev/chat"
TEMPERATURE = f"{BASE}/generation/temperature"
one_client = cache(boto3.client)  # botocore takes a quarter of a second to make one


def versions_of(name: str) -> list[Any]:
    """A parameter's versions, to be bent: SSM itself lets nobody."""
    return ssm_backends["123456789012"]["eu-west-1"]._parameters[name]


class Aws:
    """What a deploy and what a person do to SSM."""

    def __init__(self, ssm: Any, project: Path) -> None:
        self.ssm, self.project = ssm, project
        self.state: dict[str, str] = {}
        self.kms, self.iam = one_client("kms", "eu-west-1"), one_client("iam", "eu-west-1")
        self.policies: dict[str, str] = {}
        policy = json.dumps(key_policy(ACCOUNT))
        self.key = self.kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
        self.kms.enable_key_rotation(KeyId=self.key)
        self.kms.create_alias(AliasName=ALIAS, TargetKeyId=self.key)

    def deploy(self, until: str = "~") -> None:
        """Write what the program changed, the release last; or stop before a path."""
        for model in plan_from_file(Project(self.project), "dev").models:
            for each in model.parameters:
                if each.path < until:
                    self.write(each.name, each.content if isinstance(each.content, str) else "sk-1")
            if until == "~":
                self.write(model.rollout_name, EMPTY, Type="String", KeyId=None)
                self.write(model.release_name, model.release.document)
                self.write_policy(model.name)

    def write(self, name: str, value: str, **others: Any) -> None:
        """Put a parameter as Pulumi does: by what it wrote before, not by what is there."""
        if self.state.get(name) != value:
            self.put(name, value, **others)
            self.state[name] = value

    def write_policy(self, model: str) -> None:
        if model not in self.policies:
            document = json.dumps(reader_policy(f"/ai/dev/{model}", self.key, ACCOUNT))
            made = self.iam.create_policy(
                PolicyName=f"ai+dev+{model}@eu-west-1", Path=POLICY_PATH, PolicyDocument=document
            )
            self.policies[model] = made["Policy"]["Arn"]

    def put(self, name: str, value: str, **others: Any) -> None:
        given = {"Type": "SecureString", "KeyId": self.key, "Tier": "Standard", **others}
        given = {key: value for key, value in given.items() if value}
        self.ssm.put_parameter(Name=name, Value=value, Overwrite=bool(versions_of(name)), **given)

    def label(self, number: int, *labels: str) -> None:
        self.ssm.label_parameter_version(
            Name=f"{BASE}/release", ParameterVersion=number, Labels=labels
        )


@pytest.fixture
def chat(project: Path) -> Callable[[str, str], None]:
    """One small model; called, it replaces a text in its module."""
    for file in (project / "models").iterdir():
        file.unlink()
    module = project / "models" / "chat.py"
    module.write_text(CHAT)
    (project / "Pulumi.dev.yaml").write_text("config:\n  aws:region: eu-west-1\n")

    def edit(old: str, new: str) -> None:
        assert old in module.read_text()
        module.write_text(module.read_text().replace(old, new))

    return edit


@pytest.fixture
def aws(ssm: Any, project: Path, chat: Any, monkeypatch: pytest.MonkeyPatch) -> Aws:
    assert chat
    monkeypatch.setattr(services, "aws_client", one_client)
    return Aws(ssm, project)


@pytest.fixture
def asked(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What SSM was asked from here on: operations and what they were given."""
    requests: list[tuple[str, Any]] = []
    really_ask = aws.ssm._make_api_call

    def ask(operation: str, given: Any) -> Any:
        requests.append((operation, given))
        return really_ask(operation, given)

    monkeypatch.setattr(aws.ssm, "_make_api_call", ask)
    return requests


@pytest.fixture
def drift(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, code=0: run("drift", "--json", *arguments, code=code).json


def seen(found: Any) -> set[tuple[str, str, str]]:
    return {(each["path"], each["state"], each["aspect"]) for each in found["differences"]}


def test_after_a_deploy_nothing_differs(aws: Aws, run: Any):
    aws.deploy()
    assert "11 parameters, no drift" in run("drift", "--exit-code").out


def test_an_environment_that_was_never_deployed_is_not_deployed(aws: Aws, drift: Any):
    assert aws.key
    states = {each["state"] for each in drift("--exit-code", code=1)["differences"]}
    assert states == {"not deployed"}


def test_without_fields_a_releases_values_are_not_missed(aws: Aws, project: Path, drift: Any):
    aws.deploy()
    (project / "Pulumi.dev.yaml").write_text(
        "config:\n  aws:region: eu-west-1\n  model-config:fields: false\n"
    )
    found = drift()["differences"]
    assert {each["state"] for each in found} == {"not deployed"}
    for each in found:
        aws.ssm.delete_parameter(Name=each["name"])
    assert drift("--exit-code")["differences"] == []


def test_a_hand_edit_is_told_with_both_ways_out(aws: Aws, drift: Any, run: Any):
    aws.deploy()
    aws.put(TEMPERATURE, "0.9")
    found = drift("--exit-code", code=1)
    assert seen(found) == {("generation/temperature", "edited", "value")}
    assert found["differences"][0]["ssm"] == "0.9"
    assert found["differences"][0]["version"] == 2
    out = run("drift").out
    assert "program and release: 0.2; SSM: 0.9 (written 20" in out
    assert "`model-config local deploy --environment dev`" in out
    assert "To keep a value" in out


def test_a_change_still_to_be_deployed_is_no_hand_edit(aws: Aws, chat: Any, drift: Any):
    aws.deploy()
    chat("temperature=0.2", "temperature=0.3, seed=7")
    assert seen(drift()) == {
        ("generation/temperature", "not deployed", "value"),
        ("generation/seed", "not deployed", "value"),
    }


def test_a_deploy_that_stopped_is_told_from_a_hand_edit(aws: Aws, chat: Any, drift: Any):
    aws.deploy()
    chat("temperature=0.2", "temperature=0.3")
    chat("gpt-4.1", "gpt-5")
    chat("Be kind.", "Be brief.")
    aws.deploy(until="p")  # it stopped before the prompts
    aws.put(f"{BASE}/limits/max_retries", "9")
    assert seen(drift()) == {
        ("generation/temperature", "interrupted", "value"),
        ("model_id", "interrupted", "value"),
        ("prompts/system", "interrupted", "value"),
        ("limits/max_retries", "edited", "value"),
    }
    aws.deploy()
    assert seen(drift()) == {("limits/max_retries", "edited", "value")}


def test_a_first_deploy_that_stopped_has_no_release(aws: Aws, drift: Any):
    aws.deploy(until="m")
    assert {each["state"] for each in drift()["differences"]} == {"interrupted"}


def test_what_was_deleted_by_hand_is_missing(aws: Aws, chat: Any, drift: Any):
    aws.deploy()
    aws.ssm.delete_parameter(Name=TEMPERATURE)
    aws.ssm.delete_parameter(Name=f"{BASE}/secrets/api_key")
    assert seen(drift()) == {
        ("generation/temperature", "edited", "value"),
        ("secrets/api_key", "edited", "value"),
    }
    chat("temperature=0.2, ", "")  # a deploy deletes after its release, so it wasn't one
    assert ("generation/temperature", "edited", "value") in seen(drift())


def test_a_field_that_the_program_gave_up_is_to_be_deployed_and_then_left_over(
    aws: Aws, chat: Any, drift: Any
):
    aws.deploy()
    chat('stop=["</a>"]', "")
    assert seen(drift()) == {("generation/stop", "not deployed", "value")}
    aws.deploy()  # and stops before its deletes
    assert seen(drift()) == {("generation/stop", "orphaned", "value")}


def test_type_tier_and_key_are_compared(aws: Aws, drift: Any):
    aws.deploy()
    other = aws.kms.create_key()["KeyMetadata"]["Arn"]
    for path in ("model_id", "provider"):
        aws.ssm.delete_parameter(Name=f"{BASE}/{path}")
    aws.put(f"{BASE}/model_id", "gpt-4.1", Type="String", KeyId=None)
    aws.put(f"{BASE}/provider", "openai", Tier="Advanced")
    aws.put(f"{BASE}/secrets/api_key", "sk-2", KeyId=other)
    found = drift()
    assert seen(found) == {
        ("model_id", "edited", "type"),
        ("provider", "edited", "tier"),
        ("secrets/api_key", "edited", "key"),
    }
    assert {each["ssm"] for each in found["differences"]} == {"String", "Advanced", other}


def test_an_alias_of_the_key_is_the_key(aws: Aws, drift: Any):
    aws.deploy()
    aws.put(f"{BASE}/secrets/api_key", "sk-2", KeyId=ALIAS)
    assert not seen(drift())


def test_unmanaged_parameters_are_shown_and_not_read(aws: Aws, run: Any):
    aws.deploy()
    for name in (f"{BASE}/mine", "/ai/dev/theirs", "/ai/dev/other/deep/er"):
        aws.put(name, "sk-foreign", Type="String", KeyId=None)
    said = run("drift", "--json")
    assert [(each["model"], each["path"]) for each in said.json["differences"]] == [
        ("other", "deep/er"), ("", "theirs"), ("chat", "mine")
    ]  # fmt: skip
    assert {each["state"] for each in said.json["differences"]} == {"unmanaged"}
    assert "sk-foreign" not in said.out + run("drift").out


def test_a_model_with_a_release_that_is_not_in_the_plan_is_told_with_its_reason(
    aws: Aws, project: Path, drift: Any, run: Any, asked: Any
):
    aws.deploy()
    (project / "models" / "chat.py").rename(project / "models" / "talk.py")
    aws.deploy()
    asked.clear()
    found = drift("--exit-code")
    assert (found["differences"], found["other_projects"]) == ([], ["chat"])
    assert BASE not in {given.get("Name", "").rpartition("/")[0] for _, given in asked}
    assert "chat: it has a release, but no module in this project. Another project" in (
        run("drift").out
    )
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(f"{stack.read_text()}  model-config:models: [talk]\n")
    (project / "models" / "chat.py").write_text(CHAT)
    assert "chat: it has a release and a module, but is not one of this stack's models" in (
        run("drift").out
    )


def test_parts_of_a_model_that_is_gone_are_orphaned(aws: Aws, drift: Any):
    aws.deploy()
    aws.put("/ai/dev/gone/release/parts/0123456789abcdef", "x")
    found = drift()
    assert seen(found) == {("release/parts/0123456789abcdef", "orphaned", "value")}
    assert "--gone" in found["differences"][0]["fix"]


def test_what_a_rollout_says_is_no_drift_and_its_type_and_presence_are(aws: Aws, drift: Any):
    aws.deploy()
    name = f"{BASE}/rollout"
    aws.put(name, '{"format":1,"moved":{}}', Type="String", KeyId=None)
    assert drift("--exit-code")["differences"] == []
    aws.ssm.delete_parameter(Name=name)
    assert seen(drift()) == {("rollout", "not deployed", "value")}
    aws.put(name, EMPTY)
    assert seen(drift()) == {("rollout", "edited", "type")}


def test_another_schema_class_alone_is_a_release_to_come(aws: Aws, chat: Any, drift: Any):
    aws.deploy()
    chat("MODEL = ChatModel(", "class Mine(ChatModel):\n    pass\n\n\nMODEL = Mine(")
    found = drift()
    assert seen(found) == {("release", "not deployed", "document")}
    assert found["differences"][0]["program"].startswith("Mine sha256:")


def test_a_secret_is_neither_read_nor_shown(aws: Aws, asked: Any, run: Any):
    aws.deploy()
    aws.put(f"{BASE}/secrets/api_key", "sk-rotated")
    out = run("drift", "--exit-code").out
    read = [given["Names"] for operation, given in asked if operation == "GetParameters"]
    assert TEMPERATURE in str(read)
    assert "secrets" not in str(read)
    assert "sk-" not in out
    assert "no drift" in out


def test_long_texts_are_compared_part_by_part_around_the_difference(aws: Aws, chat: Any, run: Any):
    chat("Be kind.", "x" * 4090 + "Be kind." + "y" * 90)
    aws.deploy()
    aws.put(f"{BASE}/prompts/system.part2", "d!" + "y" * 90)
    out = run("drift").out
    assert "prompts/system.part2\tedited\tprogram and release: d.yyy" in out
    assert "SSM: d!yyy" in out


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["stable-previous"], "it is on release 1, but stable is on no release"),
        (["stable"], "names secrets that are gone: /ai/dev/chat/secrets/old"),
    ],
)
def test_labels_that_help_nobody_are_told(
    aws: Aws, chat: Any, drift: Any, labels: list[str], problem: str
):
    chat("api_key=SecretRef", "seeds=1, api_key=SecretRef")
    chat("MODEL = ChatModel(", "class Mine(ChatModel):\n    seeds: int\n    old: SecretRef | None"
         " = None\n\n\nMODEL = Mine(")  # fmt: skip
    chat("seeds=1", 'seeds=1, old=SecretRef("old")')
    aws.deploy()
    aws.label(1, *labels)
    chat('old=SecretRef("old")', "old=None")
    aws.deploy()
    if labels == ["stable"]:
        aws.ssm.delete_parameter(Name=f"{BASE}/secrets/old")
    findings = drift()["findings"]
    assert any(problem in finding["problem"] for finding in findings), findings
    promote = "model-config promote chat --environment dev --label stable"
    assert all(promote in each["fix"] for each in findings)


def test_a_label_on_an_unreadable_release_is_told(aws: Aws, drift: Any):
    aws.deploy()
    aws.put(f"{BASE}/release", '{"format": 1}')
    aws.label(2, "stable")
    aws.put(TEMPERATURE, "0.4")
    found = drift("--exit-code", code=1)
    assert [each["where"] for each in found["findings"]] == ["chat: latest", "chat: stable"]
    assert "can't be used" in found["findings"][1]["problem"]
    assert seen(found) == {("generation/temperature", "unclear", "value")}


@pytest.mark.parametrize(
    ("more", "problem"), [(88, None), (89, "after 10 more deploys"), (99, "the next deploy")]
)
def test_a_history_that_runs_out_is_told_in_time(
    aws: Aws, drift: Any, more: int, problem: str | None
):
    aws.deploy()
    aws.label(1, "stable")
    versions = versions_of(f"{BASE}/release")
    for number in range(2, more + 2):
        version = copy(versions[0])
        version.version, version.labels = number, []
        versions.append(version)
    findings = drift()["findings"]
    assert len(findings) == (problem is not None)
    assert problem is None or problem in findings[0]["problem"]


@contextmanager
def denied(ssm: Any, refused: str, word: str) -> Iterator[None]:
    """Have AWS refuse what names `word`, as an IAM policy would."""
    really_ask = ssm._make_api_call

    def ask(operation: str, given: Any) -> Any:
        if operation == refused and word in json.dumps(given):
            code = {"Error": {"Code": "AccessDeniedException", "Message": "not for you"}}
            raise ssm.exceptions.ClientError(code, operation)
        return really_ask(operation, given)

    with patch.object(ssm, "_make_api_call", ask):
        yield


def test_where_one_value_is_denied_the_rest_is_shown_and_the_exit_code_says_so(aws: Aws, run: Any):
    aws.deploy()
    aws.put(TEMPERATURE, "0.9")
    with denied(aws.ssm, "GetParameters", f"{BASE}/model_id"):
        said = run("drift", code=2)
    assert "generation/temperature\tedited" in said.out
    assert "model_id" not in said.out
    assert f"ssm:GetParameters is missing on arn:aws:ssm:*:*:parameter{BASE}/model_id" in said.err


def test_where_a_history_is_denied_the_other_models_are_compared(aws: Aws, project: Path, run: Any):
    (project / "models" / "talk.py").write_text(CHAT)
    aws.deploy()
    aws.put("/ai/dev/talk/model_id", "gpt-2")
    with denied(aws.ssm, "GetParameterHistory", "/chat/"):
        said = run("drift", code=2)
    assert "talk\tmodel_id\tedited" in said.out
    assert "chat\t" not in said.out
    assert "ssm:GetParameterHistory is missing" in said.err


def test_an_alias_that_is_gone_is_drift_and_the_values_are_compared(aws: Aws, drift: Any):
    aws.deploy()
    aws.put(TEMPERATURE, "0.9")
    aws.kms.delete_alias(AliasName=ALIAS)
    found = drift("--exit-code", code=1)
    assert seen(found) == {
        ("generation/temperature", "edited", "value"),
        (ALIAS, "edited", "alias"),
    }


def test_the_keys_state_rotation_and_policy_are_compared(aws: Aws, drift: Any, run: Any):
    aws.deploy()
    open_to_all = key_policy(ACCOUNT)
    open_to_all["Statement"][1]["Effect"] = "Allow"
    aws.kms.put_key_policy(KeyId=aws.key, PolicyName="default", Policy=json.dumps(open_to_all))
    aws.kms.disable_key_rotation(KeyId=aws.key)
    aws.kms.disable_key(KeyId=aws.key.rpartition("/")[2])
    found = drift("--exit-code", code=1)
    ssm = "statement NobodyUsesItButThroughSsm"
    assert [(each["path"], each["aspect"], each["ssm"]) for each in found["differences"]] == [
        (ALIAS, "state", "Disabled"),
        (ALIAS, "rotation", "off"),
        (ALIAS, "policy", f"without {ssm}, with another {ssm}"),
    ]
    assert f"-\t{ALIAS}\tedited\trotation: off, not on" in run("drift").out


def test_an_existing_key_is_as_whoever_made_it_wants_it_but_must_be_there_and_enabled(
    aws: Aws, project: Path, drift: Any
):
    own = aws.key
    aws.key = aws.kms.create_key()["KeyMetadata"]["Arn"]  # neither our policy nor rotation
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write(f"  model-config:kmsKeyArn: {aws.key}\n")
    aws.deploy()
    assert drift("--exit-code")["differences"] == []
    aws.put(f"{BASE}/secrets/api_key", "sk-2", KeyId=own)
    (found,) = drift()["differences"]
    assert (found["aspect"], found["program"], found["ssm"]) == ("key", aws.key, own)
    aws.kms.disable_key(KeyId=aws.key.rpartition("/")[2])
    assert (aws.key, "edited", "state") in seen(drift())


def test_a_policy_that_says_the_same_in_another_order_is_the_same(aws: Aws, drift: Any):
    aws.deploy()
    turned = key_policy(ACCOUNT)
    turned["Statement"].reverse()
    turned["Statement"][0]["Action"].reverse()
    turned["Statement"][1]["Resource"] = ["*"]
    aws.kms.put_key_policy(KeyId=aws.key, PolicyName="default", Policy=json.dumps(turned))
    assert drift("--exit-code")["differences"] == []


def test_a_reader_policy_that_was_widened_or_deleted_is_drift(aws: Aws, project: Path, drift: Any):
    (project / "models" / "talk.py").write_text(CHAT)
    aws.deploy()
    wide = reader_policy(BASE, aws.key, ACCOUNT)
    wide["Statement"][0]["Resource"] = "*"
    aws.iam.create_policy_version(
        PolicyArn=aws.policies["chat"], PolicyDocument=json.dumps(wide), SetAsDefault=True
    )
    aws.iam.delete_policy(PolicyArn=aws.policies["talk"])
    found = drift("--exit-code", code=1)["differences"]
    assert [(each["model"], each["name"], each["aspect"]) for each in found] == [
        ("chat", aws.policies["chat"], "policy"),
        ("talk", aws.policies["talk"], "policy"),
    ]
    assert "with another statement ReadReleaseAndSecrets" in found[0]["ssm"]
    assert found[1]["ssm"] == "nothing"


@pytest.mark.parametrize(
    ("service", "operation", "note"),
    [
        ("kms", "DescribeKey", "the key, its policy and the reader policies: kms:DescribeKey"),
        ("kms", "GetKeyPolicy", "the key's policy: kms:GetKeyPolicy"),
        ("kms", "GetKeyRotationStatus", "the key's rotation: kms:GetKeyRotationStatus"),
        ("iam", "GetPolicy", "chat's reader policy: iam:GetPolicy"),
        ("iam", "GetPolicyVersion", "chat's reader policy: iam:GetPolicyVersion"),
    ],
)
def test_what_is_denied_about_the_key_and_the_policies_is_noted_and_not_fatal(
    aws: Aws, run: Any, service: str, operation: str, note: str
):
    aws.deploy()
    aws.put(TEMPERATURE, "0.9")
    with denied(getattr(aws, service), operation, ""):
        said = run("drift", "--exit-code", code=1)
    assert f"not compared, for lack of permission: {note}" in said.err
    assert "generation/temperature\tedited\t" in said.out
    assert "2 differences" not in said.out


def test_a_broken_program_is_refused(aws: Aws, chat: Any, run: Any):
    assert aws.key
    chat("temperature=0.2", "temperature=20")
    assert "temperature" in run("drift", code=2).err


def test_a_progress_bar_is_shown_to_nobody_in_a_pipe(aws: Aws, run: Any):
    aws.deploy()
    with patch("rich.progress.Progress.start", side_effect=AssertionError):
        assert not run("drift").err
