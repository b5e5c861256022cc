"""Deploys to the local AWS: what is written, what stays, what is refused."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_config.format.errors import InvalidConfigurationError, LocalError
from model_config.local.deploy import Deployment, deployed
from model_config.local.local_aws import client, local_aws, restore, snapshot
from model_config.local.provider import PARAMETER
from model_config.local.state import State, StateFolder
from model_config.plan.project import Project

SYSTEM = "/ai/dev/support_chat/prompts/system"
RELEASE = "/ai/dev/support_chat/release"
ROLLOUT = "/ai/dev/support_chat/rollout"


def deploy(project: Path, environment: str = "dev") -> Deployment:
    with deployed(Project(project), environment) as deployment:
        return deployment


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def changes(deployment: Deployment) -> dict[str, tuple[int, str]]:
    return {
        f"{row.model}/{row.path}": (row.version, row.change)
        for row in deployment.parameters
        if row.change != "unchanged"
    }


def held(project: Path) -> dict[str, Any]:
    return StateFolder(Project(project)).load().parameters["eu-west-1"]


@contextmanager
def by_hand(project: Path) -> Iterator[tuple[Any, State]]:
    """Change what SSM has, and the state, without a deploy."""
    folder = StateFolder(Project(project))
    with folder.locked(), local_aws():
        restore(state := folder.load())
        yield client("ssm", "eu-west-1"), state
        folder.save(replace(state, parameters=snapshot()))


def test_the_first_deploy_creates_everything_as_aws_would_hold_it(project, monkeypatch):
    for name, value in {
        "AWS_PROFILE": "company-prod",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:1",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "PULUMI_CONFIG": '{"model-config:prefix": "/foreign"}',
        "PULUMI_CONFIG_MODEL_CONFIG_PREFIX": "/foreign",
        "MODEL_CONFIG_LABEL": "canary",
    }.items():
        monkeypatch.setenv(name, value)
    edit(project / "Pulumi.dev.yaml", "eu-west-1", "cn-north-1")
    with deployed(Project(project), "dev") as deployment:
        assert {row.change for row in deployment.parameters} == {"created"}
        assert deployment.stand_ins == ["documentEmbeddingApiKey", "supportChatApiKey"]
        assert deployment.region == "cn-north-1"
        ssm, kms = client("ssm", "cn-north-1"), client("kms", "cn-north-1")
        name = "/ai/dev/support_chat/prompts/templates"
        stored = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        assert stored["Type"] == "SecureString"
        assert "{{" not in stored["Value"]
        assert "{{customer_name}}" in json.loads(stored["Value"])["greeting"]
        exported = deployment.outputs["models"]["support_chat"]
        assert exported["path"] == "/ai/dev/support_chat"
        assert exported["parameters"]["prompts/templates"]["arn"] == stored["ARN"]
        assert exported["release"]["arn"].startswith("arn:aws-cn:ssm:cn-north-1:")
        release = ssm.get_parameter(Name=RELEASE)["Parameter"]
        assert exported["release"]["arn"] == release["ARN"]
        key = deployment.outputs["kms_key"]
        assert kms.describe_key(KeyId=key["alias"])["KeyMetadata"]["Arn"] == key["arn"]
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        assert tags == [{"Key": "environment", "Value": "dev"}]
    folder = project / ".local"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


@pytest.mark.usefixtures("first_deploy")
def test_an_edit_moves_its_parameter_and_release_alone_and_a_secret_only_itself(project: Path):
    folder = StateFolder(Project(project))
    state = folder.load()
    release = state.parameters["eu-west-1"][RELEASE][0]
    release["labels"], release["last_modified_date"] = ["stable"], "2026-01-02T03:04:05+00:00"
    folder.save(state)
    edit(project / "Pulumi.dev.yaml", "temperature: 0.7", "temperature: 0.75")
    assert changes(deploy(project)) == {
        "support_chat/generation/temperature": (2, "updated"),
        "support_chat/release": (2, "updated"),
    }
    (project / ".local" / "secrets.yaml").write_text('supportChatApiKey: "sk-real-{{9}}"\n')
    with deployed(Project(project), "dev") as deployment:
        assert changes(deployment) == {"support_chat/secrets/api_key": (2, "updated")}
        ssm = client("ssm", "eu-west-1")
        secret = ssm.get_parameter(
            Name="/ai/dev/support_chat/secrets/api_key", WithDecryption=True
        )["Parameter"]["Value"]
        assert json.loads(secret) == "sk-real-{{9}}"
        history = ssm.get_parameter_history(Name=RELEASE)["Parameters"]
        # The key, the labels and the dates are those of before.
        assert {version["KeyId"] for version in history} == {deployment.outputs["kms_key"]["arn"]}
        assert [version["Labels"] for version in history] == [["stable"], []]
        assert history[0]["LastModifiedDate"].isoformat().startswith("2026-01-02")
    assert deployment.stand_ins == ["documentEmbeddingApiKey"]
    assert "sk-real" not in json.dumps(deployment.outputs)


@pytest.mark.usefixtures("first_deploy")
def test_other_tags_write_no_version_and_a_rollout_written_since_stays(project: Path):
    written = '{"format":1,"rollout":{}}'
    with by_hand(project) as (ssm, state):
        ssm.put_parameter(Name=ROLLOUT, Value=written, Overwrite=True)
        # The program that made it may have made it with another text.
        state.environments["dev"][f"{PARAMETER}::support_chat/rollout"].inputs["value"] = "{}"
    edit(project / "Pulumi.dev.yaml", "environment: dev", "team: support")
    with deployed(Project(project), "dev") as deployment:
        assert changes(deployment)["support_chat/rollout"] == (1, "updated")
        assert {row.version for row in deployment.parameters} == {1}
        ssm = client("ssm", "eu-west-1")
        rollout = ssm.get_parameter(Name=ROLLOUT)["Parameter"]
        assert (rollout["Value"], rollout["Version"], rollout["Type"]) == (written, 2, "String")
        for tagged in (ROLLOUT, "/ai/dev/support_chat/provider"):
            answer = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=tagged)
            assert answer["TagList"] == [{"Key": "team", "Value": "support"}]


@pytest.mark.usefixtures("first_deploy")
def test_what_was_done_by_hand_is_undone_and_what_the_modules_lost_is_deleted(project: Path):
    edited, deleted = "/ai/dev/document_embedding/dimensions", "/ai/dev/support_chat/provider"
    with by_hand(project) as (ssm, _):
        before = ssm.get_parameter(Name=edited)["Parameter"]["Value"]
        ssm.put_parameter(Name=edited, Value="9", Overwrite=True)
        ssm.delete_parameter(Name=deleted)
    edit(project / "models" / "support_chat.py", "0.95", "None")
    (project / "models" / "support_chat.md").write_text("Be brief.")
    with deployed(Project(project), "dev") as deployment:
        assert changes(deployment) == {
            "document_embedding/dimensions": (3, "updated"),
            "support_chat/provider": (1, "updated"),
            "support_chat/generation/top_p": (1, "deleted"),
            "support_chat/prompts/system": (2, "updated"),
            "support_chat/prompts/system.part2": (1, "deleted"),
            "support_chat/release": (2, "updated"),
        }
        ssm = client("ssm", "eu-west-1")
        assert ssm.get_parameter(Name=edited)["Parameter"]["Value"] == before
        assert ssm.get_parameter(Name=deleted)["Parameter"]["Version"] == 1
        gone = ["/ai/dev/support_chat/generation/top_p"]
        assert ssm.get_parameters(Names=gone)["InvalidParameters"] == gone


@pytest.mark.usefixtures("first_deploy")
def test_a_protected_release_is_neither_deleted_nor_replaced(project: Path):
    deploy(project, "prod")
    module = project / "models" / "document_embedding.py"
    text = module.read_text()
    module.unlink()
    with pytest.raises(LocalError, match=r"protected.*document_embedding/release"):
        deploy(project, "prod")
    module.write_text(text)
    for stack in ("dev", "prod"):
        edit(
            project / f"Pulumi.{stack}.yaml", "  aws:", "  model-config:prefix: /company/ai\n  aws:"
        )
    with pytest.raises(LocalError, match=r"protected.*release"):
        deploy(project, "prod")
    # Nothing is protected in dev.
    module.unlink()
    rows = deploy(project).parameters
    removed = {row.change for row in rows if row.model == "document_embedding"}
    assert removed == {"deleted"}
    assert {row.change for row in rows if row.model != "document_embedding"} == {"replaced"}
    assert all(name.startswith(("/company/ai/dev/", "/ai/prod/")) for name in held(project))


@pytest.mark.usefixtures("first_deploy")
def test_release_parts_stay_when_the_program_no_longer_needs_them(project: Path):
    prompt = project / "models" / "support_chat.md"
    for text in (" ".join(str(number**7) for number in range(700)), "Be brief."):
        before = prompt.read_text()
        prompt.write_text(text)
        deploy(project)
    assert any("/support_chat/release/parts/" in name for name in held(project))
    prompt.write_text(before)
    again = deploy(project)  # the same parts: written over, not refused
    assert changes(again)["support_chat/release"] == (4, "updated")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("supportChatApiKey: 90210", "quotation marks"),
        ("[sk-shown]", "must have lines such as"),
        ("a: 1\nsupportChatApiKey: !sk-shown x", "is not valid YAML in line 2$"),
        ("supportChatApiKey: 2026-13-13", "is not valid YAML$"),
        ('supportChatApiKey: ""', "fix: edit supportChatApiKey in .local/secrets.yaml"),
        (f"supportChatApiKey: sk-shown{'x' * 4096}", "edit supportChatApiKey in .local/secrets"),
        (r'supportChatApiKey: "sk-shown\uD800"', "edit supportChatApiKey in .local/secrets"),
    ],
)
def test_a_wrong_secrets_file_is_refused_without_showing_it(project, text, expected):
    (project / ".local").mkdir()
    (project / ".local" / "secrets.yaml").write_text(text)
    with pytest.raises(LocalError, match=expected) as caught:
        deploy(project)
    assert "sk-shown" not in str(caught.value)
    assert "90210" not in str(caught.value)
    assert "pulumi config set" not in str(caught.value)


@pytest.mark.usefixtures("first_deploy")
def test_a_refused_deploy_leaves_what_was_there(project: Path):
    before = (project / ".local" / "state.json").read_bytes()
    edit(project / "Pulumi.dev.yaml", "temperature: 0.7", "temperature: warm")
    with pytest.raises(LocalError, match=r"overrides.support_chat.generation.temperature"):
        deploy(project)
    assert (project / ".local" / "state.json").read_bytes() == before
    with pytest.raises(InvalidConfigurationError, match="dev, prod"):
        deploy(project, "staging")


@pytest.mark.usefixtures("first_deploy")
def test_a_parameter_made_by_someone_else_is_not_taken_over(project: Path):
    with by_hand(project) as (_, state):
        del state.environments["dev"]["aws:ssm/parameter:Parameter::support_chat/provider"]
    with pytest.raises(LocalError, match=r"/ai/dev/support_chat/provider.*ParameterAlreadyExists"):
        deploy(project)


def test_resources_that_a_project_adds_to_its_program_are_left_out(project: Path):
    main = project / "__main__.py"
    main.write_text(
        main.read_text()
        + "from pulumi_aws import iam, kms, sns, ssm\n"
        + 'ssm.Parameter("mine", type="String", value=sns.Topic("alerts").name)\n'
        + 'iam.Policy("mine", policy=iam.get_policy_document_output(statements=[]).json)\n'
        + 'kms.Key("mine")\n'
    )
    for change in ("created", "unchanged"):
        assert {it.change for it in deploy(project).parameters} == {change}
