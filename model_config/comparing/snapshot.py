"""What a commit, or the working tree, says of its environments: worked out by its own code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from model_config.comparing import describe_old_commit
from model_config.comparing.git import Repository
from model_config.format.errors import UsageError
from model_config.format.release import Release
from model_config.plan.project import Project

#: What can change a configuration. The rooms left out are not imported to work one out.
RELEVANT = (
    "models",
    "Pulumi.*.yaml",
    "requirements*.txt",
    "model_config",
    *(
        f":(exclude)model_config/{room}"
        for room in (
            "cli",
            "comparing",
            "importing",
            "infra",
            "local",
            "operate",
            "reader",
            "runtime",
            "testing",
            "web",
        )
    ),
)
WORKING_TREE = "the working tree"
#: Seconds that a commit's code may take. It takes less than one.
TIME_LIMIT = 60


@dataclass(frozen=True, slots=True)
class EnvironmentSnapshot:
    """What one environment holds.

    Attributes:
        settings: the settings its file gives, by their full key, as text.
        models: each model's release as a deploy would write it, except that `secrets` names
            config keys: which parameter a secret has doesn't tell where its value comes from.
        unreadable: the models that are not among `models` because something is wrong with them.
        findings: what is wrong, in words.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, Release] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All environments, as one commit or the working tree has them.

    Attributes:
        name: the commit as a person knows it, or "the working tree".
        notes: what a reader of a comparison has to know about it.
    """

    name: str
    environments: Mapping[str, EnvironmentSnapshot]
    notes: tuple[str, ...] = ()

    def remarks(self) -> list[str]:
        """Return the notes, and what is wrong in its environments, each thing once."""
        where: dict[str, list[str]] = {}
        for stack, said in self.environments.items():
            for finding in said.findings:
                where.setdefault(finding, []).append(stack)
        found = (f"{self.name}, {', '.join(stacks)}: {text}" for text, stacks in where.items())
        return [*self.notes, *found]


def of_commit(project: Project, revision: str) -> Snapshot:
    """Return what a commit says. It runs that commit's code, in a folder that is deleted again.

    Raises:
        UsageError: there is no such commit here, or its code fails.
    """
    repository = Repository(project.root)
    commit = repository.commit(revision)
    name = commit[:9] if commit.startswith(revision) else f"{revision} ({commit[:9]})"
    if not repository.has_project(commit):
        return Snapshot(name, {}, (f"{name} has no stack files and models yet",))
    with TemporaryDirectory(prefix="model-config-") as folder:
        repository.write_files(commit, Path(folder))
        return Snapshot(name, _ask(Path(folder), f"commit {name}"))


def of_working_tree(project: Project) -> Snapshot:
    """Return what the checkout says as it stands there, with what isn't committed yet.

    Raises:
        UsageError: its code fails.
    """
    return Snapshot(WORKING_TREE, _ask(project.root, WORKING_TREE))


def _ask(folder: Path, name: str) -> dict[str, EnvironmentSnapshot]:
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-B", *_describer(folder), str(folder)],
            cwd=folder,
            # The folder's own package first: a commit is described by its own code.
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"the code of {name} has not ended after {TIME_LIMIT} seconds") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(
            f"the code of {name} fails, so what it configures can't be worked out: "
            f"{said[-1] if said else f'exit code {done.returncode}'}"
        )
    described = json.loads(done.stdout)
    environments = described.get("environments", described)  # an old commit's have no frame
    return {stack: _environment(stack, told) for stack, told in environments.items()}


def _describer(folder: Path) -> list[str]:
    """Return what describes a folder: its own package, or else the one that is installed."""
    package = folder / "model_config"
    if package.is_dir() and not (package / "describe.py").is_file():
        return [describe_old_commit.__file__]
    return ["-m", "model_config.describe"]


def _environment(stack: str, told: Mapping[str, Any]) -> EnvironmentSnapshot:
    return EnvironmentSnapshot(
        settings=told["settings"],
        models={
            name: Release(
                model=name,
                environment=stack,
                **{key: model[key] for key in ("schema", "digest", "config", "secrets")},
            )
            for name, model in told["models"].items()
        },
        unreadable=tuple(told["unreadable"]),
        findings=tuple(told["findings"]),
    )
