"""Who describes a commit: its own package, or what is installed."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from model_config.comparing.snapshot import RELEVANT


def changes(said):
    return {
        (each["environment"], each["model"], change["change"], change["path"])
        for each in said.json["differences"]
        for change in each["changes"]
    }


@pytest.mark.usefixtures("own_package")
def test_a_function_that_is_renamed_since_is_no_hindrance(run, edit, commit):
    edit("model_config/plan/plan.py", "def plan_stack(", "def plan_all(")
    edit("model_config/describe.py", "plan_stack", "plan_all")
    edit("models/support_chat.py", "max_retries=2", "max_retries=3")
    commit()
    assert {each[1:] for each in changes(run("diff", "HEAD~1", "--json"))} == {
        ("support_chat", "changed", "limits/max_retries")
    }


@pytest.mark.usefixtures("own_package")
def test_a_commit_from_before_the_contract_is_refused_in_plain_words(run, project, commit, git):
    (project / "model_config" / "describe.py").unlink()
    old = commit()
    git("checkout", "HEAD~1", "--", ".")
    error = run("diff", old, code=2).err
    assert f"commit {old[:9]} has a model-config from before commits could be compared" in error
    assert "Name a newer commit" in error


@pytest.mark.usefixtures("own_package")
def test_two_commits_that_speak_different_formats_are_not_compared(run, edit, commit):
    edit("model_config/describe.py", "FORMAT = 2", "FORMAT = 3")
    newer = commit()
    error = run("diff", newer, code=2).err
    assert f"commit {newer[:9]} describes itself in format 3" in error
    assert "reads format 2" in error


@pytest.mark.usefixtures("own_package")
def test_a_description_that_is_cut_short_is_an_error_and_no_traceback(run, edit):
    edit("model_config/describe.py", "json.dump(describe(Project(folder)), output)", "pass")
    assert "the code of the working tree" in run("diff", code=2).err


def test_the_installed_package_describes_it(run, edit, commit):
    edit("models/support_chat.py", "max_retries=2", "max_retries=3")
    commit()
    said = run("diff", "HEAD~1", "HEAD", "--json")
    assert {each[1:] for each in changes(said)} == {
        ("support_chat", "changed", "limits/max_retries")
    }
    assert said.json["notes"] == []


def test_a_folder_that_only_has_the_package_s_name_is_not_the_package(run, project):
    (project / "model_config").mkdir()
    (project / "model_config" / "notes.md").write_text("How we configure models.\n")
    assert "no difference" in run("diff").out


def test_a_commit_that_pins_another_version_is_named(run, project, commit):
    (project / "requirements.txt").write_text("model-config[deploy]==9.9.9\n")
    commit()
    (project / "requirements.txt").write_text("# installed by hand\n")
    (note, *_) = run("diff", "HEAD", "--json").json["notes"]
    assert note.startswith("HEAD (")
    assert "pins model-config 9.9.9" in note
    assert f"the installed {version('model-config')}" in note


def test_find_commit_looks_at_models_stack_files_and_the_pin(run, project, commit, git):
    wanted = run("digest", "support_chat").out.strip()
    touched = [
        commit_with(project, commit, name)
        for name in ("models/_shared.py", "Pulumi.qa.yaml", "requirements.txt")
    ]
    for name in ("README.md", "docs/models.md", "__main__.py"):
        commit_with(project, commit, name)
    rows = run("find-commit", wanted, "-e", "dev", "--json").json
    assert [row["commit"] for row in rows] == [*reversed(touched), *rows_before(git, touched)]


def commit_with(project, commit, name):
    file = project / name
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as text:
        text.write("# more\n")
    return commit(name)


def rows_before(git, touched):
    return git("log", "--format=%H", f"{touched[0]}~1", "--", *RELEVANT).split()


@pytest.mark.usefixtures("own_package")
def test_of_this_package_only_rooms_that_describe_a_commit_count(run, project, commit):
    wanted = run("digest", "support_chat").out.strip()
    planned = commit_with(project, commit, "model_config/plan/plan.py")
    commit_with(project, commit, "model_config/cli/app.py")
    newest, *_ = run("find-commit", wanted, "-e", "dev", "--json").json
    assert newest["commit"] == planned


def test_a_room_that_describes_a_project_is_one_that_counts():
    program = (
        "import json, sys; import model_config.describe;"
        "print(json.dumps([n for n in sys.modules if hasattr(sys.modules[n], '__path__')]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    rooms = {name.replace(".", "/") for name in json.loads(done.stdout)}
    assert {name for name in rooms if name.startswith("model_config/")} <= set(RELEVANT)
