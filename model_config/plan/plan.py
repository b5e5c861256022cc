"""From a stack's configuration to a plan of what it deploys, all checked before any deploy.

Every problem is reported at once, so each step goes on with what is valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from model_config.format.errors import Finding
from model_config.plan import limits
from model_config.plan.key_choice import check_arns
from model_config.plan.messages import nearest
from model_config.plan.overrides import apply_overrides
from model_config.plan.planned_model import PlannedModel, plan_model
from model_config.plan.regions import LONGEST_REGION
from model_config.plan.registry import MODULE_NAME, Model, Modules
from model_config.plan.secrets import check_secrets, lacks_value, secret_fields, unset_secrets
from model_config.plan.settings import (
    Settings,
    check_keys,
    check_namespaces,
    check_region,
    read_settings,
)
from model_config.plan.stack_collisions import check_stacks
from model_config.plan.stack_config import NAMESPACE, StackConfig
from model_config.plan.stack_file import as_written, check_ending
from model_config.schema import ChatModel


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stack deploys.

    Attributes:
        stack: the stack's name.
        settings: the settings in its file.
        models: the models to deploy, in the order of their names.
        findings: every problem, except secrets that have no value yet.
        unset: the config keys of secrets without a value, each with its fields. A commit can't
            hold a secret, so only a deploy counts these as findings.
    """

    stack: str
    settings: Settings
    models: tuple[PlannedModel, ...]
    findings: tuple[Finding, ...]
    unset: Mapping[str, list[str]]

    @property
    def path(self) -> str:
        """The environment's path in SSM, "/ai/dev"."""
        return self.settings.environment_path

    @property
    def unset_findings(self) -> list[Finding]:
        """The secrets without a value, as findings."""
        return unset_secrets(self.unset, self.stack)


def plan_stack(modules: Modules, config: StackConfig) -> Plan:
    """Return what a stack deploys, with every problem in it.

    Its configuration is the engine's, or was read from its file.
    """
    config = as_written(config, modules.project)
    settings, findings = read_settings(config)
    findings += check_ending(modules.project, config.stack)
    findings += [*check_namespaces(config), *check_region(config)]
    findings += _check_choice(settings, config, modules.names)
    findings += check_arns(settings, config)
    findings += check_stacks(modules.project, config, settings)
    chosen = [name for name in modules.names if settings.models is None or name in settings.models]
    findings += [finding for name in chosen for finding in modules.broken.get(name, ())]

    models: list[Model] = []
    for name in chosen:
        if name in modules.models:
            model, problems = apply_overrides(
                modules.models[name], settings.overrides.get(name, {}), config
            )
            models.append(model)
            findings += problems
    findings += _check_fallbacks(models, modules.names)
    # The stack's file may have the secrets of models that the stack leaves out. While a module is
    # broken, any unknown secret may belong to it.
    known = secret_fields({**modules.models, **{model.name: model for model in models}}.values())
    findings += check_keys(config, known, all_known=not modules.broken)
    findings += check_secrets(config, known)
    fields = secret_fields(models)
    unset = {key: fields[key] for key in fields if lacks_value(config, key)}

    planned = []
    for model in models:
        planned_model, problems = plan_model(model, settings, config.region)
        planned.append(planned_model)
        findings += problems
    findings += _check_whole_stack(planned, settings, config.region)
    return Plan(config.stack, settings, tuple(planned), tuple(findings), unset)


def _check_choice(
    settings: Settings, config: StackConfig, known: Sequence[str]
) -> Iterator[Finding]:
    """Yield the models that the settings name and that don't exist."""
    if not known:
        yield Finding("models", "there is no model module", "add one to models/")
    chosen = known if settings.models is None else settings.models
    for name in sorted(set(chosen) - set(known)):
        where = f"{NAMESPACE}:models"
        yield Finding(where, f'there is no model "{name}"', nearest(name, known), file=config.file)
    for name in sorted(set(settings.overrides) - set(chosen)):
        where = f"{NAMESPACE}:overrides.{name}"
        here = f"add it to {NAMESPACE}:models, or remove its overrides"
        fix = here if name in known else nearest(name, known)
        yield Finding(where, f'this stack has no model "{name}"', fix, file=config.file)


def _check_fallbacks(models: Sequence[Model], known: Sequence[str]) -> Iterator[Finding]:
    """Yield the fallbacks that seem to be misspelled names of the project's models."""
    for model in models:
        fallbacks = model.config.fallbacks if isinstance(model.config, ChatModel) else None
        for position, name in enumerate(fallbacks or ()):
            if name in known or not MODULE_NAME.fullmatch(name):
                continue
            if close := get_close_matches(name, known, 1, cutoff=0.8):
                yield Finding(
                    f"{model.name}/fallbacks/{position}",
                    f'there is no model "{name}"',
                    f'did you mean "{close[0]}"? If it is a provider\'s name for a model, write '
                    f'"provider/{name}"',
                )


def _check_whole_stack(
    planned: Sequence[PlannedModel], settings: Settings, region: str | None
) -> Iterator[Finding]:
    yield from limits.check_collisions(
        (f"{model.name}/{parameter.path}", parameter.name)
        for model in planned
        for parameter in model.parameters
    )
    yield from limits.check_counts(
        Counter({model.name: model.parameter_count for model in planned})
    )
    if not settings.kms_key_arn:
        yield from limits.check_alias(settings.key_alias)
    if settings.notify_topic_arn:
        yield from limits.check_rule_name(settings.rule_name("releases"))
    for model in planned:
        name = settings.policy_name(model.name, region or LONGEST_REGION)
        yield from limits.check_policy_name(model.name, name)
