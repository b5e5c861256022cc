"""What a shell completes: the names of models and environments, from the file names alone."""

from __future__ import annotations

from model_config.cli.project import project_or_none


def complete_model() -> list[str]:
    """Return the names of the project's models."""
    project = project_or_none()
    return project.model_names() if project else []


def complete_environment() -> list[str]:
    """Return the names of the project's stacks."""
    project = project_or_none()
    return project.stack_names() if project else []
