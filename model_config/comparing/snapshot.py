"""The configuration of a commit or the working tree, as described by its own code."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

from model_config import describe
from model_config.comparing.git import Repository
from model_config.format.errors import UsageError
from model_config.format.release import Release, config_text
from model_config.format.text import plural
from model_config.plan.project import Project

#: Git pathspecs of the files that can change a configuration: the project's files and, in this
#: package's own repository, the code that describes a commit.
RELEVANT = (
    "models",
    "Pulumi.*.yaml",
    "requirements*.txt",
    ":(glob)model_config/*.py",
    "model_config/format",
    "model_config/schema",
    "model_config/plan",
)
WORKING_TREE = "the working tree"
#: The time limit of a commit's code, in seconds. It usually takes less than one.
TIME_LIMIT = 60


@dataclass(frozen=True, slots=True)
class EnvironmentSnapshot:
    #: Those in its stack file, as text by full key.
    settings: Mapping[str, str] = field(default_factory=dict)
    #: Each model's release, as a deploy would write it.
    models: Mapping[str, Release] = field(default_factory=dict)
    #: The config keys of each model's secrets, by path.
    config_keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: The models that are invalid, and so not among `models`.
    unreadable: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All environments of a commit or of the working tree, which its name says."""

    name: str
    environments: Mapping[str, EnvironmentSnapshot]
    notices: tuple[str, ...] = ()

    def messages(self) -> list[str]:
        """Return the notices and the findings, each once with all of its environments."""
        where = defaultdict[str, list[str]](list)
        for stack, environment in self.environments.items():
            for finding in environment.findings:
                where[finding].append(stack)
        findings = (f"{self.name}, {', '.join(stacks)}: {text}" for text, stacks in where.items())
        return [*self.notices, *findings]


def of(project: Project, revision: str | None) -> Snapshot:
    """Return the configuration of a commit; None stands for the working tree."""
    return of_working_tree(project) if revision is None else of_commit(project, revision)


def of_commit(project: Project, revision: str, name: str | None = None) -> Snapshot:
    """Return a commit's configuration, which runs the commit's code in a temporary folder."""
    repository = Repository(project.root)
    commit = repository.commit(revision)
    called = name or revision
    name = commit[:9] if commit.startswith(called) else f"{called} ({commit[:9]})"
    if not repository.has_project(commit):
        return Snapshot(name, {}, (f"{name} has no stack files and models yet",))
    with TemporaryDirectory(prefix="model-config-") as folder:
        repository.write_files(commit, Path(folder))
        return _described(Path(folder), name, f"commit {name}")


def of_working_tree(project: Project) -> Snapshot:
    """Return the working tree's configuration, with a notice if it isn't committed."""
    tree = _described(project.root, WORKING_TREE, WORKING_TREE)
    try:
        changed = Repository(project.root).uncommitted(RELEVANT)
    except UsageError:  # AWS and environments can be compared without git
        return tree
    if not changed:
        return tree
    some = ", ".join([*changed[:3], *(["…"] if changed[3:] else [])])
    notice = f"The working tree is shown with {plural(len(changed), 'uncommitted file')}: {some}"
    return replace(tree, notices=(*tree.notices, notice))


def _described(folder: Path, name: str, whose: str) -> Snapshot:
    has_package = (folder / "model_config" / "__init__.py").is_file()
    if has_package and not (folder / "model_config" / "describe.py").is_file():
        raise UsageError(
            f"{whose} has a model-config from before commits could be compared: it lacks "
            "model_config/describe.py. Name a newer commit"
        )
    described = _ask(folder, whose)
    if (given := described["format"]) != describe.FORMAT:
        raise UsageError(
            f"{whose} describes itself in format {given}, and this model-config reads format "
            f"{describe.FORMAT}. Run the command with the version that is pinned there"
        )
    environments = {
        stack: EnvironmentSnapshot(
            given["settings"],
            {name: _release(stack, name, model) for name, model in given["models"].items()},
            {name: model["secrets"] for name, model in given["models"].items()},
            tuple(given["unreadable"]),
            tuple(given["findings"]),
        )
        for stack, given in described["environments"].items()
    }
    return Snapshot(name, environments, () if has_package else _pin_notices(folder, name))


def _ask(folder: Path, whose: str) -> dict[str, Any]:
    # The folder comes first, so that a commit is described by its own code.
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-B", "-m", describe.__name__, str(folder)],
            cwd=folder,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT,
            check=True,
        )
        return cast(dict[str, Any], json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        raise UsageError(f"the code of {whose} was stopped after {TIME_LIMIT} seconds") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {error.returncode}"
    except ValueError:
        reason = "its output is incomplete"
    raise UsageError(f"the code of {whose} fails, so its configuration is unknown: {reason}")


def _release(stack: str, name: str, model: Mapping[str, Any]) -> Release:
    text, paths = config_text(model["config"]), (tuple(model["secrets"]), tuple(model["templates"]))
    return Release(name, stack, model["schema"], model["digest"], text, *paths)


_PIN = re.compile(
    r"""
    ^\s*model[-_.]config\s*(?:\[[^\]]*\])?\s*
        (?:===?\s*(?P<version>[^\s;#]+) | @\s*git\+[a-z]+://[^/\s]+/[^\s@#]+@(?P<revision>[^\s@#]+))
    | ^[^#\n]*\bmodel_config-(?P<wheel>[^-\s/]+)-[^\s/]+\.whl\b
        (?:[^\n]*--hash=sha256:(?P<sha256>[0-9a-f]{64}))?
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


class Pin(NamedTuple):
    """The model-config that a project pins: a version, a wheel with its hash, or a git revision."""

    version: str | None = None
    revision: str | None = None
    sha256: str | None = None


def _pin_notices(folder: Path, name: str) -> tuple[str, ...]:
    """Return a notice if the installed version, which describes a project, isn't the pinned one."""
    try:
        pin = pinned((folder / "requirements.txt").read_text(encoding="utf-8", errors="replace"))
        installed = distribution("model-config")
    except (OSError, PackageNotFoundError):
        return ()
    if pin is None or is_installed(pin, installed):
        return ()
    pinned_as = pin.version or f"commit {pin.revision}"
    notice = f"{name} pins model-config {pinned_as} and is described by the installed"
    return (f"{notice} {installed.version}: a deploy by the pinned version may differ",)


def pinned(requirements: str) -> Pin | None:
    pin = _PIN.search(requirements.replace("\\\n", " "))
    return Pin(pin["version"] or pin["wheel"], pin["revision"], pin["sha256"]) if pin else None


def is_installed(pin: Pin, installed: Distribution) -> bool:
    """Return whether a distribution is the pinned one, as far as pip recorded its origin."""
    # https://packaging.python.org/en/latest/specifications/direct-url-data-structure/
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if pin.revision:
        git = origin.get("vcs_info", {})
        asked = git.get("requested_revision")
        return str(git.get("commit_id", "")).startswith(pin.revision) or asked == pin.revision
    sha256 = origin.get("archive_info", {}).get("hashes", {}).get("sha256")
    return pin.version == installed.version and (not pin.sha256 or sha256 in {None, pin.sha256})
