"""Shell completion: models, environments, labels and git revisions.

Completion must be fast and silent, so results that are slow or fail are left out.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Thread

import typer

from model_config.cli.project import project_or_none
from model_config.comparing.git import Repository
from model_config.format.errors import ModelConfigError

#: How long to wait for AWS, in seconds.
_PATIENCE = 2.0


def complete_model() -> list[str]:
    """Return the names of the project's models."""
    project = project_or_none()
    return project.model_names() if project else []


def complete_environment() -> list[str]:
    """Return the names of the project's stacks."""
    project = project_or_none()
    return project.stack_names() if project else []


def complete_revision() -> list[str]:
    """Return the branches and tags of the project's repository."""
    project = project_or_none()
    with suppress(ModelConfigError):
        return Repository(project.root).names() if project else []
    return []


def complete_label(context: typer.Context) -> list[str]:
    """Return the labels of the model on the command line."""
    labels: set[str] = {"latest", "stable"}
    asked = Thread(target=lambda: labels.update(_labels(context)), daemon=True)
    asked.start()
    asked.join(_PATIENCE)
    return sorted(labels)


def _labels(context: typer.Context) -> list[str]:
    from model_config.cli.target import target

    given = context.params
    # When an option is completed, the arguments are not parsed yet.
    model = given["model"] or next(iter(context.args), "")
    with (
        suppress(ModelConfigError),
        target(given["environment"] or "dev", given["prefix"], local=bool(given["local"])) as aws,
    ):
        return list(aws.releases(model, documents=False).labels)
    return []
