"""The releases of a project's stack, for a `FakeReader`. It imports the plan, and so pydantic."""

from __future__ import annotations

from pathlib import Path

from model_config.format.release import Release
from model_config.plan.offline import plan_from_file
from model_config.plan.planned_model import release_of
from model_config.plan.project import Project
from model_config.plan.registry import Model


def releases_of(folder: Path, stack: str) -> list[Release]:
    """Return the releases that a stack would deploy.

    Args:
        folder: the project's folder, or a folder in it.
        stack: the stack's name.

    Raises:
        InvalidConfigurationError: holds every finding in the project's files.
        ProjectNotFoundError: the folder is not in a project.
    """
    plan = plan_from_file(Project.find(folder.resolve()), stack)
    plan.refuse_findings()
    return [release_of(Model(each.name, each.config), plan.settings) for each in plan.models]
