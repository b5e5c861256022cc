"""`model-config status`: models by environments, in few requests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.project import write_model

from model_config.plan.project import Project

SECRET = "sk-not-to-be-seen"


@pytest.fixture
def model(project: Path) -> None:
    """One model, and the environments dev and prod."""
    for file in (project / "models").glob("*.py"):
        file.unlink()
    for stack in ("dev", "prod"):
        (project / f"Pulumi.{stack}.yaml").write_text("config:\n  aws:region: eu-west-1\n")
    write_model(
        Project(project), "chat", 'temperature: float = 0.5; api_key: SecretRef = SecretRef("key")'
    )


@pytest.fixture
def two_releases(released: Any) -> None:
    released({"temperature": 0.4}, {"api_key": SECRET}, label="stable")
    released({"temperature": 0.5}, {"api_key": SECRET})


def row(out: str, environment: str = "dev") -> list[str]:
    return next(line for line in out.splitlines() if line.startswith(f"{environment}\t")).split(
        "\t"
    )


def chat_in_dev(run: Any) -> dict[str, Any]:
    (told,) = run("status", "-e", "dev", "--json").json[0]["models"]
    return dict(told)


@pytest.mark.usefixtures("model", "two_releases")
def test_a_row_tells_the_newest_release_the_labels_and_when_it_was_deployed(
    run: Any, released: Any, requests_to: Any
) -> None:
    requests_to.clear()
    said = run("status").out
    environment, name, newest, labels, rollout, deployed, _ = row(said)
    assert (environment, name, newest, labels, rollout) == ("dev", "chat", "2", "stable 1", "")
    assert deployed.startswith("20")
    assert row(said, "prod")[2] == "none"
    assert SECRET not in said
    assert not [name for _, names in requests_to for name in names if "/secrets/" in name]

    for name in ("theirs", "theirs_too"):
        released(model=name)
    released(document="{")
    said = run("status", "-e", "dev").out
    assert "prod" not in said
    assert "dev: not in this stack's plan: theirs, theirs_too." in said.splitlines()
    newest = chat_in_dev(run)["newest"]
    assert newest["release"] == 3
    assert "not valid JSON" in newest["problem"]


@pytest.mark.usefixtures("model")
def test_protected_environments_come_last_unless_they_are_named_in_order(
    run: Any, project: Path
) -> None:
    (project / "Pulumi.prod.yaml").write_text("config:\n  model-config:protect: true\n")
    (project / "Pulumi.staging.yaml").write_text("config: {}\n")

    def order(*options: str) -> list[str]:
        return [each["environment"] for each in run("status", *options, "--json").json]

    assert order() == ["dev", "staging", "prod"]
    assert order("-e", "prod", "-e", "dev") == ["prod", "dev"]


@pytest.mark.usefixtures("model", "two_releases")
def test_a_rollout_a_held_label_and_an_interrupted_promotion_are_told(
    run: Any, ssm: Any, released: Any
) -> None:
    run("rollout", "start", "chat", "--steps", "25,100", "--every", "1h")
    assert row(run("status").out)[4] == "release 2: 25 % of stable, running"
    assert chat_in_dev(run)["rollout"] == {
        "label": "stable", "release": 2, "from": 1, "percent": 25, "phase": "running",
    }  # fmt: skip

    run("rollback", "chat", "--release", "1")
    released({"temperature": 0.6}, {"api_key": SECRET}, label="canary")
    assert row(run("status").out)[3] == "canary 3, stable 1 (held), stable-previous 1"
    told = chat_in_dev(run)
    assert (told["labels"]["canary"], told["held"], told["interrupted"]) == (3, ["stable"], None)

    ssm.put_parameter(
        Name="/ai/dev/chat/rollout",
        Value='{"format":1,"moved":{"label":"stable","release":1,"from":null,"held":false}}',
        Type="String",
        Overwrite=True,
    )
    labels = "canary 3, stable 1 (promotion interrupted), stable-previous 1"
    assert row(run("status").out)[3] == labels
    told = chat_in_dev(run)
    assert (told["held"], told["interrupted"]) == ([], "stable")


@pytest.mark.usefixtures("model")
def test_what_differs_from_the_program_is_counted(
    run: Any, ssm: Any, released: Any, project: Path
) -> None:
    module = project / "models" / "chat.py"  # its class is the one of the releases
    module.write_text(module.read_text().replace("Own", "ChatModel"))
    assert row(run("status").out)[6] == "2 not deployed"  # the value and the secret
    ssm.put_parameter(Name="/ai/dev/chat/stray", Value="?", Type="SecureString")
    released({"temperature": 0.5}, {"api_key": SECRET})
    assert row(run("status").out)[6] == "1 edited, 1 unmanaged"
    assert chat_in_dev(run)["drift"] == {"edited": 1, "unmanaged": 1}
    # Every value is read, whenever it was written.
    ssm.put_parameter(Name="/ai/dev/chat/temperature", Value="0.5", Type="SecureString")
    released({"temperature": 0.5}, {"api_key": SECRET})
    assert chat_in_dev(run)["drift"] == {"unmanaged": 1}
    ssm.put_parameter(
        Name="/ai/dev/chat/temperature", Value="0.7", Type="SecureString", Overwrite=True
    )
    released({"temperature": 0.5}, {"api_key": SECRET})
    assert chat_in_dev(run)["drift"] == {"edited": 1, "unmanaged": 1}


@pytest.mark.usefixtures("two_releases")
def test_a_project_that_is_broken_still_shows_what_is_deployed(run: Any, project: Path) -> None:
    (project / "models" / "chat.py").write_text("MODEL = nothing")
    said = run("status", "-e", "dev", code=2)
    assert row(said.out)[:3] == ["dev", "chat", "2"]
    assert row(said.out)[6] == "unknown"
    assert "nothing" in said.err


def test_without_a_project_an_environment_is_named(
    run: Any, elsewhere: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere()
    monkeypatch.delenv("MODEL_CONFIG_PROJECT")
    monkeypatch.chdir(tmp_path)
    assert "name an environment" in run("status", code=2).err
    assert row(run("status", "-e", "dev").out)[:3] == ["dev", "chat", "1"]


@pytest.mark.usefixtures("ssm")
def test_an_environment_that_is_not_there_is_refused_with_the_nearest(run: Any) -> None:
    assert 'did you mean "prod"' in run("status", "-e", "prdo", code=2).err


@pytest.mark.usefixtures("model")
def test_eleven_models_take_a_request_each_and_a_few_for_ten(
    run: Any, project: Path, released: Any, requests_to: Any
) -> None:
    (project / "models" / "chat.py").unlink()
    for number in range(11):
        write_model(Project(project), f"m{number}", "temperature: float = 0.5")
        for label in ("stable", None):
            released({"temperature": 0.5}, model=f"m{number}", label=label)
    requests_to.clear()
    run("status", "-e", "dev")
    asked = Counter(operation for operation, _ in requests_to)
    del asked["DescribeParameters"]  # moto lists ten at a time, AWS fifty
    assert asked == {"GetParameterHistory": 11, "GetParameters": 6}
