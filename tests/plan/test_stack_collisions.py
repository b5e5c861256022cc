"""Two stacks of a project that would make the same alias, reader policy or parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_config.format.errors import Finding
from model_config.plan.plan import plan_from_file
from model_config.plan.project import Project

ACCOUNT, OTHER = "111122223333", "444455556666"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/5a5a"


def stack(project: Path, name: str, account: str | None = ACCOUNT, **settings: str) -> None:
    lines = {"aws:region": "eu-west-1", **settings}
    if account:
        lines["aws:allowedAccountIds"] = f'["{account}"]'
    text = "".join(f"  {key}: {value}\n" for key, value in lines.items())
    (project / f"Pulumi.{name}.yaml").write_text(f"config:\n{text}")


def collisions(project: Path, name: str = "prod") -> list[Finding]:
    found = plan_from_file(Project(project), name).findings
    return [finding for finding in found if "Pulumi.team.yaml" in finding.problem]


@pytest.fixture(autouse=True)
def prod(project: Path) -> None:
    stack(project, "prod")


SHARES = {"model-config:environment": "prod", "model-config:kmsKeyArn": KEY}


def test_the_same_environment_of_the_same_account_is_refused(project: Path) -> None:
    stack(project, "team", **{"model-config:environment": "prod"})
    key, models = collisions(project)
    assert key.where == "model-config:environment"
    assert "alias/ai/prod" in key.problem
    assert models.where == "model-config:models"
    assert "document_embedding, passage_reranker, support_chat" in models.problem
    assert all(finding.file == "Pulumi.prod.yaml" for finding in (key, models))


def test_with_a_shared_key_and_other_models_they_share_an_environment(project: Path) -> None:
    stack(project, "team", **SHARES, **{"model-config:models": "[passage_reranker]"})
    own = {"model-config:models": "[support_chat]"}
    for key in ({"model-config:kmsKeyArn": KEY}, {}):  # one may have made the key that both use
        stack(project, "prod", **key, **own)
        assert collisions(project) == []


def test_a_model_of_both_is_named(project: Path) -> None:
    models = {"model-config:models": "[support_chat, passage_reranker]"}
    stack(project, "team", **SHARES, **models)
    (finding,) = collisions(project)
    assert "passage_reranker, support_chat" in finding.problem


def test_names_that_iam_and_kms_take_for_the_same_are_the_same(project: Path) -> None:
    stack(project, "prod", **{"model-config:environment": "Prod.eu"})
    # KMS has no dots in an alias, and IAM tells no case apart in a policy's name.
    stack(project, "team", **{"model-config:environment": "Prod-eu"})
    (finding,) = collisions(project)
    assert "alias/ai/Prod-eu" in finding.problem
    stack(project, "team", **{"model-config:environment": "prod.eu"})
    (finding,) = collisions(project)
    assert finding.where == "model-config:models"


@pytest.mark.parametrize(("own", "other"), [(None, None), (ACCOUNT, None), (None, OTHER)])
def test_a_stack_without_accounts_may_be_deployed_to_those_of_any_other(project, own, other):
    stack(project, "prod", own)
    stack(project, "team", other, **{"model-config:environment": "prod"})
    key, models = collisions(project)
    assert all("aws:allowedAccountIds of both" in finding.fix for finding in (key, models))


def test_another_account_region_or_environment_is_no_finding(project: Path) -> None:
    same = {"model-config:environment": "prod"}
    stack(project, "team", OTHER, **same)
    assert collisions(project) == []
    stack(project, "team", **same, **{"aws:region": "eu-central-1"})
    assert collisions(project) == []
    stack(project, "team")
    assert collisions(project) == []
    (project / "Pulumi.team.yaml").write_text("config: [")  # it can't be read
    assert collisions(project) == []
