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


def make(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],  # noqa: S607
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("makefile", MAKEFILES, ids=["here", "in a project"])
def test_a_python_that_will_not_do_is_named_in_one_line(tmp_path: Path, makefile: Path):
    (tmp_path / "old").write_text(OLD)
    (tmp_path / "old").chmod(0o755)
    for file in (
        *("requirements.txt", "requirements-dev.txt", "constraints.txt", "pyproject.toml"),
        *("tests/requirements.txt", "model_config/scaffold/template/constraints.txt"),
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    for python, what in {"./old": "Python 3.10.13", "./none": "not installed"}.items():
        ended = make(tmp_path, "-f", makefile, "local", f"PYTHON={python}")
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
        return make(tmp_path, "-n", "-f", MAKEFILES[1], "local", f"PYTHON={sys.executable}")

    version = "model-config[cli,deploy]==0.2.0\n"
    missing = "*** .github/requirements/package.txt has no hash of model-config[cli,deploy]==0.2.0"
    assert missing in plan(version).stderr
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

    ended = make(tmp_path, "-f", MAKEFILES[0], "policy/.venv/installed", "PYTHON=./python")
    assert ended.returncode == 0, ended.stderr
    assert "the policy pack's test is skipped" in ended.stdout
    assert not (tmp_path / "policy" / ".venv").exists()
