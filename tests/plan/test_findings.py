"""Everything that is wrong with a configuration is said at once, and never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.plan.plan import PlannedModel, plan_stack
from model_config.plan.project import Project, StackConfig
from model_config.plan.registry import read_modules

EMBEDDING = """
from model_config.schema import EmbeddingModel, SecretRef
MODEL = EmbeddingModel(provider="p", model_id="m", dimensions=8, api_key=SecretRef("{key}"))
"""
OWN = """
from pydantic import create_model
from model_config.schema import ModelConfig, Group, SecretRef
inner = create_model("Inner", __base__=Group, **{"b": (str, "x"), "B": (str, "y")})
fields = {
    "prompt": (str, "{{" * 50_000),
    "broken": (str, "half \\ud800"),
    "😀": (str, "x"),
    "release": (str, "x"),
    "a/b": (str, "x"),
    "a": (inner, inner()),
    "f" * 1000: (str, "x"),
    "token": (SecretRef, SecretRef("ownToken")),
}
MODEL = create_model("Own", __base__=ModelConfig, **fields)()
"""
DEEP = """
from pydantic import create_model
from model_config.schema import ModelConfig, Group
value = "x"
for _ in range(12):
    value = create_model("Inner", __base__=Group, g=(type(value), value))()
MODEL = create_model("Deep", __base__=ModelConfig, g=(type(value), value))()
"""
MODULES = {
    "search": EMBEDDING.format(key="searchKey"),
    "own": OWN,
    "deep": DEEP,
    "empty": "from model_config.schema import ModelConfig\nMODEL = ModelConfig()",
    "nomodel": "",
    "broken": "x = (",
    "bad-name": "",
    "wrongvalue": EMBEDDING.format(key="k").replace("dimensions=8", "dimensions=0"),
    "m" * 130: EMBEDDING.format(key="longKey"),
}


def planned(project: Project, config: StackConfig) -> tuple[list[PlannedModel], list[Finding]]:
    plan = plan_stack(read_modules(project), config)
    return list(plan.models), [*plan.findings, *plan.unset.values()]


@pytest.fixture
def models(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.models_folder.mkdir()
    for name, content in MODULES.items():
        project.module(name).write_text(content, encoding="utf-8")
    return project


SETTINGS = {
    "aws:region": "eu-west-1",
    "model-config:prefix": "/ai/",
    "model-config:keyDeletionWindowDays": "6",
    "model-config:tags": '{"aws:x":""}',
    "model-config:protct": "true",
    "model-config:ownToken": "sk-live-42",
    "model-config:searchKey": "sk-live-42" * 410,
    "model-config:overrides": json.dumps(
        {"search": {"dimensoins": 8, "batch_size": 0, "api_key": "sk-live-42"}, "serch": {}}
    ),
}
CONFIG = StackConfig("dev", SETTINGS, frozenset({"model-config:searchKey"}))

# Place, problem with its size or kind, and limit with its source.
EXPECTED = [
    ("model-config:prefix", '"/ai/" is not a valid prefix', 'Write "/ai"'),
    ("model-config:keyDeletionWindowDays", "greater than or equal to 7", "Pulumi.dev.yaml"),
    ("model-config:tags.aws:x", 'begins with "aws:"', "Pulumi.dev.yaml"),
    ("model-config:protct", "no such setting", 'did you mean "protect"?'),
    ("model-config:overrides.serch", 'has no model "serch"', 'did you mean "search"?'),
    ("model-config:overrides.search.dimensoins", "no field of that name", '"dimensions"?'),
    ("model-config:overrides.search.batch_size", "greater than or equal to 1", "EmbeddingModel"),
    ("model-config:overrides.search.api_key", "a secret can't be", "config set --secret"),
    ("search/secrets/api_key", "the secret has 4,100 bytes", "at most 4,096"),
    ("own/secrets/token", "is in plain text", "model-config:ownToken --stack dev"),
    ("own/prompt", "it takes 599,997 bytes, 147 parts", "at most 64 parts of 4,096 bytes"),
    ("own/broken", "half of a surrogate pair at character 5", "another value"),
    ("own/😀", "characters that SSM refuses", "PutParameter, Name"),
    ("own/release", 'can\'t be called "release"', "the model's own release"),
    ("own/a/b", "is the same as that of own/a/b", "rename one of the two"),
    ("own/a/B", "differs only in case from that of own/a/b", "rename one of the two"),
    (f"own/{'f' * 1000}", "1,012 characters, 1,056 with its ARN", "at most 1,011 with the ARN"),
    (f"deep/{'/'.join('g' * 13)}", "has 16 levels", "at most 15 (SSM API reference"),
    ("empty", "it has no values", "give a field a value"),
    ("nomodel", "the module has no MODEL", "write MODEL = ChatModel(...)"),
    ("broken (models/broken.py:1)", "SyntaxError: '(' was never closed", "correct the module"),
    ("bad-name", "not a Python identifier", "rename the file"),
    ("wrongvalue/dimensions (models/wrongvalue.py:3)", "equal to 1", "correct"),
    ("m" * 130, "has 147 characters", "at most 128 (IAM API reference, CreatePolicy)"),
    (f"{'m' * 130}/secrets/api_key", "longKey is not set", "model-config:longKey --stack dev"),
]  # fmt: skip


def test_everything_that_is_wrong_is_one_message_with_place_size_limit_and_source(models: Project):
    plans, findings = planned(models, CONFIG)
    assert "sk-live" not in repr(findings)
    message = str(InvalidConfigurationError(findings))
    for place, problem, limit in EXPECTED:
        about = [text for text in map(str, findings) if text.startswith(place)]
        assert any(problem in text and limit in text for text in about), (place, about)
    assert len(findings) == len(EXPECTED)
    assert message.startswith(f"{len(EXPECTED)} findings:\n  model-config:")
    assert all(str(finding) in message for finding in findings)
    # What is right is planned whatever else is wrong.
    (search,) = [each for each in plans if each.name == "search"]
    assert search.path == "/ai/dev/search"
    assert search.digest.startswith("sha256:")
    assert [each.path for each in search.parameters][-1] == "secrets/api_key"


def test_a_configuration_in_order_is_no_finding_and_one_without_models_is(tmp_path: Path) -> None:
    secret = "model-config:searchKey"
    config = StackConfig("dev", {secret: "x"}, frozenset({secret}))
    _, (missing, _unused) = planned(Project(tmp_path), config)
    assert missing.problem == "there is no model module"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "search.py").write_text(MODULES["search"], encoding="utf-8")
    plans, findings = planned(Project(tmp_path), config)
    assert findings == []
    assert [each.release_name for each in plans] == ["/ai/dev/search/release"]


def test_a_chosen_model_that_is_not_there_and_overrides_of_one_left_out_are_reported(models):
    config = StackConfig("dev", {"model-config:models": '["serch"]'})
    _, (finding,) = planned(models, config)
    assert (finding.where, finding.problem) == ("model-config:models", 'there is no model "serch"')
    assert finding.fix == 'did you mean "search"?'
    values = {"model-config:models": '["deep"]', "model-config:overrides": '{"search":{}}'}
    # An alias that KMS refuses is a finding once.
    _, findings = planned(
        models, StackConfig("dev", {"model-config:environment": "e" * 260, **values})
    )
    assert findings[0].problem == 'this stack has no model "search"'
    assert findings[0].fix == "add it to model-config:models, or remove its overrides"
    assert sum("the KMS key's alias" in finding.problem for finding in findings) == 1


def test_one_models_mistake_hides_no_other_models(models: Project) -> None:
    overrides = {
        "search": None,
        "deep": "not a map",
        "own": {"prompt": 5, "nothing": 1},
        "m" * 130: {"dimensions": 0},
        "serch": [],
    }
    values = {"model-config:overrides": json.dumps(overrides)}
    _, findings = planned(models, StackConfig("dev", values))
    places = [finding.where for finding in findings if "overrides" in finding.where]
    assert places == [
        "model-config:overrides.serch",
        "model-config:overrides.deep",
        f"model-config:overrides.{'m' * 130}.dimensions",
        "model-config:overrides.own.nothing",
        "model-config:overrides.own.prompt",
    ]


def test_a_single_finding_is_counted_as_one() -> None:
    finding = Finding("chat/text", "it is wrong", "make it right", "a limit", "models/chat.py", 3)
    assert str(InvalidConfigurationError([finding])) == (
        "1 finding:\n"
        "  chat/text (models/chat.py:3): it is wrong\n"
        "    why: a limit\n"
        "    fix: make it right"
    )


def test_an_error_shows_the_first_20_findings_of_each_model() -> None:
    findings = [Finding(f"chat/messages/{n}", "it is wrong", "correct it") for n in range(10_000)]
    other = Finding("search/dimensions", "it is wrong", "correct it")
    error = InvalidConfigurationError([*findings, other])
    assert len(error.findings) == 10_001
    text = str(error)
    assert text.startswith("10,001 findings")
    assert [text.count("chat/messages/"), text.count("search/dimensions")] == [20, 1]
    assert text.endswith("  chat: and 9,980 more")
