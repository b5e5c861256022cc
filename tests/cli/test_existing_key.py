"""An environment under an existing key: the verbs look for that one, and for no alias."""

from pathlib import Path

import pytest

SHARED = "arn:aws:kms:eu-west-1:111122223333:key/5a5a"


@pytest.fixture
def shared_key(run, project: Path) -> None:
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write(f"  model-config:kmsKeyArn: {SHARED}\n")
    run("local", "deploy")


@pytest.mark.usefixtures("shared_key")
def test_drift_compares_with_that_key(run):
    said = run("drift", "--local", "--exit-code")
    assert said.err == ""
    assert SHARED not in said.out
