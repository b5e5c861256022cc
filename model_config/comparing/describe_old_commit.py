"""Describe a commit from before `model_config.describe`: run as a script, never imported.

    python -P describe_old_commit.py FOLDER

It imports only names that the package has in every such commit, and prints the same as
`model_config.describe`. Newer commits describe themselves.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Print only the description: output of the project's modules goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="ascii") as answer:
        os.dup2(2, 1)
        sys.path.insert(0, str(folder))
        import model_config

        if not Path(str(model_config.__file__)).is_relative_to(folder):
            raise ImportError("it does not contain the package model_config")
        files = sorted(folder.glob("Pulumi.?*.yaml"))
        stacks = [file.name[len("Pulumi.") : -len(".yaml")] for file in files]
        environments = {stack: describe(folder, stack) for stack in stacks}
        json.dump({"format": 1, "environments": environments}, answer)


def describe(folder: Path, stack: str) -> dict[str, Any]:
    """Return one environment's settings, models and findings."""
    from model_config.core.deployment import configured_models, release_of
    from model_config.core.errors import ModelConfigError
    from model_config.core.hierarchy import secrets_of
    from model_config.core.registry import model_names
    from model_config.core.settings import SETTING_KEYS, read_settings
    from model_config.core.stack_file import read_stack_file

    findings: list[Any] = []
    models: dict[str, Any] = {}
    try:
        config = read_stack_file(folder, stack)
    except ModelConfigError as error:
        return {"settings": {}, "models": {}, "unreadable": model_names(), "findings": [str(error)]}
    settings = read_settings(config, findings)
    # A secret counts as set, since no commit holds its value.
    refs = [secrets_of(model.config) for model in configured_models(settings, config, [])]
    keys = {ref.config_key for of_model in refs for ref in of_model.values()} - set(SETTING_KEYS)
    secret_keys = config.secret_keys | {f"model-config:{key}" for key in keys - set(config.own())}
    config = replace(config, secret_keys=secret_keys)
    for model in configured_models(settings, config, findings):
        try:
            release = release_of(model, settings)
        except ModelConfigError as error:
            findings.append(f"{model.name}: {error}")
            continue
        models[model.name] = {
            "schema": release.schema,
            "digest": release.digest,
            "config": release.config,
            "secrets": {path: ref.config_key for path, ref in secrets_of(model.config).items()},
        }
    chosen = model_names() if settings.models is None else settings.models
    shown = (SETTING_KEYS - {"overrides"}) & set(config.own())
    return {
        "settings": {
            **{f"model-config:{key}": config.own()[key] for key in sorted(shown)},
            **({"aws:region": config.region} if config.region else {}),
        },
        "models": models,
        "unreadable": sorted(set(chosen) - set(models)),
        "findings": [str(finding) for finding in findings],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
