"""What `make local` says where Python is too old or isn't there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.project import CHECKOUT

MAKEFILES = [
    CHECKOUT / "Makefile",
    CHECKOUT / "model_config" / "scaffold" / "template" / "Makefile",
]
OLD = """#!/bin/sh
test "$1" = --version && echo Python 3.10.13
"""


@pytest.mark.parametrize("makefile", MAKEFILES, ids=["here", "in a project"])
@pytest.mark.parametrize(
    ("python", "what"), [("./old", "Python 3.10.13"), ("./none", "not installed")]
)
def test_a_python_that_will_not_do_is_named_in_one_line(
    tmp_path: Path, makefile: Path, python: str, what: str
):
    (tmp_path / "old").write_text(OLD)
    (tmp_path / "old").chmod(0o755)
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "requirements.txt").touch()
    pins = tmp_path / "model_config" / "scaffold" / "template"
    pins.mkdir(parents=True)
    (pins / "constraints.txt").touch()
    ended = subprocess.run(
        ["make", "-f", makefile, "local", f"PYTHON={python}"],  # noqa: S607
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.endswith(
        f"*** This needs Python 3.11 or newer, but {python} is {what}. "
        "Name another: make local PYTHON=python3.12.  Stop.\n"
    )
    assert not (tmp_path / ".venv").exists()


def test_a_version_without_its_hash_is_not_installed_from_the_public_index(tmp_path: Path):
    """As after an upgrade of requirements.txt alone: whoever owns the name there would be run."""
    for name in ("requirements-dev.txt", "constraints.txt"):
        (tmp_path / name).touch()
    package = tmp_path / ".github" / "requirements" / "package.txt"
    package.parent.mkdir(parents=True)
    package.write_text(
        "--require-hashes\n# model-config[cli,deploy]==0.1.0\nmodel-config==0.1.0 …\n"
    )

    def plan(requirements: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "requirements.txt").write_text(requirements)
        return subprocess.run(
            ["make", "-n", "-f", MAKEFILES[1], "local", f"PYTHON={sys.executable}"],  # noqa: S607
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    version = "model-config[cli,deploy]==0.2.0\n"
    said = plan(version).stderr
    assert (
        "*** .github/requirements/package.txt has no hash of model-config[cli,deploy]==0.2.0"
        in said
    )
    for good in (
        f"--index-url https://pypi.example.com/simple\n{version}",
        version.replace("2", "1"),
    ):
        made = plan(good)
        first, second = re.findall(r"pip .*install .*-r (\S+)", made.stdout)
        assert (first, second) == (".github/requirements/package.txt", "requirements-dev.txt")
        assert made.returncode == 0


def test_where_the_policy_packs_environment_cannot_be_made_the_other_engine_tests_go_on(
    tmp_path: Path,
):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "requirements.txt").touch()
    # A Python that makes an environment whose pip reaches no index.
    python = (
        '#!/bin/sh\nmkdir -p policy/.venv/bin && ln -s "$(command -v false)" policy/.venv/bin/pip'
    )
    (tmp_path / "python").write_text(python)
    (tmp_path / "python").chmod(0o755)

    ended = subprocess.run(
        ["make", "-f", MAKEFILES[0], "policy/.venv/installed", "PYTHON=./python"],  # noqa: S607
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "the policy pack's test is skipped" in ended.stdout
    assert not (tmp_path / "policy" / ".venv").exists()
