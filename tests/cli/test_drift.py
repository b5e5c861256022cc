"""`model-config drift`: what is there, told apart by who can have done it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from model_config.format.rollout import EMPTY
from model_config.operate import services
from model_config.plan.aws import POLICY_PATH, Account, key_policy, reader_policy
from model_config.plan.plan import plan_from_file
from model_config.plan.project import Project

from .conftest import more_versions, one_client, versions_of

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
def drift(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, code=0: run("drift", "--json", *arguments, code=code).json


def seen(found: Any) -> set[tuple[str, str, str]]:
    return {(each["path"], each["state"], each["aspect"]) for each in found["differences"]}


def test_a_hand_edit_is_told_with_both_ways_out_and_no_secret_is_read(
    aws: Aws, chat: Any, drift: Any, run: Any, requests_to: Any
):
    chat("Be kind.", "x" * 4090 + "Be kind." + "y" * 90)
    states = {each["state"] for each in drift("--exit-code", code=1)["differences"]}
    assert states == {"not deployed"}
    aws.deploy()
    aws.put(f"{BASE}/secrets/api_key", "sk-rotated")
    assert "12 parameters, no drift" in run("drift", "--exit-code").out

    aws.put(TEMPERATURE, "0.9")
    aws.put(f"{BASE}/prompts/system.part2", "d!" + "y" * 90)
    found = drift("--exit-code", code=1)
    assert seen(found) == {
        ("generation/temperature", "edited", "value"),
        ("prompts/system.part2", "edited", "value"),
    }
    assert (found["differences"][0]["ssm"], found["differences"][0]["version"]) == ("0.9", 2)
    requests_to.clear()
    with patch("rich.progress.Progress.start", side_effect=AssertionError):  # in a pipe
        said = run("drift")
    assert not said.err
    assert "program and release: 0.2; SSM: 0.9 (written 20" in said.out
    assert "prompts/system.part2\tedited\tprogram and release: d.yyy" in said.out
    assert "SSM: d!yyy" in said.out  # part by part, around the difference
    assert "`model-config local deploy --environment dev`" in said.out
    assert "To keep a value" in said.out
    read = [names for operation, names in requests_to if operation == "GetParameters"]
    assert TEMPERATURE in str(read)
    assert "secrets" not in str(read)
    assert "sk-" not in said.out


def test_what_the_program_changed_is_to_be_deployed_and_what_it_gave_up_is_left_over(
    aws: Aws, chat: Any, project: Path, drift: Any
):
    aws.deploy()
    chat("temperature=0.2", "temperature=0.3, seed=7")
    assert seen(drift()) == {
        ("generation/temperature", "not deployed", "value"),
        ("generation/seed", "not deployed", "value"),
    }
    chat("temperature=0.3, seed=7", "temperature=0.2")

    chat("MODEL = ChatModel(", "class Mine(ChatModel):\n    pass\n\n\nMODEL = Mine(")
    found = drift()
    assert seen(found) == {("release", "not deployed", "document")}
    assert found["differences"][0]["program"].startswith("Mine sha256:")
    chat("MODEL = Mine(", "MODEL = ChatModel(")

    chat('stop=["</a>"]', "")
    assert seen(drift()) == {("generation/stop", "not deployed", "value")}
    aws.deploy()  # and stops before its deletes
    assert seen(drift()) == {("generation/stop", "orphaned", "value")}

    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text() + "  model-config:fields: false\n")
    found = drift()["differences"]
    assert {each["state"] for each in found if each["path"] != "generation/stop"} == {
        "not deployed"
    }
    for each in found:
        aws.ssm.delete_parameter(Name=each["name"])
    assert drift("--exit-code")["differences"] == []


def test_a_release_that_is_not_deployed_is_told_beside_what_somebody_did(
    aws: Aws, chat: Any, project: Path, drift: Any
):
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text() + "  model-config:fields: false\n")
    aws.deploy()
    chat("temperature=0.2", "temperature=0.3")
    aws.put(f"{BASE}/note", "mine")
    assert seen(drift()) == {
        ("note", "unmanaged", "value"),
        ("release", "not deployed", "document"),
    }


def test_fields_that_are_switched_on_are_to_be_deployed(aws: Aws, project: Path, drift: Any):
    stack = project / "Pulumi.dev.yaml"
    with_fields = stack.read_text()
    stack.write_text(f"{with_fields}  model-config:fields: false\n")
    aws.deploy()
    stack.write_text(with_fields)
    assert {each["state"] for each in drift()["differences"]} == {"not deployed"}
    aws.deploy()
    assert drift()["differences"] == []


def test_a_deploy_that_stopped_is_told_from_a_hand_edit(aws: Aws, chat: Any, drift: Any):
    aws.deploy(until="m")  # the first one, which has no release
    assert {each["state"] for each in drift()["differences"]} == {"interrupted"}
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


def test_what_was_deleted_by_hand_is_missing_and_type_tier_and_key_are_compared(
    aws: Aws, chat: Any, drift: Any
):
    aws.deploy()
    aws.put(f"{BASE}/secrets/api_key", "sk-2", KeyId=ALIAS)  # an alias of the key is the key
    aws.put(f"{BASE}/rollout", '{"format":1,"moved":{}}', Type="String", KeyId=None)
    assert drift("--exit-code")["differences"] == []

    for path in ("generation/temperature", "secrets/api_key", "rollout"):
        aws.ssm.delete_parameter(Name=f"{BASE}/{path}")
    assert seen(drift()) == {
        ("generation/temperature", "edited", "value"),
        ("secrets/api_key", "edited", "value"),
        ("rollout", "not deployed", "value"),
    }
    chat("temperature=0.2, ", "")  # a deploy deletes after its release, so it wasn't one
    assert ("generation/temperature", "edited", "value") in seen(drift())
    chat("stop=", "temperature=0.2, stop=")

    other = aws.kms.create_key()["KeyMetadata"]["Arn"]
    for path in ("model_id", "provider"):
        aws.ssm.delete_parameter(Name=f"{BASE}/{path}")
    aws.put(f"{BASE}/rollout", EMPTY)
    aws.put(TEMPERATURE, "0.2")
    aws.put(f"{BASE}/model_id", "gpt-4.1", Type="String", KeyId=None)
    aws.put(f"{BASE}/provider", "openai", Tier="Advanced")
    aws.put(f"{BASE}/secrets/api_key", "sk-2", KeyId=other)
    found = drift()
    assert seen(found) == {
        ("rollout", "edited", "type"),
        ("model_id", "edited", "type"),
        ("provider", "edited", "tier"),
        ("secrets/api_key", "edited", "key"),
    }
    told = {each["path"]: each["ssm"] for each in found["differences"]}
    assert (told["model_id"], told["provider"]) == ("String", "Advanced")
    assert told["secrets/api_key"] == other


def test_unmanaged_parameters_are_shown_and_not_read(aws: Aws, run: Any):
    aws.deploy()
    for name in (f"{BASE}/mine", "/ai/dev/theirs", "/ai/dev/other/deep/er"):
        aws.put(name, "sk-foreign", Type="String", KeyId=None)
    aws.put("/ai/dev/gone/release/parts/0123456789abcdef", "x")
    said = run("drift", "--json")
    left, *unmanaged = sorted(said.json["differences"], key=lambda each: each["state"])
    assert [(each["model"], each["path"]) for each in unmanaged] == [
        ("other", "deep/er"), ("", "theirs"), ("chat", "mine")
    ]  # fmt: skip
    assert {each["state"] for each in unmanaged} == {"unmanaged"}
    assert (left["path"], left["state"]) == ("release/parts/0123456789abcdef", "orphaned")
    run("pipeline", "verify")  # neither is this deploy's
    assert "--gone" in left["fix"]
    assert "sk-foreign" not in said.out + run("drift").out


def test_a_model_with_a_release_that_is_not_in_the_plan_is_told_with_its_reason(
    aws: Aws, project: Path, drift: Any, run: Any, requests_to: Any
):
    aws.deploy()
    (project / "models" / "chat.py").rename(project / "models" / "talk.py")
    aws.deploy()
    requests_to.clear()
    found = drift("--exit-code")
    assert (found["differences"], found["other_projects"]) == ([], ["chat"])
    assert BASE not in {name.rpartition("/")[0] for _, names in requests_to for name in names}
    assert "chat: it has a release, but no module in this project. Another project" in (
        run("drift").out
    )
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(f"{stack.read_text()}  model-config:models: [talk]\n")
    (project / "models" / "chat.py").write_text(CHAT)
    assert "chat: it has a release and a module, but is not one of this stack's models" in (
        run("drift").out
    )


def test_labels_that_help_nobody_and_a_history_that_runs_out_are_told(
    aws: Aws, chat: Any, drift: Any
):
    def told() -> list[str]:
        found = drift()["findings"]
        promote = "model-config promote chat --environment dev --label stable"
        assert all(promote in each["fix"] for each in found)
        return [each["problem"] for each in found]

    chat("api_key=SecretRef", "seeds=1, api_key=SecretRef")
    chat("MODEL = ChatModel(", "class Mine(ChatModel):\n    seeds: int\n    old: SecretRef | None"
         " = None\n\n\nMODEL = Mine(")  # fmt: skip
    chat("seeds=1", 'seeds=1, old=SecretRef("old")')
    aws.deploy()
    aws.label(1, "stable-previous")
    (problem,) = told()
    assert "it is on release 1, but stable is on no release" in problem

    aws.label(1, "stable")
    chat('old=SecretRef("old")', "old=None")
    aws.deploy()
    assert told() == []
    aws.ssm.delete_parameter(Name=f"{BASE}/secrets/old")
    problem, _ = told()  # of stable, and of stable-previous
    assert "names secrets that are gone: /ai/dev/chat/secrets/old" in problem

    more_versions(f"{BASE}/release", 90)
    problems = [each["problem"] for each in drift()["findings"]]
    assert any("after 10 more deploys" in problem for problem in problems)


def test_a_label_on_an_unreadable_release_is_told(aws: Aws, drift: Any):
    aws.deploy()
    aws.put(f"{BASE}/release", '{"format": 1}')
    aws.label(2, "stable")
    aws.put(TEMPERATURE, "0.4")
    found = drift("--exit-code", code=1)
    assert [each["where"] for each in found["findings"]] == ["chat: latest", "chat: stable"]
    assert "can't be used" in found["findings"][1]["problem"]
    assert seen(found) == {("generation/temperature", "unclear", "value")}


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


DENIED = [
    ("kms", "DescribeKey", "the key, its policy and the reader policies: kms:DescribeKey"),
    ("kms", "GetKeyPolicy", "the key's policy: kms:GetKeyPolicy"),
    ("kms", "GetKeyRotationStatus", "the key's rotation: kms:GetKeyRotationStatus"),
    ("iam", "GetPolicy", "chat's reader policy: iam:GetPolicy"),
    ("iam", "GetPolicyVersion", "chat's reader policy: iam:GetPolicyVersion"),
]


def test_what_is_denied_is_told_and_the_rest_compared(aws: Aws, project: Path, run: Any):
    (project / "models" / "talk.py").write_text(CHAT)
    aws.deploy()
    with denied(aws.ssm, "GetParameterHistory", "/chat/"):
        assert "Not compared::ssm:GetParameterHistory" in run("pipeline", "verify", code=2).out
        aws.put("/ai/dev/talk/model_id", "gpt-2")
        said = run("drift", code=2)
    assert "talk\tmodel_id\tedited" in said.out
    assert "chat\t" not in said.out
    assert "ssm:GetParameterHistory is missing" in said.err
    aws.put(TEMPERATURE, "0.9")
    with denied(aws.ssm, "GetParameters", f"{BASE}/model_id"):
        said = run("drift", code=2)
    assert "generation/temperature\tedited" in said.out
    assert "chat\tmodel_id" not in said.out
    assert f"ssm:GetParameters is missing on arn:aws:ssm:*:*:parameter{BASE}/model_id" in said.err
    # Somebody wrote an older release under another key.
    aws.put(f"{BASE}/release", "by hand")
    aws.label(2, "canary")
    aws.state.clear()
    aws.deploy()
    aws.put(TEMPERATURE, "0.9")
    part = f"{BASE}/release/parts/{'0' * 16}"
    aws.put(part, "left over")
    with (
        denied(aws.ssm, "GetParameters", "release:2"),
        denied(aws.ssm, "GetParameterHistory", '"WithDecryption": true'),
    ):
        said = run("drift", code=2)
    assert "generation/temperature\tedited" in said.out
    assert "ssm:GetParameterHistory is missing" in said.err
    aws.ssm.delete_parameter(Name=part)
    aws.ssm.unlabel_parameter_version(Name=f"{BASE}/release", ParameterVersion=2, Labels=["canary"])
    for service, operation, note in DENIED:  # of the key and the policies: no reason to fail
        with denied(getattr(aws, service), operation, ""):
            said = run("drift", "--exit-code", code=1)
        assert f"not compared, for lack of permission: {note}" in said.err
        assert "generation/temperature\tedited\t" in said.out
        assert "3 differences" not in said.out


def test_the_key_and_the_reader_policies_are_compared(
    aws: Aws, project: Path, drift: Any, run: Any
):
    (project / "models" / "talk.py").write_text(CHAT)
    aws.deploy()
    turned, opened = key_policy(ACCOUNT), key_policy(ACCOUNT)
    turned["Statement"].reverse()
    turned["Statement"][0]["Action"].reverse()
    turned["Statement"][1]["Resource"] = ["*"]
    aws.kms.put_key_policy(KeyId=aws.key, PolicyName="default", Policy=json.dumps(turned))
    assert drift("--exit-code")["differences"] == []  # it says the same in another order

    opened["Statement"][1]["Effect"] = "Allow"
    aws.kms.put_key_policy(KeyId=aws.key, PolicyName="default", Policy=json.dumps(opened))
    aws.kms.disable_key_rotation(KeyId=aws.key)
    aws.kms.disable_key(KeyId=aws.key.rpartition("/")[2])
    wide = reader_policy(BASE, aws.key, ACCOUNT)
    wide["Statement"][0]["Resource"] = "*"
    aws.iam.create_policy_version(
        PolicyArn=aws.policies["chat"], PolicyDocument=json.dumps(wide), SetAsDefault=True
    )
    aws.iam.delete_policy(PolicyArn=aws.policies["talk"])
    found = drift("--exit-code", code=1)
    ssm = "statement NobodyUsesItButThroughSsm"
    *key, chat, talk = found["differences"]
    assert [(each["path"], each["aspect"], each["ssm"]) for each in key] == [
        (ALIAS, "state", "Disabled"),
        (ALIAS, "rotation", "off"),
        (ALIAS, "policy", f"without {ssm}, with another {ssm}"),
    ]
    assert (chat["model"], chat["name"], chat["aspect"]) == (
        "chat", aws.policies["chat"], "policy",
    )  # fmt: skip
    assert "with another statement ReadReleaseAndSecrets" in chat["ssm"]
    assert (talk["model"], talk["name"], talk["aspect"], talk["ssm"]) == (
        "talk", aws.policies["talk"], "policy", "nothing",
    )  # fmt: skip
    assert f"-\t{ALIAS}\tedited\trotation: off, not on" in run("drift").out

    aws.put(TEMPERATURE, "0.9")
    aws.kms.delete_alias(AliasName=ALIAS)
    assert seen(drift("--exit-code", code=1)) == {
        ("generation/temperature", "edited", "value"),
        (ALIAS, "edited", "alias"),
    }


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


def test_a_broken_program_is_refused(aws: Aws, chat: Any, run: Any):
    assert aws.key
    chat("temperature=0.2", "temperature=20")
    assert "temperature" in run("drift", code=2).err
