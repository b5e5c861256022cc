"""What `recover` takes from a stack's state."""

from types import SimpleNamespace
from typing import Any

from pulumi import automation

from model_config.infra.engine_stack import EngineStack
from model_config.plan.project import KEY, Project

STACK = "urn:pulumi:dev::own::pulumi:pulumi:Stack::own-dev"
COMPONENT = "urn:pulumi:dev::own::model-config:index:EncryptionKey::encryption-key"


def test_a_key_that_a_project_adds_to_its_program_is_not_the_environments(monkeypatch, tmp_path):
    def key(id_: str, parent: str) -> dict[str, Any]:
        urn = f"urn:pulumi:dev::own::{KEY}::{id_}"
        return {"type": KEY, "urn": urn, "id": id_, "custom": True, "parent": parent}

    resources = [{"type": STACK.split("::")[2], "urn": STACK}, key("theirs", STACK)]
    exported = SimpleNamespace(deployment={"resources": resources})
    stack = SimpleNamespace(export_stack=lambda: exported)
    monkeypatch.setattr(automation, "LocalWorkspace", lambda **_: None)
    monkeypatch.setattr(automation.Stack, "select", lambda *_: stack)
    engine = EngineStack(Project(tmp_path), "dev")
    assert engine.state().is_empty
    resources.append(key("ours", COMPONENT))
    assert engine.state().ids == {KEY: {"ours"}}
