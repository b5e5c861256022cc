"""What a project says of an environment: what AWS should hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_config.operate.parameters import Contents, NoText
from model_config.plan.offline import plan_from_file
from model_config.plan.project import Project
from model_config.plan.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the program says of a model: its parameters' texts, and its release's document."""

    contents: Contents
    document: str


@dataclass(frozen=True, slots=True)
class Program:
    """What a project says of an environment.

    Attributes:
        path: the environment's path, "/ai/prod".
        models: what it says of each model.
        settings: what it says of the key and of who may read.
    """

    path: str
    models: Mapping[str, Wanted]
    settings: Settings


def read_program(project: Project, stack: str) -> Program:
    """Return what the working tree says of an environment.

    Raises:
        InvalidConfigurationError: something is wrong with the working tree.
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
