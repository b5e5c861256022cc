"""Deploys one environment to the local AWS, and reports the change of each parameter."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi
import yaml

from model_config.format.errors import LocalError
from model_config.format.text import nearest
from model_config.local import local_aws
from model_config.local.provider import Change, LocalProvider
from model_config.local.state import OutdatedStateError, State, StateFolder
from model_config.plan.checks import secret_fields
from model_config.plan.project import PARAMETER, Project, StackConfig, set_secret_command
from model_config.plan.registry import read_modules
from model_config.plan.stack_file import line_of, read_stack_file
from model_config.testing.program import run_program, with_stand_ins


@dataclass(frozen=True, slots=True)
class DeployedParameter:
    """A deploy's change of one parameter."""

    model: str
    path: str
    version: int
    arn: str
    change: Change


@dataclass(frozen=True, slots=True)
class Deployment:
    environment: str
    region: str
    parameters: list[DeployedParameter]
    outputs: dict[str, Any]
    stand_ins: list[str]  #: The config keys of secrets without a value, which got a placeholder.
    notices: list[str]


@contextmanager
def deployed(project: Project, environment: str) -> Iterator[Deployment]:
    """Deploy, and keep the local AWS running until the block ends.

    Only a successful deploy is saved. InvalidConfigurationError means that the stack file doesn't
    exist or is invalid; LocalError, that the program or a write failed.
    """
    config, stand_ins, notices = with_secrets(read_stack_file(project, environment), project)
    folder = StateFolder(project)
    with folder.locked(), local_aws.local_aws():
        try:
            state = folder.load()
        except OutdatedStateError:
            state = State()
            notices.append("The local AWS starts anew: an earlier version had written its state.")
        local_aws.restore(state)
        region = config.region or local_aws.DEFAULT_REGION
        provider = LocalProvider(region, state.environments.get(environment, {}))
        try:
            with redirect_stdout(sys.stderr):  # the program's output must not mix with --json
                outputs = run_program(project.root, config, provider)
            provider.delete_what_is_gone()
        except pulumi.RunError as error:
            problem = str(error)
            for key in config.own_secret_keys():
                here = f"edit {key} in .local/secrets.yaml"
                problem = problem.replace(set_secret_command(key, config.stack), here)
            raise LocalError(problem) from None
        state.environments[environment] = provider.registered
        folder.save(replace(state, parameters=local_aws.snapshot()))
        yield Deployment(environment, region, _report(provider), outputs, stand_ins, notices)


def with_secrets(config: StackConfig, project: Project) -> tuple[StackConfig, list[str], list[str]]:
    """Give each secret its value from `secrets.yaml`, or a placeholder.

    Return the configuration, the config keys of the secrets without a value, and a notice for each
    key in the file that no model uses, such as that of a deleted model.
    """
    modules = read_modules(project)
    wanted = set(secret_fields(modules.models.values())) - set(config.own())
    file = StateFolder(project).secrets_file
    texts = _read_secrets(file, wanted)
    given = {key: text for key, text in texts.items() if key in wanted}
    notices = [
        f"no model has the secret {key} of {file.relative_to(project.root)}: {nearest(key, wanted)}"
        for key in sorted(set(texts) - wanted)
    ]
    return with_stand_ins(config, modules, given), sorted(wanted - set(given)), notices


def _read_secrets(file: Path, wanted: set[str]) -> dict[str, str]:
    """Return the contents of `.local/secrets.yaml`. No error shows a value."""
    form = f'{file} must have lines such as `supportChatApiKey: "the secret\'s text"`'
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LocalError(f"{form}, but can't be read: {error.strerror}") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:  # whose text may quote a secret
        raise LocalError(f"{form}, but is not valid YAML{line_of(error)}") from None
    if not isinstance(content, dict):
        raise LocalError(form)
    for key in wanted & content.keys():
        if not isinstance(content[key], str):
            raise LocalError(f"{form}: put the value of {key} in quotation marks")
    return {str(key): value for key, value in content.items()}


def _report(provider: LocalProvider) -> list[DeployedParameter]:
    rows = []
    for key, resource in sorted({**provider.before, **provider.registered}.items()):
        if resource.type == PARAMETER and key in provider.changes:
            model, path = resource.name.split("/", 1)
            version, arn = resource.outputs["version"], resource.outputs["arn"]
            rows.append(DeployedParameter(model, path, version, arn, provider.changes[key]))
    return rows
