"""The expected contents of an environment in AWS, according to the project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_config.operate.drift.parameters import Contents, NoText
from model_config.plan.offline import plan_from_file
from model_config.plan.project import Project
from model_config.plan.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """The expected contents of a model: its parameters' texts, and its release's document."""

    contents: Contents
    document: str


@dataclass(frozen=True, slots=True)
class Program:
    """The expected contents of an environment.

    Attributes:
        path: the environment's path, "/ai/prod".
        models: the expected contents of each model.
        settings: the settings of the key and the reader policies.
    """

    path: str
    models: Mapping[str, Wanted]
    settings: Settings


def read_program(project: Project, stack: str) -> Program:
    """Return an environment as the working tree defines it.

    Raises:
        InvalidConfigurationError: the working tree has findings.
    """
    plan = plan_from_file(project, stack)
    plan.refuse_findings()
    models = {}
    for model in plan.models:
        contents = {
            each.name: each.content if isinstance(each.content, str) else NoText.SECRET
            for each in model.parameters
        }
        models[model.name] = Wanted(contents, model.release.document)
    return Program(plan.path, models, plan.settings)
