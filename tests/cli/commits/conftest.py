"""A git repository of its own for each test: a team's, which holds the project alone."""

import compileall
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from support.project import CHECKOUT, PROJECT

from model_config import describe
from model_config.comparing import snapshot
from model_config.plan.project import Project

# A commit is described by these; the verbs run the checkout's code.
ROOMS = ("format", "plan", "schema")
_ASK = snapshot._ask


def git(folder: Path, *arguments: str) -> str:
    person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    done = subprocess.run(
        ["git", *person, "-c", "init.defaultBranch=main", *arguments],  # noqa: S607
        cwd=folder,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def first_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT.root, folder, ignore=ignored, dirs_exist_ok=True)
    (folder / ".gitignore").write_text("__pycache__/\n")
    git(folder, "init", "--template=")  # without its sample hooks
    git(folder, "add", "-A")
    git(folder, "commit", "-m", "The project")
    return folder


@pytest.fixture
def project(first_commit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with one commit, on which every verb works."""
    folder = tmp_path / "project"
    shutil.copytree(first_commit, folder)
    use(folder, monkeypatch)
    return folder


def use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_CONFIG_PROJECT", str(folder))
    monkeypatch.setenv("MODEL_CONFIG_LOCAL", "1")


@pytest.fixture
def work_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let the verbs work in another folder."""
    return lambda folder: use(folder, monkeypatch)


@pytest.fixture(name="git")
def _git(project: Path) -> Callable[..., str]:
    return lambda *arguments, folder=project: git(folder, *arguments)


@pytest.fixture
def commit(project: Path) -> Callable[..., str]:
    """Commit all that changed, and return the commit's id."""

    def call(message: str = "A change") -> str:
        git(project, "add", "-A")
        git(project, "commit", "-m", message)
        return git(project, "rev-parse", "HEAD")

    return call


@pytest.fixture(scope="session")
def compiled_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of the package that describes a commit, compiled as in a checkout in use."""
    package, ignored = tmp_path_factory.mktemp("package"), shutil.ignore_patterns("__pycache__")
    for room in ROOMS:
        shutil.copytree(CHECKOUT / "model_config" / room, package / room, ignore=ignored)
    for module in (CHECKOUT / "model_config").glob("*.py"):
        shutil.copy(module, package)
    compileall.compile_dir(package, quiet=2)
    return package


@pytest.fixture
def own_package(compiled_package: Path, project: Path, commit: Callable[..., str]) -> None:
    """Commit that part to the project, as the package's own repository has it."""
    shutil.copytree(compiled_package, project / "model_config")
    commit("The package")


@pytest.fixture(scope="session")
def _descriptions() -> dict[frozenset[tuple[str, bytes]], str]:
    """What was described, by the files that it is made of: most tests begin with the same."""
    return {}


@pytest.fixture(autouse=True)
def _described_in_this_process(
    _descriptions: dict[frozenset[tuple[str, bytes]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Describe a project without a package of its own here: a process takes a third of a second."""
    one_at_a_time = Lock()

    def ask(folder: Path, whose: str) -> Any:
        if (folder / "model_config").exists():
            return _ASK(folder, whose)
        files = [*folder.glob("Pulumi*"), *(folder / "models").rglob("*.*")]
        contents = frozenset(
            (str(file.relative_to(folder)), file.read_bytes()) for file in files if file.is_file()
        )
        with one_at_a_time:
            if contents not in _descriptions:
                _descriptions[contents] = json.dumps(describe.describe(Project(folder)))
        return json.loads(_descriptions[contents])

    monkeypatch.setattr(snapshot, "_ask", ask)


@pytest.fixture
def own_process(_described_in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder is described by a process, as the verbs have it."""
    monkeypatch.setattr(snapshot, "_ask", _ASK)


@pytest.fixture
def edit(project: Path) -> Callable[[str, str, str], None]:
    """Replace a text in a file of the project; it must be there."""

    def call(file: str, old: str, new: str) -> None:
        path = project / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return call
