"""What every test gets: an environment without a developer's own settings, and a project."""

import os
import shutil
from pathlib import Path

import hypothesis
import pytest

# The same examples in every run: a change turns a test red, and never the dice.
hypothesis.settings.register_profile("suite", derandomize=True)
hypothesis.settings.load_profile("suite")

pytest_plugins = ["support.speed", "support.aws"]

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


@pytest.fixture(scope="session")
def users_environment() -> dict[str, str]:
    """The environment of a command on a machine where nothing is set: `env -i`."""
    return dict(_USER)


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tests' project, which a test may edit; every verb works on it."""
    copy = tmp_path_factory.mktemp("copy") / "project"
    source = Path(__file__).parent / "project"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("MODEL_CONFIG_PROJECT", str(copy))
    return copy
