"""What every test gets: an environment without a developer's own settings, and a project."""

import os
import shutil
import sys
import time
from importlib import import_module
from pathlib import Path

import hypothesis
import pytest

from model_config.plan.project import Project

# The same examples in every run: a change turns a test red, and never the dice, nor other load.
hypothesis.settings.register_profile(
    "suite",
    derandomize=True,
    max_examples=50,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    # The process that hands the tests out to others runs none, and starts sooner without these.
    if hasattr(config, "workerinput") or not config.option.numprocesses:
        import_module("model_config.local")  # first, as it keeps moto from importing its EC2
        for name in ("support.speed", "support.aws"):
            config.pluginmanager.import_plugin(name)


_FOREIGN = ("AWS_", "PULUMI_", "MODEL_CONFIG_", "MOTO_", "HTTP_", "HTTPS_", "ALL_PROXY", "NO_PROXY")


def _is_foreign(name: str) -> bool:
    return name.upper().startswith(_FOREIGN)


# What a user's machine has, and how it reaches the package index.
_REACHES = ("HOME", "PATH", "PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_USER = {name: value for name, value in os.environ.items() if name.upper().startswith(_REACHES)}

# Some of Pulumi's variables are read when it is imported, so they go before any test is.
for _name in list(filter(_is_foreign, os.environ)):
    del os.environ[_name]


@pytest.fixture(autouse=True)
def _no_foreign_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a developer's shell has set, a test sees none of it and no real account."""
    for name in filter(_is_foreign, list(os.environ)):
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)
    # As without the extra `crt`: moto answers boto3 alone. The fixture `runtime` brings it back.
    monkeypatch.setitem(sys.modules, "model_config.reader.crt", None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Wait for the report of each attempt that has ended: it would be logged into the next test."""
    readers = getattr(sys.modules.get("model_config.reader.reader"), "_READERS", ())
    for attempts in [reader._attempts for reader in list(readers)]:
        ends = time.monotonic() + 10
        while any(it.has_ended and not it.hangs for it in list(attempts._running)):
            if time.monotonic() > ends:
                break
            time.sleep(0.001)


@pytest.fixture(scope="session")
def users_environment() -> dict[str, str]:
    """The environment of a command on a machine where nothing is set: `env -i`."""
    return dict(_USER)


@pytest.fixture(scope="session")
def _files() -> dict[Path, bytes]:
    source = Path(__file__).parent / "project"
    files = [file for file in source.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    return {file.relative_to(source): file.read_bytes() for file in files}


def _write(files: dict[Path, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def project(
    _files: dict[Path, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A copy of the tests' project, which a test may edit; every verb works on it."""
    copy = _write(_files, tmp_path_factory.mktemp("copy") / "project")
    monkeypatch.setenv("MODEL_CONFIG_PROJECT", str(copy))
    return copy


@pytest.fixture(scope="session")
def _first_state(_files: dict[Path, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from model_config.local.deploy import deployed  # noqa: PLC0415 - see pytest_configure

    project = Project(_write(_files, tmp_path_factory.mktemp("deployed") / "project"))
    with deployed(project, "dev"):
        pass
    return project.root / ".local"


@pytest.fixture
def first_deploy(project: Path, _first_state: Path) -> None:
    """What the first local deploy, to dev, leaves of the project as it is."""
    shutil.copytree(_first_state, project / ".local")
