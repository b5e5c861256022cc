"""`pulumi new` with the folder that `model-config init` copies."""

import shutil
import subprocess
import sys

import pytest
import yaml
from support.project import CHECKOUT

from model_config.scaffold.project import project_files, source

if shutil.which("pulumi") is None:
    reason = "no `pulumi` CLI on PATH: https://www.pulumi.com/docs/install/"
    pytest.skip(reason, allow_module_level=True)

TEMPLATE = CHECKOUT / "model_config" / "scaffold" / "template"


@pytest.fixture
def made(new_stack):
    """A project that `pulumi new` made, and its dev stack."""
    before = new_stack("dev")
    project = before.folder / "acme"
    names = ("--name", "acme", "--description", "AI model configurations")
    subprocess.run(
        ["pulumi", "new", TEMPLATE, "--dir", project, *names, "--generate-only", "--yes"],  # noqa: S607
        env=before.environment,
        check=True,
        timeout=60,
    )
    return before, project


def test_it_writes_what_init_writes(made):
    _, project = made
    written = {
        file.relative_to(project).as_posix(): file.read_bytes()
        for file in project.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    commit = f"model-config @ git+https://git.example.com/model-config@{'0a' * 20}"
    expected = project_files("acme", "chat", source(commit, None), None)
    own = {"Pulumi.yaml", "requirements.txt"}
    for name in own:
        assert written[name] != expected[name]
    assert {**written, **dict.fromkeys(own)} == {**expected, **dict.fromkeys(own)}
    settings = yaml.safe_load(written["Pulumi.yaml"])
    assert settings["name"] == "acme"
    assert "template" not in settings


def test_what_it_writes_is_planned_whole(made):
    before, project = made
    (project / ".venv").symlink_to(sys.prefix)
    stack = before.beside(project)
    stack.set_secret("model-config:supportChatApiKey", "sk-e2e-new-51c0")
    planned = stack.plan()
    assert set(planned.values()) == {"create"}
    assert "support_chat/release" in planned
