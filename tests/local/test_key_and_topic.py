"""The local AWS with an existing key, a key for several regions, a topic, a list of accounts."""

from pathlib import Path

import pytest

from model_config import Reader
from model_config.format.errors import LocalError
from model_config.local.deploy import Deployment, deployed
from model_config.local.local_aws import client
from model_config.plan.project import Project

SHARED = "arn:aws:kms:eu-west-1:111122223333:key/5a5a"


def deploy(project: Path, **settings: str) -> Deployment:
    file = project / "Pulumi.dev.yaml"
    original = file.read_text()
    file.write_text(original + "".join(f"  {key}: {value}\n" for key, value in settings.items()))
    try:
        with deployed(Project(project), "dev") as deployment:
            reader = Reader("dev", label="latest", client=client("ssm", "eu-west-1"))
            assert reader.get("support_chat").secrets["api_key"].reveal()
            return deployment
    finally:
        file.write_text(original)


def own(**settings: str) -> dict[str, str]:
    return {f"model-config:{key}": value for key, value in settings.items()}


def unchanged(deployment: Deployment) -> bool:
    return {row.change for row in deployment.parameters} == {"unchanged"}


def refused(project: Path, said: str, **settings: str) -> None:
    held = (state := project / ".local" / "state.json").read_bytes()
    with pytest.raises(LocalError, match=said):
        deploy(project, **settings)
    assert state.read_bytes() == held


def test_an_existing_key_a_topic_and_a_list_of_accounts_are_taken_as_they_are(project: Path):
    key = own(kmsKeyArn=SHARED)
    settings = {
        "aws:allowedAccountIds": '["111122223333"]',
        **own(notifyTopicArn="arn:aws:sns:eu-west-1:111122223333:alerts"),
        **key,
    }
    first = deploy(project, **settings)
    assert first.outputs["kms_key"] == {"arn": SHARED, "id": "5a5a", "alias": None}
    assert unchanged(deploy(project, **settings))
    assert unchanged(deploy(project, **key))  # the topic's rules are gone, and nothing else is
    refused(project, "the stack uses the existing key")


def test_a_key_for_several_regions_has_such_an_id_and_stays_one(project: Path):
    first = deploy(project, **own(kmsMultiRegion="true"))
    assert first.outputs["kms_key"]["id"].startswith("mrk-")
    assert unchanged(deploy(project, **own(kmsMultiRegion="true")))
    refused(project, "is a multi-Region key")


@pytest.mark.usefixtures("first_deploy")
def test_a_key_of_the_stacks_own_stays_for_one_region(project: Path):
    refused(project, "the stack has its own key", **own(kmsKeyArn=SHARED))
    refused(project, "is not a multi-Region key", **own(kmsMultiRegion="true"))
