"""Describe a project: `python -m model_config.describe FOLDER` prints one JSON object.

`diff` and `find-commit` run this with a commit's folder first on the path, so that each commit is
described by its own code. The output is a contract between versions:

    {"format": 2, "environments": {stack: {
        "settings": {full key: text},
        "models": {name: {"schema", "digest", "config", "secrets": {path: config key},
                          "templates": [patterns of paths]}},
        "unreadable": [names of invalid models],
        "findings": [texts]}}}

Keys may be added, and readers ignore those they don't know. Removing a key, or changing its
meaning, takes a new `format`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.hierarchy import config_of, secrets_of, templates_of
from model_config.plan.plan import plan_stack
from model_config.plan.project import Project, StackConfig
from model_config.plan.registry import Modules, read_modules
from model_config.plan.settings import SETTING_KEYS
from model_config.plan.stack_file import read_stack_file

FORMAT = 2


def describe(project: Project) -> dict[str, Any]:
    """Return the description of a project's configuration in each of its environments."""
    modules = read_modules(project)
    environments = {stack: _environment(modules, stack) for stack in project.stack_names()}
    return {"format": FORMAT, "environments": environments}


def _environment(modules: Modules, stack: str) -> dict[str, Any]:
    settings, models, chosen = {}, {}, modules.names
    try:
        config = read_stack_file(modules.project, stack)
    except InvalidConfigurationError as error:
        findings = [str(error)]
    else:
        plan = plan_stack(modules, config)
        settings, findings = settings_of(config), list(map(str, plan.findings))
        models = {
            model.name: {
                "schema": type(model.config).__name__,
                "digest": model.digest,
                "config": config_of(model.config),
                "secrets": {path: ref.config_key for path, ref in secrets_of(model.config).items()},
                "templates": templates_of(model.config),
            }
            for model in plan.models
            if model.digest  # without one, a value in it can't be stored
        }
        if plan.settings.models is not None:
            chosen = plan.settings.models
    unreadable = sorted(set(chosen) - set(models))
    return {
        "settings": settings,
        "models": models,
        "unreadable": unreadable,
        "findings": findings,
    }


def settings_of(config: StackConfig) -> dict[str, str]:
    """Return the settings in a stack's file, by their full keys, without the overrides."""
    shown = (SETTING_KEYS - {"overrides"}) & set(config.own())
    region = {"aws:region": config.region} if config.region else {}
    return {**{f"model-config:{key}": config.own()[key] for key in sorted(shown)}, **region}


def main(folder: Path) -> None:
    """Print nothing but the description: what the modules print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="ascii") as output:
        os.dup2(2, 1)
        json.dump(describe(Project(folder)), output)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
