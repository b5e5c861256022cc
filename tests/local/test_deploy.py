"""Deploys to the local AWS: what is written, what stays, what is refused."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from model_config.format.errors import InvalidConfigurationError, LocalError
from model_config.local.deploy import Deployment, deployed
from model_config.local.local_aws import client, local_aws, restore, snapshot
from model_config.local.provider import PARAMETER
from model_config.local.state import StateFolder
from model_config.plan.project import Project


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


def test_the_first_deploy_creates_everything_and_the_second_changes_nothing(project: Path):
    first = deploy(project)
    assert {row.change for row in first.parameters} == {"created"}
    second = deploy(project)
    assert changes(second) == {}
    assert [row.version for row in second.parameters] == [1] * len(first.parameters)
    assert second.outputs == first.outputs


@pytest.mark.usefixtures("first_deploy")
def test_an_edited_temperature_moves_that_parameter_and_its_release_alone(project: Path):
    edit(project / "Pulumi.dev.yaml", "temperature: 0.7", "temperature: 0.75")
    assert changes(deploy(project)) == {
        "support_chat/generation/temperature": (2, "updated"),
        "support_chat/release": (2, "updated"),
    }


def test_a_rollout_that_was_written_since_stays_whatever_is_deployed(project: Path):
    name, written = "/ai/dev/support_chat/rollout", '{"format":1,"rollout":{}}'
    assert changes(deploy(project))["support_chat/rollout"] == (1, "created")
    folder = StateFolder(Project(project))
    with folder.locked(), local_aws():
        restore(state := folder.load())
        client("ssm", "eu-west-1").put_parameter(Name=name, Value=written, Overwrite=True)
        # The program that made it may have made it with another text.
        state.environments["dev"][f"{PARAMETER}::support_chat/rollout"].inputs["value"] = "{}"
        folder.save(replace(state, parameters=snapshot()))
    edit(project / "Pulumi.dev.yaml", "environment: dev", "environment: development")
    with deployed(Project(project), "dev") as deployment:
        assert changes(deployment)["support_chat/rollout"] == (1, "updated")  # its tags
        held = client("ssm", "eu-west-1").get_parameter(Name=name)["Parameter"]
        assert (held["Value"], held["Version"], held["Type"]) == (written, 2, "String")


@pytest.mark.usefixtures("first_deploy")
def test_an_edit_or_a_deletion_by_hand_is_undone_by_the_next_deploy(project: Path):
    edited, deleted = "/ai/dev/support_chat/generation/top_p", "/ai/dev/support_chat/provider"
    folder = StateFolder(Project(project))
    with folder.locked(), local_aws():
        restore(state := folder.load())
        ssm = client("ssm", "eu-west-1")
        before = ssm.get_parameter(Name=edited)["Parameter"]["Value"]
        ssm.put_parameter(Name=edited, Value="0.1", Overwrite=True)
        ssm.delete_parameter(Name=deleted)
        folder.save(replace(state, parameters=snapshot()))
    with deployed(Project(project), "dev") as deployment:
        assert changes(deployment) == {
            "support_chat/generation/top_p": (3, "updated"),
            "support_chat/provider": (1, "updated"),
        }
        ssm = client("ssm", "eu-west-1")
        assert ssm.get_parameter(Name=edited)["Parameter"]["Value"] == before
        assert ssm.get_parameter(Name=deleted)["Parameter"]["Version"] == 1


@pytest.mark.usefixtures("first_deploy")
def test_the_state_of_an_earlier_version_is_left_behind_with_a_notice(project: Path):
    file = project / ".local" / "state.json"
    file.write_text('{"format": 1}')
    with pytest.raises(LocalError, match="`model-config local deploy` starts the local AWS anew"):
        StateFolder(Project(project)).load()
    deployment = deploy(project)
    assert deployment.notices == [
        "The local AWS starts anew: an earlier version had written its state."
    ]
    assert {kind for _, kind in changes(deployment).values()} == {"created"}


@pytest.mark.usefixtures("first_deploy")
def test_a_removed_field_is_deleted(project: Path):
    edit(project / "models" / "support_chat.py", "top_p=0.95, ", "")
    with deployed(Project(project), "dev") as deployment:
        assert changes(deployment) == {
            "support_chat/generation/top_p": (1, "deleted"),
            "support_chat/release": (2, "updated"),
        }
        ssm = client("ssm", "eu-west-1")
        answer = ssm.get_parameters(Names=["/ai/dev/support_chat/generation/top_p"])
        assert answer["InvalidParameters"]


@pytest.mark.usefixtures("first_deploy")
def test_a_shortened_prompt_loses_its_second_part(project: Path):
    (project / "models" / "support_chat.md").write_text("Be brief.")
    assert changes(deploy(project))["support_chat/prompts/system.part2"] == (1, "deleted")


@pytest.mark.usefixtures("first_deploy")
def test_environments_stand_beside_each_other(project: Path):
    deploy(project, "prod")
    with deployed(Project(project), "dev"):
        names = [
            parameter["Name"]
            for page in client("ssm", "eu-west-1")
            .get_paginator("get_parameters_by_path")
            .paginate(Path="/ai", Recursive=True)
            for parameter in page["Parameters"]
        ]
    assert "/ai/dev/support_chat/generation/temperature" in names
    assert "/ai/prod/support_chat/generation/temperature" in names


def test_what_is_stored_is_what_aws_would_hold(project: Path):
    with deployed(Project(project), "dev") as deployment:
        ssm, kms = client("ssm", "eu-west-1"), client("kms", "eu-west-1")
        name = "/ai/dev/support_chat/prompts/templates"
        stored = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        assert stored["Type"] == "SecureString"
        assert "{{" not in stored["Value"]
        assert "{{customer_name}}" in json.loads(stored["Value"])["greeting"]
        assert (
            stored["ARN"]
            == deployment.outputs["models"]["support_chat"]["parameters"]["prompts/templates"][
                "arn"
            ]
        )
        key = deployment.outputs["kms_key"]
        assert kms.describe_key(KeyId=key["alias"])["KeyMetadata"]["Arn"] == key["arn"]
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        assert tags == [{"Key": "environment", "Value": "dev"}]


def test_the_key_the_labels_and_the_dates_survive(project: Path):
    with deployed(Project(project), "dev") as first:
        key = first.outputs["kms_key"]["arn"]
    folder = StateFolder(Project(project))
    state = folder.load()
    release = state.parameters["eu-west-1"]["/ai/dev/support_chat/release"][0]
    release["labels"], release["last_modified_date"] = ["stable"], "2026-01-02T03:04:05+00:00"
    folder.save(state)
    with deployed(Project(project), "dev") as second:
        assert second.outputs["kms_key"]["arn"] == key
        [version] = client("ssm", "eu-west-1").get_parameter_history(
            Name="/ai/dev/support_chat/release"
        )["Parameters"]
        assert version["Labels"] == ["stable"]
        assert version["LastModifiedDate"].isoformat().startswith("2026-01-02")
        assert version["KeyId"] == key


@pytest.mark.usefixtures("first_deploy")
def test_other_tags_write_no_new_version(project: Path):
    edit(project / "Pulumi.dev.yaml", "environment: dev", "team: support")
    with deployed(Project(project), "dev") as deployment:
        assert {row.version for row in deployment.parameters} == {1}
        name = "/ai/dev/support_chat/provider"
        tags = client("ssm", "eu-west-1").list_tags_for_resource(
            ResourceType="Parameter", ResourceId=name
        )["TagList"]
        assert tags == [{"Key": "team", "Value": "support"}]


@pytest.mark.usefixtures("first_deploy")
def test_another_prefix_moves_every_parameter(project: Path):
    edit(project / "Pulumi.dev.yaml", "  aws:", "  model-config:prefix: /company/ai\n  aws:")
    deployment = deploy(project)
    assert {row.change for row in deployment.parameters} == {"replaced"}
    held = StateFolder(Project(project)).load().parameters["eu-west-1"]
    assert all(name.startswith("/company/ai/dev/") for name in held)


def test_secrets_have_stand_ins_until_they_are_given(project: Path):
    first = deploy(project)
    assert first.stand_ins == ["documentEmbeddingApiKey", "supportChatApiKey"]
    (project / ".local" / "secrets.yaml").write_text('supportChatApiKey: "sk-real-{{9}}"\n')
    with deployed(Project(project), "dev") as second:
        assert second.stand_ins == ["documentEmbeddingApiKey"]
        assert changes(second) == {"support_chat/secrets/api_key": (2, "updated")}
        stored = client("ssm", "eu-west-1").get_parameter(
            Name="/ai/dev/support_chat/secrets/api_key", WithDecryption=True
        )["Parameter"]["Value"]
        assert json.loads(stored) == "sk-real-{{9}}"
    assert "sk-real" not in json.dumps(second.outputs)


def test_a_left_over_secret_is_named_without_its_value_and_holds_up_nothing(project: Path):
    (project / ".local").mkdir()
    given = "supportChatApiKy: sk-shown\n7: 90210\nsupportChatApiKey: sk-real\n"
    (project / ".local" / "secrets.yaml").write_text(given)
    deployment = deploy(project)
    number, misspelled = deployment.notices
    assert number.startswith("no model has the secret 7 of .local/secrets.yaml: known names: doc")
    assert misspelled.endswith(': did you mean "supportChatApiKey"?')
    assert "90210" not in number
    assert "sk-shown" not in misspelled
    assert deployment.stand_ins == ["documentEmbeddingApiKey"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("supportChatApiKey: 90210", "quotation marks"),
        ("[sk-shown]", "must have lines such as"),
        ("supportChatApiKey: 'sk-shown", "can't be read"),
    ],
)
def test_a_wrong_secrets_file_is_refused_without_showing_it(
    project: Path, text: str, expected: str
):
    (project / ".local").mkdir()
    (project / ".local" / "secrets.yaml").write_text(text)
    with pytest.raises(LocalError, match=expected) as caught:
        deploy(project)
    assert "sk-shown" not in str(caught.value)
    assert "90210" not in str(caught.value)


@pytest.mark.usefixtures("first_deploy")
def test_a_refused_deploy_leaves_what_was_there(project: Path):
    before = (project / ".local" / "state.json").read_bytes()
    edit(project / "Pulumi.dev.yaml", "temperature: 0.7", "temperature: 7")
    with pytest.raises(LocalError, match=r"overrides.support_chat.generation.temperature"):
        deploy(project)
    assert (project / ".local" / "state.json").read_bytes() == before


@pytest.mark.usefixtures("first_deploy")
def test_a_parameter_made_by_someone_else_is_not_taken_over(project: Path):
    folder = StateFolder(Project(project))
    state = folder.load()
    del state.environments["dev"]["aws:ssm/parameter:Parameter::support_chat/provider"]
    folder.save(state)
    with pytest.raises(LocalError, match=r"/ai/dev/support_chat/provider.*ParameterAlreadyExists"):
        deploy(project)


def test_a_protected_release_is_not_deleted(project: Path):
    deploy(project, "prod")
    (project / "models" / "document_embedding.py").unlink()
    with pytest.raises(LocalError, match=r"protected.*document_embedding/release"):
        deploy(project, "prod")
    deploy(project, "dev")  # dev protects nothing


def test_a_protected_release_is_not_replaced(project: Path):
    deploy(project, "prod")
    edit(project / "Pulumi.prod.yaml", "  aws:", "  model-config:prefix: /company/ai\n  aws:")
    with pytest.raises(LocalError, match=r"protected.*release"):
        deploy(project, "prod")


def test_release_parts_stay_when_the_program_no_longer_needs_them(project: Path):
    words = " ".join(str(number**7) for number in range(1500))
    prompt = project / "models" / "support_chat.md"
    text = prompt.read_text()
    prompt.write_text(words)
    deploy(project)
    prompt.write_text(text)
    deploy(project)
    held = StateFolder(Project(project)).load().parameters["eu-west-1"]
    parts = [name for name in held if "/support_chat/release/parts/" in name]
    assert parts
    prompt.write_text(words)
    again = deploy(project)  # the same parts: written over, not refused
    assert changes(again)["support_chat/release"] == (3, "updated")


@pytest.mark.usefixtures("first_deploy")
def test_the_folder_and_its_files_are_the_owners_alone(project: Path):
    folder = project / ".local"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_unknown_environment_names_those_there_are(project: Path):
    with pytest.raises(InvalidConfigurationError, match="dev, prod"):
        deploy(project, "staging")


def test_an_arn_is_in_the_regions_partition(project: Path):
    file = project / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace("aws:region: eu-west-1", "aws:region: cn-north-1"))
    with deployed(Project(project), "dev") as deployment:
        [found] = client("ssm", "cn-north-1").get_parameters(
            Names=["/ai/dev/support_chat/release"], WithDecryption=True
        )["Parameters"]
    exported = deployment.outputs["models"]["support_chat"]["release"]["arn"]
    assert exported == found["ARN"]
    assert exported.startswith("arn:aws-cn:ssm:cn-north-1:")


def test_a_hostile_environment_changes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "AWS_PROFILE": "company-prod",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:1",
        "AWS_REGION": "cn-north-1",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "PULUMI_CONFIG": '{"model-config:prefix": "/foreign"}',
        "PULUMI_CONFIG_MODEL_CONFIG_PREFIX": "/foreign",
        "MODEL_CONFIG_LABEL": "canary",
    }.items():
        monkeypatch.setenv(name, value)
    deployment = deploy(project)
    assert deployment.region == "eu-west-1"
    assert deployment.outputs["models"]["support_chat"]["path"] == "/ai/dev/support_chat"
