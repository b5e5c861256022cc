"""Who describes a commit: its own package, or what is installed."""

import json
import shutil
import tempfile
from importlib.metadata import version

import pytest

from model_config.comparing.snapshot import RELEVANT, of_working_tree
from model_config.plan.project import Project

CHAT = "models/support_chat.py"


def changes(said, environment="dev"):
    return [
        (each["model"], change["change"], change["path"])
        for each in said.json["differences"]
        for change in each["changes"]
        if each["environment"] == environment
    ]


@pytest.mark.usefixtures("own_package")
def test_each_commit_is_described_by_its_own_code(run, edit, commit, monkeypatch):
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # the current folder is not on the path
    edit("model_config/plan/plan.py", "def plan_stack(", "def plan_all(")
    edit("model_config/describe.py", "plan_stack", "plan_all")
    edit("model_config/schema/shipped.py", "    provider: Text\n", "    vendor: Text\n")
    edit("models/document_embedding.py", "provider=", "vendor=")
    edit(CHAT, "provider=", "vendor=")
    commit()
    said = run("diff", "HEAD~1", "HEAD", "--json")
    moved = [("removed", "provider"), ("added", "vendor")]
    assert changes(said) == [
        (model, *change) for model in ("document_embedding", "support_chat") for change in moved
    ]


@pytest.mark.usefixtures("own_package")
def test_the_working_trees_own_code_leaves_no_bytecode_there(project, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    for folder in project.rglob("__pycache__"):
        shutil.rmtree(folder)
    of_working_tree(Project(project))
    assert not [*project.rglob("__pycache__")]


@pytest.mark.usefixtures("own_package")
def test_a_module_may_import_what_the_users_own_path_has(tmp_path, run, project, monkeypatch):
    (tmp_path / "prices.py").write_text("TOP_P = 0.9\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file = project / CHAT
    changed = file.read_text().replace("top_p=0.95", "top_p=TOP_P")
    file.write_text(f"from prices import TOP_P\n{changed}")
    assert changes(run("diff", "--json")) == [("support_chat", "changed", "generation/top_p")]


FAULTS = [
    ("describe.py", "FORMAT = 2", "FORMAT = 3",
     "{} describes itself in format 3, and this model-config reads format 2"),
    ("describe.py", "json.dump(describe(Project(folder)), output)", "pass",
     "the code of {} fails, so its configuration is unknown: its output is incomplete"),
    ("describe.py", None, None,
     "{} has a model-config from before commits could be compared: it lacks"),
]  # fmt: skip


@pytest.mark.usefixtures("own_package")
def test_a_commit_that_cannot_be_described_is_refused_in_plain_words(run, project, commit):
    for name, old, new, problem in FAULTS:
        file = project / "model_config" / name
        intact = file.read_text()
        file.unlink()
        if old:
            assert old in intact
            file.write_text(intact.replace(old, new))
        faulty = commit()
        said = run("diff", faulty, "--environments", "dev", "prod", code=2)
        assert problem.format(f"commit {faulty[:9]}") in said.err
        assert "Traceback" not in said.err
        file.write_text(intact)


NOTES_PACKAGES = """
import json, pathlib, sys
packages = [name for name, module in sys.modules.items() if hasattr(module, "__path__")]
pathlib.Path("{}", "packages").write_text(json.dumps(packages))
"""


@pytest.mark.usefixtures("own_process")
def test_the_installed_package_describes_a_project_and_leaves_nothing_behind(
    run, project, edit, git, monkeypatch
):
    (project / "model_config").mkdir()  # it has only the package's name
    (project / "model_config" / "notes.md").write_text("How we configure models.\n")
    edit(CHAT, "max_retries=2", "max_retries=3")
    edit(CHAT, "MODEL = ", f"print('{{')\n{NOTES_PACKAGES.format(project.parent)}MODEL = ")
    temporary = project.parent / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    index = (project / ".git" / "index").read_bytes()
    said = run("diff", "--json")
    assert changes(said) == [("support_chat", "changed", "limits/max_retries")]
    assert list(temporary.iterdir()) == []
    assert (project / ".git" / "index").read_bytes() == index
    assert git("worktree", "list").count("\n") == 0
    # A room that describes a project is one whose changes count.
    packages = json.loads((project.parent / "packages").read_text())
    rooms = {name.replace(".", "/") for name in packages if name.startswith("model_config.")}
    assert "model_config/plan" in rooms
    assert rooms <= set(RELEVANT)


def test_a_commit_that_pins_another_version_is_named(run, project, commit):
    (project / "requirements.txt").write_text("model-config[deploy]==9.9.9\n")
    commit()
    (project / "requirements.txt").write_text("# installed by hand\n")
    (note, *_) = run("diff", "HEAD", "--json").json["notes"]
    assert note.startswith("HEAD (")
    assert "pins model-config 9.9.9" in note
    assert f"the installed {version('model-config')}" in note


def commit_with(project, commit, name):
    file = project / name
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as text:
        text.write("# more\n")
    return commit(name)


def test_find_commit_looks_at_models_stack_files_and_the_pin(run, project, commit, git):
    wanted, first = run("digest", "support_chat").out.strip(), git("rev-parse", "HEAD")
    names = ("models/_shared.py", "README.md", "Pulumi.qa.yaml", "__main__.py", "requirements.txt")
    commits = [commit_with(project, commit, name) for name in names]
    rows = run("find-commit", wanted, "-e", "dev", "--json").json
    assert [row["commit"] for row in rows] == [*commits[::-2], first]


@pytest.mark.usefixtures("own_package")
def test_of_this_package_rooms_that_describe_count_and_a_commit_that_fails_is_left_out(
    run, project, commit
):
    wanted = run("digest", "support_chat").out.strip()
    (project / "model_config" / "schema" / "texts.py").write_text("import nowhere")
    broken = commit()
    commit_with(project, commit, "model_config/cli/app.py")
    said = run("find-commit", wanted, "-e", "dev", "--all", "--json")
    assert [row["subject"] for row in said.json] == ["The package", "The project"]
    assert said.err.count("Left out: ") == 1
    assert (
        f"Left out: the code of commit {broken[:9]} fails, so its configuration is unknown: "
        "ModuleNotFoundError: No module named 'nowhere'"
    ) in said.err
