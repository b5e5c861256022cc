"""The configuration of a commit or the working tree, as described by its own code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from model_config import describe
from model_config.comparing import describe_old_commit
from model_config.comparing.git import Repository
from model_config.comparing.pin import pin_notes
from model_config.format.errors import UsageError
from model_config.format.release import Release
from model_config.plan.project import Project

#: Git pathspecs of the files that can change a configuration: the project's files and, in this
#: package's own repository, the code that describes a commit. Old commits have the last two.
RELEVANT = (
    "models",
    "Pulumi.*.yaml",
    "requirements*.txt",
    ":(glob)model_config/*.py",
    "model_config/format",
    "model_config/plan",
    "model_config/core",
    "model_config/models",
)
WORKING_TREE = "the working tree"
#: The time limit of a commit's code, in seconds. It usually takes less than one.
TIME_LIMIT = 60


@dataclass(frozen=True, slots=True)
class EnvironmentSnapshot:
    """One environment's configuration.

    Attributes:
        settings: the settings in its stack file, as text by full key.
        models: each model's release as a deploy would write it, except that `secrets` holds
            config keys, which say where a secret's value comes from.
        unreadable: the names of the models that are invalid, and so not among `models`.
        findings: the findings, as texts.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, Release] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All environments of a commit or of the working tree.

    Attributes:
        name: the commit as the user named it, or "the working tree".
        notes: remarks for the reader of a comparison.
    """

    name: str
    environments: Mapping[str, EnvironmentSnapshot]
    notes: tuple[str, ...] = ()

    def remarks(self) -> list[str]:
        """Return the notes and the findings of all environments, each once."""
        where: dict[str, list[str]] = {}
        for stack, said in self.environments.items():
            for finding in said.findings:
                where.setdefault(finding, []).append(stack)
        found = (f"{self.name}, {', '.join(stacks)}: {text}" for text, stacks in where.items())
        return [*self.notes, *found]


def of_commit(project: Project, revision: str, name: str | None = None) -> Snapshot:
    """Return a commit's configuration. This runs the commit's code in a temporary folder.

    Args:
        project: the project whose repository has the commit.
        revision: the commit.
        name: what to call it. Default: the revision.

    Raises:
        UsageError: the commit doesn't exist, or its code fails.
    """
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
    """Return the working tree's configuration, uncommitted changes included.

    Raises:
        UsageError: its code fails.
    """
    return _described(project.root, WORKING_TREE, WORKING_TREE)


def _described(folder: Path, name: str, whose: str) -> Snapshot:
    described = _ask(folder, whose)
    if (given := described["format"]) != describe.FORMAT:
        raise UsageError(
            f"{whose} describes itself in format {given}, and this model-config reads format "
            f"{describe.FORMAT}. Run the command with the version that is pinned there"
        )
    environments = described["environments"].items()
    return Snapshot(
        name,
        {stack: _environment(stack, described) for stack, described in environments},
        () if _has_package(folder) else pin_notes(folder, name),
    )


def _ask(folder: Path, whose: str) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-B", *_describer(folder), str(folder)],
            cwd=folder,
            # The folder comes first, so that a commit is described by its own code.
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(folder)},
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


def _describer(folder: Path) -> list[str]:
    """Return the module that describes a folder: its own package's, or the installed one's."""
    if _has_package(folder) and not (folder / "model_config" / "describe.py").is_file():
        return [describe_old_commit.__file__]
    return ["-m", describe.__name__]


def _has_package(folder: Path) -> bool:
    return (folder / "model_config" / "__init__.py").is_file()


def _environment(stack: str, described: Mapping[str, Any]) -> EnvironmentSnapshot:
    return EnvironmentSnapshot(
        settings=described["settings"],
        models={
            name: Release.of(
                name, stack, model["schema"], model["config"], secrets=model["secrets"]
            )
            for name, model in described["models"].items()
        },
        unreadable=tuple(described["unreadable"]),
        findings=tuple(described["findings"]),
    )
