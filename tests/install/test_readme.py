"""README's ten minutes, run as they stand on a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model_config.plan.project import Project

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text("utf-8")
MINUTES = README.partition("## Ten minutes")[2].partition("## How it works")[0]
COMMANDS = re.findall(r"```sh\n(.*?)```", MINUTES, re.DOTALL)
(APPLICATION,) = re.findall(r"```python\n(.*?)```", MINUTES, re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout as README finds it, after make has installed what it needs."""
    shutil.copytree(CHECKOUT / "models", tmp_path / "models")
    for file in (*CHECKOUT.glob("Pulumi*.yaml"), CHECKOUT / "__main__.py"):
        shutil.copy(file, tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    # The target runs the same verb; that make runs it is tested by .ci/run.
    (tmp_path / "Makefile").write_text("local:\n\t.venv/bin/model-config local deploy\ntest:\n")
    return tmp_path


def test_the_ten_minutes_end_with_a_value_in_an_application(
    checkout: Path, users_environment: dict[str, str]
) -> None:
    if not Project(CHECKOUT).module("support_chat").is_file():
        pytest.skip("the shipped models were replaced")
    (checkout / "app.py").write_text(APPLICATION)
    stack = checkout / "Pulumi.dev.yaml"
    first, promote, read, rest = COMMANDS
    before = run(checkout, users_environment, first + promote + read)
    assert "release 1 temperature 0.7\n" in before
    assert "sk-" not in before.rpartition("release 1")[2]

    stack.write_text(stack.read_text("utf-8").replace("temperature: 0.7", "temperature: 0.9"))
    # MODEL_CONFIG_LOCAL is still set in the user's shell.
    after = run(checkout, {**users_environment, "MODEL_CONFIG_LOCAL": "1"}, rest)
    promised = re.findall(r"app\.py +# (.*)", rest)
    assert re.findall(r"^release .*", after, re.MULTILINE) == promised
    assert "answers too long" in after


def run(folder: Path, environment: dict[str, str], script: str) -> str:
    ended = subprocess.run(
        ["/bin/sh", "-e", "-c", script],
        cwd=folder,
        env={**environment, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
