"""A key of a stack's file that would be passed over, and what it names in AWS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.project import write_model

from model_config.format.errors import Finding
from model_config.plan.aws import REGIONS
from model_config.plan.plan import plan_stack
from model_config.plan.project import Project, StackConfig
from model_config.plan.registry import read_modules


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_model(Project(tmp_path), "chat", "text: str = 'x'; count: int = 1; on: bool = True")
    return Project(tmp_path)


def findings(project: Project, *secret_keys: str, **values: str) -> list[Finding]:
    given = {key.replace("__", ":"): value for key, value in values.items()}
    config = StackConfig("dev", given, frozenset(secret_keys), "my-models")
    return list(plan_stack(read_modules(project), config).findings)


# Namespaces


NEAR = (
    "model-confg", "model_config", "modelconfig", "Model-Config", "models-config",
    "model-configs", "model-conf", "mode-config", "model.config",
)  # fmt: skip
FAR = ("aws", "aws-native", "my-models", "llm-config", "ml-config", "config", "model", "pulumi")


def test_a_misspelled_namespace_is_found_and_another_left_alone(project: Project) -> None:
    for namespace in NEAR:
        key = f"{namespace}:overrides"
        for found in (findings(project, **{key: "{}"}), findings(project, key)):
            (finding,) = found
            assert (finding.where, finding.file) == (key, "Pulumi.dev.yaml")
            assert finding.fix == "write model-config:overrides"
    for namespace in FAR:
        assert findings(project, **{f"{namespace}:something": "x"}) == [], namespace
    # The project's own namespace is no misspelling.
    config = StackConfig("dev", {"ai-model-config:size": "x"}, project="ai-model-config")
    assert plan_stack(read_modules(project), config).findings == ()


def test_a_setting_under_the_projects_namespace_is_found(project: Project) -> None:
    # `pulumi config set protect true` writes my-models:protect, and nothing would be protected.
    for key in ("protect", "overrides", "keyDeletionWindowDays", "model-config"):
        # Even where the setting has another value under its own namespace.
        for own in ({}, {"model-config:protect": "false"}):
            (finding,) = findings(project, **{f"my-models:{key}": "true", **own})
            assert finding.where == f"my-models:{key}"
            assert "the project's, so it has no effect" in finding.problem
            assert finding.fix.startswith("write model-config:")


# Numbers and booleans, as `pulumi config set` writes them


def test_a_number_or_boolean_in_quotation_marks_is_one(project: Project) -> None:
    overrides = {"chat": {"count": "7", "on": "false"}}
    values = {
        "model-config:keyDeletionWindowDays": "7",
        "model-config:protect": "false",
        "model-config:overrides": json.dumps(overrides),
    }
    plan = plan_stack(read_modules(project), StackConfig("dev", values))
    assert plan.findings == ()
    assert plan.models[0].config.model_dump() == {"text": "x", "count": 7, "on": False}
    assert (plan.settings.key_deletion_window_days, plan.settings.protect) == (7, False)


# Regions


def test_a_region_that_there_is_is_no_finding(project: Project) -> None:
    modules = read_modules(project)
    for region in (*REGIONS, ""):
        config = StackConfig("dev", {"aws:region": region}, project="my-models")
        assert plan_stack(modules, config).findings == (), region
    # One that is not public yet can be allowed.
    given = {"aws:region": "eu-west-9", "aws:skipRegionValidation": "true"}
    assert findings(project, **given) == []


@pytest.mark.parametrize(
    ("region", "fix"),
    [
        ("eu-wset-1", '"eu-west-1"'),
        ("eu-west-9", '"eu-west-'),
        ("EU-WEST-1", '"eu-west-1"'),
        ("eu-west-1a", '"eu-west-1"'),
        ("Ireland", "aws:skipRegionValidation"),
    ],
)
def test_an_unknown_region_is_found(project: Project, region: str, fix: str) -> None:
    (finding,) = findings(project, aws__region=region)
    assert finding.where == "aws:region"
    assert f'"{region}"' in finding.problem
    assert fix in finding.fix


# Files with the wrong ending


def test_a_file_that_pulumi_does_not_read_is_found_though_the_engine_gives_no_hint(project):
    (project.root / "Pulumi.dev.yml").touch()
    (finding,) = findings(project)
    assert finding.where == "Pulumi.dev.yml"
    assert "Pulumi ignores it" in finding.problem
