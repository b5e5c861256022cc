"""A checkout's environments, worked out offline: what a deploy of each would write."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from model_config.core.deployment import PlannedModel, configured_models, plan
from model_config.core.errors import Finding, InvalidConfigurationError
from model_config.core.hierarchy import secrets_of
from model_config.core.registry import Model
from model_config.core.settings import NAMESPACE, SETTING_KEYS, Settings, read_settings
from model_config.core.stack_file import read_stack_file


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of a checkout.

    Attributes:
        stack: its stack's name, after which its file is called.
        models: the models as its modules and its file say them.
        planned: the same as they would be deployed, in the same order.
        findings: all that is wrong; that a secret isn't set is not among them.
        unset: config keys of secrets that have no value yet, each with the models that name it.
    """

    stack: str
    settings: Settings
    models: list[Model]
    planned: list[PlannedModel]
    findings: list[Finding]
    unset: dict[str, list[str]]

    def refuse_findings(self) -> None:
        """Refuse to go on where something is wrong.

        Raises:
            InvalidConfigurationError: with every finding.
        """
        if self.findings:
            raise InvalidConfigurationError(self.findings)


def stack_names(project: Path) -> list[str]:
    """Return the names of the stacks that have a file.

    Raises:
        InvalidConfigurationError: there is none.
    """
    names = sorted(file.name[len("Pulumi.") : -len(".yaml")] for file in stack_files(project))
    if not names:
        fix = "write one for each environment, such as Pulumi.dev.yaml"
        raise InvalidConfigurationError([Finding(str(project), "there is no stack file", fix)])
    return names


def stack_files(project: Path) -> list[Path]:
    """Return the stack files of a checkout."""
    return sorted(project.glob("Pulumi.?*.yaml"))


def read_environment(project: Path, stack: str, folder: Path | None = None) -> Environment:
    """Return an environment as the checkout says it, a secret's value aside.

    Args:
        project: the folder that holds the stack files.
        stack: the environment's stack.
        folder: where the model modules are. Default: this package's own.

    Raises:
        InvalidConfigurationError: the stack's file can't be read.
    """
    config = read_stack_file(project, stack)
    findings: list[Finding] = []
    settings = read_settings(config, findings)
    models = configured_models(settings, config, [], folder)
    unset: dict[str, list[str]] = {}
    given = SETTING_KEYS | set(config.own()) | config.own_secret_keys()
    for model in models:
        for key in sorted({ref.config_key for ref in secrets_of(model.config).values()} - given):
            unset.setdefault(key, []).append(model.name)
    # No commit can hold a secret, so what the checkout alone can't tell is taken as done.
    taken_as_set = config.secret_keys | {f"{NAMESPACE}:{key}" for key in unset}
    planned = plan(settings, replace(config, secret_keys=taken_as_set), findings, folder)
    return Environment(stack, settings, models, planned, findings, unset)
