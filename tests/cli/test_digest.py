"""`model-config digest`, from a checkout; and what a shell completes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from model_config.cli import options

COMMAND = Path(sys.executable).parent / "model-config"


def test_all_models_and_one(run):
    digests = run("digest", "--json").json
    assert list(digests) == ["document_embedding", "passage_reranker", "support_chat"]
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in digests.values())
    assert run("digest", "support_chat").out.strip() == digests["support_chat"]
    assert run("digest").out.splitlines()[2] == f"support_chat\t{digests['support_chat']}"


def test_an_unknown_model_is_refused(run):
    assert 'did you mean "support_chat"?' in run("digest", "suport_chat", code=2).err


def test_no_digest_of_what_would_not_be_deployed(run, project: Path):
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("temperature: 0.7", "temperature: 7"))
    said = run("digest", code=2)
    assert said.out == ""
    assert "overrides.support_chat.generation.temperature" in said.err


@pytest.mark.usefixtures("project")
def test_environments_are_completed_from_the_stack_files():
    assert options.complete_environment() == ["dev", "prod"]


def test_a_shell_completes_a_command_line_with_the_command_itself():
    asked = {
        "_MODEL_CONFIG_COMPLETE": "complete_bash",
        "COMP_WORDS": "model-config tree -e p",
        "COMP_CWORD": "3",
    }
    said = subprocess.run(
        [COMMAND], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert said.stdout.split() == ["prod"]
