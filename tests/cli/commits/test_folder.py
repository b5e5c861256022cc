"""Every verb acts on the project of the folder that the user is in, or on the one it is told."""

import shutil
from pathlib import Path

import pytest

CHAT = "models/support_chat.py"


def other_chat(folder: Path) -> Path:
    """Give the chat model of a copy another value, to tell its answers from the first one's."""
    module = folder / CHAT
    module.write_text(module.read_text().replace("max_retries=2", "max_retries=9"))
    return folder


@pytest.fixture
def clone(project, git):
    git("clone", str(project), f"{project}-clone")
    return other_chat(Path(f"{project}-clone"))


@pytest.fixture
def nowhere(monkeypatch):
    """Neither a variable nor the current folder names a project."""
    monkeypatch.delenv("MODEL_CONFIG_PROJECT")
    monkeypatch.chdir("/")


@pytest.mark.usefixtures("nowhere")
def test_the_project_of_the_current_folder_is_meant(run, project, clone, git, monkeypatch):
    worktree, larger = Path(f"{project}-worktree"), Path(f"{project}-larger")
    git("worktree", "add", "-b", "other", str(worktree))
    shutil.copytree(project, larger / "ai", ignore=shutil.ignore_patterns(".git"))
    for command in (["init"], ["add", "-A"], ["commit", "-m", "All"]):
        git(*command, folder=larger)
    below = [clone / "models" / "shared", clone / "docs" / "deep"]
    for folder in below:
        folder.mkdir(parents=True)
    for place in (other_chat(worktree), other_chat(larger / "ai"), clone, *below):
        monkeypatch.chdir(place)
        assert "limits/max_retries: 2 → 9" in run("diff").out
    run("local", "deploy")
    assert "limits/max_retries\t9\n" in run("show", "support_chat", "--label", "latest").out
    assert (clone / ".local").is_dir()
    assert not (project / ".local").exists()


@pytest.mark.usefixtures("nowhere")
def test_a_project_elsewhere_can_be_named(run, project, clone, monkeypatch):
    here = run("digest", "support_chat", "--project", str(project)).out
    there = run("digest", "support_chat", "--project", str(clone)).out
    assert there != here
    monkeypatch.chdir(project)
    monkeypatch.setenv("MODEL_CONFIG_PROJECT", str(clone))
    assert run("digest", "support_chat").out == there
    assert run("digest", "support_chat", "--project", str(project)).out == here
    monkeypatch.chdir(project.parent)
    monkeypatch.setenv("MODEL_CONFIG_PROJECT", str(project))
    assert run("digest", "support_chat", "--project", clone.name).out == there


@pytest.mark.usefixtures("nowhere")
def test_without_a_project_the_error_names_init(run):
    verbs = "validate,digest,tree,diff,find-commit 0123abcd,drift,local deploy,local reset"
    for verb in [*verbs.split(","), "local serve"]:
        error = run(*verb.split(), code=2).err
        assert "/ is not in a project" in error, verb
        assert "`model-config init DIR --from SPEC`" in error
        assert "--project" in error


@pytest.mark.usefixtures("nowhere", "made_up_credentials")
def test_verbs_that_only_speak_to_aws_need_no_project(run, released, monkeypatch):
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    released({"n": 1}, label="stable")
    for verb in (
        "show chat", "export chat", "releases chat", "diff-releases chat 1 latest",
        "promote chat --label canary --new-label", "rollback chat --release 1", "history chat",
        "prune chat", "tree --deployed",
    ):  # fmt: skip
        run(*verb.split())
