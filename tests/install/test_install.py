"""The package as it is installed: what is in the wheel, and what a team makes with it.

All of it needs the package index and takes minutes, so it is not part of `make test`.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from support.project import CHECKOUT

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("install")


@pytest.fixture(scope="module")
def run(users_environment: dict[str, str], folder: Path) -> Run:
    """Run a command as on a machine where nothing is set; it has to end with that exit code."""

    def call(
        *command: str | Path, cwd: Path = folder, code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            command,
            cwd=cwd,
            env=users_environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended

    return call


@pytest.fixture(scope="module")
def wheel(run: Run, folder: Path) -> Path:
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "model_config", source / "model_config", ignore=ignored)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", "dist", source)
    (found,) = (folder / "dist").iterdir()
    return found


@pytest.fixture(scope="module")
def install(run: Run, folder: Path) -> Callable[[str, str], Path]:
    """Install something into an environment of its own, and return the folder of its programs."""

    def call(name: str, what: str) -> Path:
        run(sys.executable, "-m", "venv", name)
        programs = folder / name / "bin"
        pins = ("-c", CHECKOUT / "model_config" / "scaffold" / "template" / "constraints.txt")
        run(programs / "pip", "install", "--quiet", *pins, what)
        return programs

    return call


@pytest.fixture(scope="module")
def made(run: Run, folder: Path, wheel: Path, install: Callable[[str, str], Path]) -> Path:
    """A project that the installed package made, in a repository of its own."""
    programs = install("cli", f"{wheel}[cli]")
    run(programs / "model-config", "init", "acme", "--from", wheel)
    project = folder / "acme"
    run("git", "init", "--quiet", cwd=project)
    run("git", "add", ".", cwd=project)
    person = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    run("git", *person, "commit", "--quiet", "-m", "A new project", cwd=project)
    return project


@pytest.fixture(scope="module")
def used(run: Run, made: Path) -> Path:
    """The project after its two commands."""
    assert "1 new" in run("make", "local", cwd=made).stdout
    assert "4 passed" in run("make", "test", cwd=made).stdout
    return made


def files_in(folder: Path) -> Iterator[str]:
    for file in folder.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file.relative_to(folder.parent).as_posix()


def test_the_wheel_has_the_whole_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {name for name in names if not name.startswith("model_config-")}
    assert package == set(files_in(CHECKOUT / "model_config"))
    assert "model_config/py.typed" in package
    # The only models and prompts are those that a new project begins with.
    for name in package:
        assert not name.endswith(".md") or name.startswith("model_config/scaffold/")
        assert "/models/" not in name or name.startswith("model_config/scaffold/template/models/")


def test_a_plain_install_reads_and_names_the_extra_that_a_verb_needs(run, wheel, install):
    programs = install("plain", str(wheel))
    run(programs / "python", "-c", "from model_config import Reader; Reader('prod')")
    for command in (["model-config"], ["python", "-m", "model_config"]):
        said = run(programs / command[0], *command[1:], "validate", code=2).stderr
        assert said.count("\n") == 1
        assert "model-config[cli]" in said


def test_the_installed_package_writes_what_the_source_has(run, folder, made, wheel):
    ours = folder / "ours" / "acme"
    run(sys.executable, "-m", "model_config", "init", ours, "--from", wheel)
    written = run("git", "ls-files", cwd=made).stdout.split()
    assert sorted(f"acme/{path}" for path in written) == sorted(files_in(ours))
    for path in written:
        assert (made / path).read_bytes() == (ours / path).read_bytes(), path


def test_a_project_works_on_a_bare_machine_and_leaves_nothing_behind(run, used):
    run("make", "local", cwd=used)
    run("make", "test", cwd=used)
    assert run("git", "status", "--porcelain", cwd=used).stdout == ""


def test_a_projects_tests_stay_green_when_a_model_is_edited_and_go_red_when_it_is_wrong(
    run, folder, used
):
    project = shutil.copytree(used, folder / "edited", ignore=shutil.ignore_patterns(".venv"))
    module = project / "models" / "support_chat.py"
    module.write_text(module.read_text().replace("temperature=0.2", "temperature=0.9"))
    (project / "models" / "support_chat.md").write_text("Be {{kind}}.")
    pytest = (used / ".venv" / "bin" / "pytest", "-q", "-p", "no:cacheprovider")
    assert "4 passed" in run(*pytest, cwd=project).stdout

    module.write_text(module.read_text().replace("temperature=0.9", "temperature=9"))
    said = run(*pytest, cwd=project, code=1).stdout
    assert "4 failed" in said
    assert "support_chat/generation/temperature (models/support_chat.py:" in said


def test_every_version_that_a_project_installs_is_pinned(run, used):
    installed = run(".venv/bin/pip", "freeze", "--exclude", "model-config", cwd=used).stdout
    pinned = (used / "constraints.txt").read_text()
    assert set(installed.lower().replace("_", "-").split()) <= set(
        pinned.lower().replace("_", "-").split()
    )


GIT = "https://git.example.com/model-config"


@pytest.fixture
def from_commit(run: Run, folder: Path, used: Path) -> Path:
    """A project that takes the package from a commit, with an environment that make has made."""
    source = folder / "source"
    person = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for command in (["init", "--quiet"], ["add", "."], [*person, "commit", "-qm", "The package"]):
        run("git", *command, cwd=source)
    commit = run("git", "rev-parse", "HEAD", cwd=source).stdout.strip()
    project, spec = folder / "committed", f"model-config @ git+{GIT}@{commit}"
    said = run(folder / "cli" / "bin" / "model-config", "init", project, "--from", spec).stdout
    assert "make lock" in said
    (project / ".venv").symlink_to(used / ".venv")
    (project / ".venv" / "installed").touch()
    return project


def test_a_job_with_credentials_installs_by_hash_and_has_the_verbs(run, folder, from_commit):
    """A commit has no hash that pip could check: the job refuses it until its wheel is locked."""
    steps = yaml.safe_load((from_commit / ".github/actions/prepare/action.yml").read_text())[
        "runs"
    ]["steps"]
    (script,) = (
        step["run"] for step in steps if step.get("name", "").startswith("Install the command line")
    )
    python = folder / "python"  # what setup-python puts on PATH
    python.mkdir()
    (python / "python").symlink_to(sys.executable)
    script = f'PATH="{python}:$PATH"\n{script}'
    job, without_environment = folder / "job", shutil.ignore_patterns(".venv")
    shutil.copytree(from_commit, job, ignore=without_environment)
    assert "run make lock" in run("bash", "-ec", script, cwd=job, code=1).stdout
    assert not (job / ".venv").exists()

    mirror = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{(folder / 'source').as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": GIT,
    }
    run(
        "env", *(f"{key}={value}" for key, value in mirror.items()), "make", "lock", cwd=from_commit
    )
    shutil.rmtree(job)
    shutil.copytree(from_commit, job, ignore=without_environment)
    (locked,) = (job / "wheels").iterdir()
    lines = (job / ".github/requirements/package.txt").read_text().splitlines()
    digest = hashlib.sha256(locked.read_bytes()).hexdigest()
    assert lines[-1] == f"./wheels/{locked.name} --hash=sha256:{digest}"
    run("bash", "-ec", script, cwd=job)
    assert "No findings" in run(job / ".venv/bin/model-config", "validate", cwd=job).stdout
    said = run(job / ".venv/bin/model-config", "local", "deploy", cwd=job, code=2).stderr
    assert "model-config[local]" in said


def test_the_hook_refuses_a_commit_with_a_wrong_model(run, used, install):
    pre_commit = install("hooks", "pre-commit==4.6.0") / "pre-commit"
    assert "Passed" in run(pre_commit, "run", "--all-files", cwd=used).stdout
    module = used / "models" / "support_chat.py"
    right = module.read_text()
    module.write_text(right.replace("temperature=0.2", "temperature=3"))
    try:
        said = run(pre_commit, "run", "--all-files", cwd=used, code=1).stdout
    finally:
        module.write_text(right)
    assert "support_chat/generation/temperature" in said


def test_a_wheel_that_was_exchanged_is_not_installed(run, used, wheel):
    there = used / "wheels" / wheel.name
    dry = (".venv/bin/pip", "install", "--dry-run", "--no-deps", "-r")
    files = ("requirements.txt", ".github/requirements/package.txt")
    for file in files:
        run(*dry, file, cwd=used)
    there.write_bytes(wheel.read_bytes() + b"more")
    try:
        ended = [run(*dry, file, cwd=used, code=1).stderr for file in files]
    finally:
        shutil.copy(wheel, there)
    assert all("DO NOT MATCH THE HASHES" in said for said in ended)
