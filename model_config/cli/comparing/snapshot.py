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

from model_config.cli.comparing import describe
from model_config.cli.comparing.git import Repository
from model_config.core.errors import UsageError
from model_config.core.release import Release

#: What can change a configuration. Models and core import nothing of the rooms left out.
RELEVANT = (
    "model_config",
    "Pulumi.*.yaml",
    *(f":(exclude)model_config/{room}" for room in ("cli", "infra", "local", "runtime")),
)
WORKING_TREE = "the working tree"
#: Seconds that a commit's code may take. It takes less than one.
TIME_LIMIT = 60


@dataclass(frozen=True, slots=True)
class Said:
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
    environments: Mapping[str, Said]
    notes: tuple[str, ...] = ()

    def remarks(self) -> list[str]:
        """Return the notes, and what is wrong in its environments, each thing once."""
        where: dict[str, list[str]] = {}
        for stack, said in self.environments.items():
            for finding in said.findings:
                where.setdefault(finding, []).append(stack)
        found = (f"{self.name}, {', '.join(stacks)}: {text}" for text, stacks in where.items())
        return [*self.notes, *found]


def of_commit(project: Path, revision: str) -> Snapshot:
    """Return what a commit says. It runs that commit's code, in a folder that is deleted again.

    Raises:
        UsageError: there is no such commit here, or its code fails.
    """
    repository = Repository(project)
    commit = repository.commit(revision)
    name = commit[:9] if commit.startswith(revision) else f"{revision} ({commit[:9]})"
    if not repository.has_project(commit):
        return Snapshot(name, {}, (f"{name} has no stack files and models yet",))
    with TemporaryDirectory(prefix="model-config-") as folder:
        repository.write_files(commit, Path(folder))
        return Snapshot(name, _ask(Path(folder), f"commit {name}"))


def of_working_tree(project: Path) -> Snapshot:
    """Return what the checkout says as it stands there, with what isn't committed yet.

    Raises:
        UsageError: its code fails.
    """
    return Snapshot(WORKING_TREE, _ask(project, WORKING_TREE))


def _ask(folder: Path, name: str) -> dict[str, Said]:
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-B", describe.__file__, str(folder)],
            cwd=folder,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
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
    return {stack: _said(stack, told) for stack, told in json.loads(done.stdout).items()}


def _said(stack: str, told: Mapping[str, Any]) -> Said:
    return Said(
        settings=told["settings"],
        models={
            name: Release(model=name, environment=stack, **model)
            for name, model in told["models"].items()
        },
        unreadable=tuple(told["unreadable"]),
        findings=tuple(told["findings"]),
    )
