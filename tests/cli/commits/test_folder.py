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


def worktree(project, git):
    git("worktree", "add", "-b", "other", f"{project}-worktree")
    return other_chat(Path(f"{project}-worktree"))


def second_clone(project, git):
    git("clone", str(project), f"{project}-clone")
    return other_chat(Path(f"{project}-clone"))


def subfolder(project, git):
    folder = other_chat(second_clone(project, git)) / "docs" / "deep"
    folder.mkdir(parents=True)
    return folder


def subfolder_of_models(project, git):
    folder = other_chat(second_clone(project, git)) / "models" / "shared"
    folder.mkdir()
    return folder


def in_a_larger_repository(project, git):
    shutil.copytree(project, f"{project}-larger/ai", ignore=shutil.ignore_patterns(".git"))
    larger = Path(f"{project}-larger")
    for command in (["init"], ["add", "-A"], ["commit", "-m", "All"]):
        git(*command, folder=larger)
    return other_chat(larger / "ai")


@pytest.fixture
def nowhere(monkeypatch):
    """Neither a variable nor the current folder names a project."""
    monkeypatch.delenv("MODEL_CONFIG_PROJECT")
    monkeypatch.chdir("/")


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    "place", [worktree, second_clone, subfolder, subfolder_of_models, in_a_larger_repository]
)
def test_the_project_of_the_current_folder_is_meant(run, project, git, monkeypatch, place):
    monkeypatch.chdir(place(project, git))
    changed = "limits/max_retries: 2 → 9"
    assert changed in run("diff").out
    run("local", "deploy")
    assert "limits/max_retries\t9\n" in run("show", "support_chat", "--label", "latest").out
    assert not (project / ".local").exists()


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("how", ["option", "relative option", "variable"])
def test_a_project_elsewhere_can_be_named(run, project, git, monkeypatch, how):
    there = second_clone(project, git)
    here = run("digest", "support_chat", "--project", str(project)).out
    arguments = {"option": ["--project", str(there)], "relative option": ["--project", there.name]}
    monkeypatch.chdir(there.parent if how == "relative option" else project)
    if how == "variable":
        monkeypatch.setenv("MODEL_CONFIG_PROJECT", str(there))
    assert run("digest", "support_chat", *arguments.get(how, [])).out != here


def test_an_option_goes_before_the_variable(run, project, git):
    there = second_clone(project, git)  # the fixture has set the variable
    assert run("digest", "--project", str(there)).out != run("digest").out


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    "verb",
    [
        ["validate"], ["digest"], ["tree"], ["diff"], ["find-commit", "0123abcd"], ["drift"],
        ["local", "deploy"], ["local", "reset"], ["local", "serve"],
    ],
)  # fmt: skip
def test_without_a_project_the_error_names_init(run, verb):
    error = run(*verb, code=2).err
    assert "/ is not in a project" in error
    assert "`model-config init`" in error
    assert "--project" in error


@pytest.mark.usefixtures("nowhere", "made_up_credentials")
@pytest.mark.parametrize(
    "verb",
    [
        ["show", "chat"], ["export", "chat"], ["releases", "chat"],
        ["diff-releases", "chat", "1", "latest"],
        ["promote", "chat", "--label", "canary", "--new-label"],
        ["rollback", "chat", "--release", "1"], ["history", "chat"], ["prune", "chat"],
        ["tree", "--deployed"],
    ],
)  # fmt: skip
def test_verbs_that_only_speak_to_aws_need_no_project(run, released, monkeypatch, verb):
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    released({"n": 1}, label="stable")
    run(*verb)
