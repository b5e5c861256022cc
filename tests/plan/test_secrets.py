"""A secret stands encrypted in the stack's file under the key its model names, or is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from model_config.format.errors import Finding
from model_config.plan.checks import check_secrets, unset_secrets
from model_config.plan.plan import plan_stack
from model_config.plan.project import Project, StackConfig
from model_config.plan.registry import read_modules

MODULE = """
from model_config.schema import EmbeddingModel, SecretRef
MODEL = EmbeddingModel(provider="p", model_id="m", dimensions=8, api_key=SecretRef("{key}"))
"""


def stack(secrets: dict[str, str] | None = None, **plain: str) -> StackConfig:
    """Return what the engine hands over: secrets decrypted, and which keys they are."""
    given = {f"model-config:{key}": value for key, value in {**(secrets or {}), **plain}.items()}
    return StackConfig("prod", given, frozenset(f"model-config:{key}" for key in secrets or {}))


def findings_about(fields: dict[str, list[str]], config: StackConfig) -> list[Finding]:
    return [*check_secrets(config, fields), *unset_secrets(config, fields).values()]


CHAT = {"chatKey": ["chat/secrets/api_key"]}


def test_a_secret_that_is_set_is_no_finding() -> None:
    assert findings_about(CHAT, stack({"chatKey": "sk-live-42"})) == []
    undecrypted = StackConfig("prod", {}, frozenset({"model-config:chatKey"}))
    assert findings_about(CHAT, undecrypted) == []


def test_each_missing_secret_is_reported_with_the_command_that_sets_it() -> None:
    fields = {**CHAT, "searchKey": ["search/secrets/api_key", "other/secrets/keys/search"]}
    chat, search = findings_about(fields, stack())
    assert chat.where == "chat/secrets/api_key"
    assert chat.problem == "the secret model-config:chatKey is not set"
    assert chat.fix == "pulumi config set --secret model-config:chatKey --stack prod"
    assert search.where == "search/secrets/api_key, other/secrets/keys/search"
    assert search.fix == "pulumi config set --secret model-config:searchKey --stack prod"


def test_an_empty_secret_is_not_set_and_one_in_plain_text_is_refused_and_not_shown() -> None:
    (finding,) = findings_about(CHAT, stack({"chatKey": ""}))
    assert finding.problem == "the secret model-config:chatKey is not set"
    for text in ("sk-live-42", ""):
        (finding,) = findings_about(CHAT, stack(chatKey=text))
        assert "is in plain text in Pulumi.prod.yaml" in finding.problem
        assert "revoke it at its provider" in finding.fix
        assert "pulumi config set --secret model-config:chatKey --stack prod" in finding.fix
        assert "sk-live" not in str(finding)


@pytest.mark.parametrize("text", ["x" * 4096, "é" * 2048, "{{" + "x" * 4087])
def test_a_secret_may_have_4096_bytes_as_it_is_stored(text: str) -> None:
    # SSM API reference, PutParameter, Tier; of `{{`, one brace takes six, and two quotation marks
    assert findings_about(CHAT, stack({"chatKey": text})) == []
    (finding,) = findings_about(CHAT, stack({"chatKey": text + "x"}))
    assert finding.problem == "the secret has 4,097 bytes"
    assert "at most 4,096 in a Standard parameter" in finding.reason
    assert "xx" not in str(finding)


def test_a_secret_that_is_no_unicode_is_refused_and_not_shown() -> None:
    (finding,) = findings_about(CHAT, stack({"chatKey": "sk-live-42\udc00"}))
    assert "half of a surrogate pair at character 10" in finding.problem
    assert "sk-live" not in str(finding)


@pytest.mark.parametrize("key", ["prefix", "keyDeletionWindowDays"])
def test_a_secret_cannot_have_the_key_of_a_setting(key: str) -> None:
    (finding,) = findings_about({key: ["chat/secrets/api_key"]}, stack({key: "sk-live-42"}))
    assert finding.problem == f'"{key}" is the name of a setting'


# With the models there are


@pytest.fixture
def models(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.models_folder.mkdir()
    for name in ("chat", "search"):
        project.module(name).write_text(MODULE.format(key=f"{name}Key"), encoding="utf-8")
    return project


def problems(config: StackConfig, project: Project, chosen: list[str] | None = None) -> list[str]:
    models = {"model-config:models": json.dumps(chosen)} if chosen else {}
    config = replace(config, values={**config.values, **models})
    plan = plan_stack(read_modules(project), config)
    return [finding.problem for finding in (*plan.findings, *plan.unset.values())]


def test_a_model_that_is_left_out_needs_no_secret_and_may_have_one_but_in_plain_text(models):
    assert problems(stack({"chatKey": "x"}), models, ["chat"]) == []
    assert problems(stack({"chatKey": "x", "searchKey": "y"}), models, ["chat"]) == []
    (problem,) = problems(stack({"chatKey": "x"}, searchKey="sk-live-42"), models, ["chat"])
    assert problem == "model-config:searchKey is in plain text in Pulumi.prod.yaml"


UNKNOWN = "there is no such setting, and no model has a secret with that key"


def test_a_secret_without_a_model_is_reported_unless_a_broken_module_may_have_it(models: Project):
    config = stack({"chatKey": "x", "searchKey": "y", "oldKey": "sk-live-42"})
    for chosen in (None, ["chat"]):
        assert problems(config, models, chosen) == [UNKNOWN]
    models.module("chat").write_text("(", encoding="utf-8")
    for chosen in (None, ["search"]):
        found = problems(stack({"chatKey": "x", "searchKey": "y"}), models, chosen)
        assert [problem for problem in found if "can't be imported" not in problem] == []
    # A misspelled setting is reported even then.
    assert UNKNOWN in problems(stack({"searchKey": "y"}, prefx="/x"), models)
