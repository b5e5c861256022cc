"""Whose the resources are that `recover` may adopt: project A is deployed, and others look."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.ssm.models import ssm_backends
from support.project import PROJECT, write_model

from model_config.format.errors import AccessDeniedError
from model_config.local.local_aws import ACCOUNT, client, local_aws
from model_config.local.provider import LocalProvider
from model_config.operate import services
from model_config.operate.recovery import Recovery, find_recovery
from model_config.operate.services import KeysAndPolicies
from model_config.operate.ssm import Ssm
from model_config.plan.plan import plan_stack
from model_config.plan.project import (
    ALIAS,
    KEY,
    OWNER_TAG,
    PARAMETER,
    Project,
    StackConfig,
    StackState,
)
from model_config.plan.registry import read_modules
from model_config.testing.program import run_program

REGION, ALIAS_NAME = "eu-west-1", "alias/ai/dev"
OWN = "model-config/dev"


SECRET = "model-config:key"


def config(**settings: str) -> StackConfig:
    own = {f"model-config:{key}": value for key, value in settings.items()}
    values = {"aws:region": REGION, SECRET: "sk-made-up", **own}
    return StackConfig("dev", values, frozenset({SECRET}))


@pytest.fixture
def own(tmp_path: Path) -> Project:
    """Project A, of one model."""
    write_model(Project(tmp_path), "chat", 'n: int = 1; api_key: SecretRef = SecretRef("key")')
    shutil.copy(PROJECT.root / "__main__.py", tmp_path)
    return Project(tmp_path)


@pytest.fixture
def deployed(own: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalProvider]:
    """Its dev, deployed to an AWS of its own."""
    monkeypatch.setattr(services, "aws_client", client)
    with local_aws():
        provider = LocalProvider(REGION, {})
        run_program(own.root, config(), provider)
        yield provider


def recovery(state: StackState, project: Project, **options: Any) -> Recovery:
    settings = options.pop("settings", {})
    plan = plan_stack(read_modules(project), config(**settings))
    aws = Ssm(client("ssm", REGION)), KeysAndPolicies(REGION)
    return find_recovery(plan, {"key": "sk-made-up"}, state, *aws, **options)


def empty(owner: str = OWN) -> StackState:
    return StackState(owner, {}, {}, [])


def state_of(deployed: LocalProvider, *, without: str = "nothing") -> StackState:
    """The state after the deploy, without the resources whose key has a text."""
    ids: dict[str, set[str]] = {}
    for key, resource in deployed.registered.items():
        if without not in key:
            ids.setdefault(resource.type, set()).add(resource.id)
    return StackState(OWN, {kind: frozenset(of_kind) for kind, of_kind in ids.items()}, {}, [])


@pytest.mark.usefixtures("deployed")
def test_another_projects_or_stacks_key_is_never_adopted(own: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other")
    other.root.mkdir()
    write_model(other, "search", "n: int = 1")
    interrupted = StackState("search/dev", {}, {}, [("creating", f"urn::{KEY}::encryption-key")])

    def refused(**options: bool) -> None:
        for state in (empty("search/dev"), interrupted):
            found = recovery(state, other, **options)
            assert found.adopt == []
            (finding,) = found.blocked
            assert "belongs to the stack model-config/dev, not to search/dev" in finding.problem
            assert "another model-config:environment" in finding.fix
        found = recovery(empty("model-config/staging"), own, **options)
        assert (found.adopt, len(found.blocked)) == ([], 1)

    refused()
    refused(into_empty_state=True)
    client("kms", REGION).delete_alias(AliasName=ALIAS_NAME)
    refused()
    refused(into_empty_state=True)


def test_a_lost_state_is_adopted_only_on_request(deployed: LocalProvider, own: Project) -> None:
    refused = recovery(empty(), own)
    (finding,) = refused.blocked
    assert finding.where == OWN
    assert "--environment dev --into-empty-state" in finding.fix
    asked = recovery(empty(), own, into_empty_state=True)
    assert asked.blocked == []
    assert asked.whose == "model-config/dev, as the key's tag says"
    assert {(it.type, it.id) for it in asked.adopt} == {
        (it.type, it.id) for it in deployed.registered.values()
    }
    # A first deploy that was killed goes on without being asked.
    killed = StackState(OWN, {}, {}, [("creating", f"urn:pulumi:dev::p::{KEY}::encryption-key")])
    found = recovery(killed, own)
    assert found.blocked == []
    assert {KEY, ALIAS} < {it.type for it in found.adopt}
    assert found.pending == ["creating encryption-key"]
    assert found.refresh == []
    # One that was killed while it changed a resource leaves it to be read again.
    urn = f"urn:pulumi:dev::p::{PARAMETER}::chat/n"
    killed = replace(state_of(deployed), pending=[("updating", urn)])
    assert recovery(killed, own).refresh == [urn]
    # Whose that is which an existing key encrypts, nobody knows.
    key = client("kms", REGION).describe_key(KeyId=ALIAS_NAME)["KeyMetadata"]["Arn"]
    found = recovery(empty(), own, settings={"kmsKeyArn": key})
    assert found.whose.startswith("unknown")
    (finding,) = found.blocked
    assert "--into-empty-state" in finding.fix


def test_a_key_without_a_tag_is_asked_about_unless_the_state_has_it(deployed, own):
    kms = client("kms", REGION)
    key = kms.describe_key(KeyId=ALIAS_NAME)["KeyMetadata"]["KeyId"]
    kms.untag_resource(KeyId=key, TagKeys=[OWNER_TAG])  # as those of before
    assert not recovery(state_of(deployed), own).is_needed
    found = recovery(state_of(deployed, without="chat/"), own)
    assert found.blocked == []
    assert {it.parent for it in found.adopt} == {"chat"}
    assert found.whose == "model-config/dev, whose state has the key"
    (alias,) = recovery(state_of(deployed, without=ALIAS), own).adopt
    assert alias.id == ALIAS_NAME

    asked = recovery(empty(), own, into_empty_state=True)
    assert asked.adopt == []
    (finding,) = asked.blocked
    tag = f"aws kms tag-resource --key-id {key} --tags TagKey={OWNER_TAG},TagValue={OWN}"
    assert tag in finding.fix
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": OWNER_TAG, "TagValue": OWN}])
    assert recovery(empty(), own, into_empty_state=True).blocked == []

    kms.update_alias(AliasName=ALIAS_NAME, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    (finding,) = recovery(state_of(deployed), own).blocked
    assert (finding.where, "names another key" in finding.problem) == (ALIAS_NAME, True)


def test_what_cant_be_read_is_not_called_different(deployed, own, monkeypatch):
    def denied(*_: Any, **__: Any) -> Any:
        error = {"Code": "AccessDeniedException", "Message": "no identity-based policy allows it"}
        raise ClientError({"Error": error}, "GetParameters")

    monkeypatch.setattr(client("ssm", REGION), "get_parameters", denied)
    with pytest.raises(AccessDeniedError, match="ssm:GetParameters"):
        recovery(state_of(deployed, without="chat/n"), own)


def test_an_advanced_parameter_is_not_adopted(deployed, own):
    name = "/ai/dev/chat/n"
    versions = ssm_backends[ACCOUNT][REGION]._parameters[name]
    versions[-1].tier = "Advanced"
    found = recovery(state_of(deployed, without="chat/n"), own)
    assert found.adopt == []
    (finding,) = found.blocked
    assert (finding.where, "another tier" in finding.problem) == (name, True)
