"""Which model-config a project pins, and whether that is the one that is installed."""

import json
from importlib.metadata import Distribution

import pytest

from model_config.comparing.snapshot import Pin, is_installed, pinned

SHA, OTHER = "a" * 64, "b" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("requirements", "pin"),
    [
        ("model-config==1.2.0", Pin("1.2.0")),
        ("boto3==1\nModel_Config[deploy,cli] == 1.2.0 ; python_version > '3.11'", Pin("1.2.0")),
        (
            f"model-config[deploy] @ git+https://git@example.com/ai/model-config.git@{COMMIT}",
            Pin(revision=COMMIT),
        ),
        ("model-config @ git+ssh://git@example.com/mc@v1.2#egg=x", Pin(revision="v1.2")),
        ("./wheels/model_config-1.2.0-py3-none-any.whl[deploy]", Pin("1.2.0")),
        (
            f"./wheels/model_config-1.2.0-py3-none-any.whl \\\n    --hash=sha256:{SHA}\n",
            Pin("1.2.0", sha256=SHA),
        ),
        ("model-config>=1.0", None),
        ("# model-config==1.2.0\n# ./model_config-1.2.0-py3-none-any.whl", None),
        ("my-model-config==2", None),
        ("model-config @ git+https://git@example.com/mc.git", None),
        ("", None),
    ],
)
def test_a_pin_is_a_version_a_git_revision_or_a_wheel(requirements, pin):
    assert pinned(requirements) == pin


@pytest.fixture
def installed(tmp_path):
    def make(version="1.2.0", **origin):
        (tmp_path / "METADATA").write_text(f"Name: model-config\nVersion: {version}\n")
        if origin:
            (tmp_path / "direct_url.json").write_text(json.dumps(origin))
        return Distribution.at(tmp_path)

    return make


@pytest.mark.parametrize(
    ("pin", "origin", "same"),
    [
        (Pin("1.2.0"), {}, True),
        (Pin("1.2.1"), {}, False),
        (Pin(revision=COMMIT), {"vcs_info": {"commit_id": COMMIT}}, True),
        (Pin(revision=COMMIT[:9]), {"vcs_info": {"commit_id": COMMIT}}, True),
        (Pin(revision=COMMIT), {"vcs_info": {"commit_id": COMMIT[::-1]}}, False),
        (Pin(revision="v1"), {"vcs_info": {"commit_id": COMMIT, "requested_revision": "v1"}}, True),
        (Pin(revision=COMMIT), {}, False),
        (Pin("1.2.0", sha256=SHA), {"archive_info": {"hashes": {"sha256": SHA}}}, True),
        (Pin("1.2.0", sha256=SHA), {"archive_info": {"hashes": {"sha256": OTHER}}}, False),
        (Pin("1.2.0", sha256=SHA), {}, True),
        (Pin("1.3.0", sha256=SHA), {}, False),
    ],
)
def test_a_pin_is_compared_with_what_pip_recorded(installed, pin, origin, same):
    assert is_installed(pin, installed(**origin)) is same
