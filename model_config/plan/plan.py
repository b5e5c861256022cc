"""From a stack's configuration to a plan of what it deploys, all checked before any deploy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from model_config.format.codec import MAX_PARTS, PART_BYTES, size_in_bytes
from model_config.format.errors import CodecError, Finding, InvalidConfigurationError, ReleaseError
from model_config.format.names import (
    RELEASE,
    RESERVED,
    ROLLOUT,
    release_name,
    release_part,
    rollout_name,
)
from model_config.format.release import (
    Release,
    ReleaseText,
    write_release,
)
from model_config.plan import limits
from model_config.plan.aws import LONGEST_REGION
from model_config.plan.checks import (
    check_arns,
    check_choice,
    check_fallbacks,
    check_keys,
    check_namespaces,
    check_region,
    check_secrets,
    lacks_value,
    secret_fields,
    unset_secrets,
)
from model_config.plan.hierarchy import (
    Parameter,
    config_of,
    leaves,
    none_of,
    parameters_of,
    secrets_of,
    templates_of,
)
from model_config.plan.limits import check_stacks
from model_config.plan.overrides import apply_overrides
from model_config.plan.project import Project, StackConfig
from model_config.plan.registry import Model, Modules, read_modules
from model_config.plan.settings import Settings, read_settings
from model_config.plan.stack_file import as_written, check_ending, read_stack_file
from model_config.schema import ModelConfig, SecretRef


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model as it will be deployed to one environment.

    Attributes:
        path: its path in SSM, "/ai/dev/support_chat".
        config: its configuration, with the environment's overrides.
        digest: the digest of its release; empty if a value can't be stored.
        parameters: one for each value, secret and part, without the release and the rollout.
        release: the release document and its parts; empty if a value can't be stored.
    """

    name: str
    path: str
    config: ModelConfig
    digest: str
    parameters: tuple[Parameter, ...]
    release: ReleaseText

    @property
    def release_name(self) -> str:
        return release_name(self.path)

    @property
    def rollout_name(self) -> str:
        return rollout_name(self.path)

    @property
    def parameter_count(self) -> int:
        """The number of its parameters, with the release, its parts and the rollout."""
        return len(self.parameters) + len(self.release.parts) + 2


def plan_model(
    model: Model, settings: Settings, region: str | None
) -> tuple[PlannedModel, list[Finding]]:
    """Return one model's parameters and release, and what can't be stored.

    The limit on names includes their ARN, and so the region of the deploy, if it is known.
    """
    path = settings.path_of(model.name)
    findings: list[Finding] = []
    parameters: list[Parameter] = []
    for field, value in leaves(model.config):
        where = "/".join((model.name, *field))
        try:
            field_parameters = parameters_of(field, value, path)
        except CodecError as error:
            findings.append(Finding(where, f"it can't be stored: {error}", "give it another value"))
            continue
        findings.extend(_check_reserved(where, field[0]))
        if settings.fields or isinstance(value, SecretRef):
            findings.extend(_check_parameters(where, field_parameters, region))
            parameters.extend(field_parameters)
    if not findings and not any(leaves(model.config)):
        findings.append(
            Finding(model.name, "it has no values", "give a field a value, or delete the model")
        )
    findings.extend(limits.check_name(rollout_name(path), f"{model.name}/{ROLLOUT}", region))
    digest, text = "", ReleaseText("", {})
    if not findings:  # otherwise the release would repeat the same findings
        try:
            release = Release.of(
                model.name,
                settings.environment,
                type(model.config).__name__,
                config_of(model.config),
                secrets=secrets_of(model.config),
                templates=templates_of(model.config),
                none=none_of(model.config),
            )
            digest, text = release.digest, write_release(release)
        except ReleaseError as error:
            findings.append(
                Finding(
                    f"{model.name}/{RELEASE}",
                    f"the model's whole configuration has {error}",
                    "store less in this model, or split it in two",
                    f"at most {MAX_PARTS} parts of {PART_BYTES:,} bytes, so that an application "
                    "reads a release in a few requests",
                )
            )
        else:
            for name in (release_name(path), *(release_part(path, part) for part in text.parts)):
                findings.extend(limits.check_name(name, f"{model.name}/{RELEASE}", region))
    return PlannedModel(model.name, path, model.config, digest, tuple(parameters), text), findings


def _check_reserved(where: str, field: str) -> Iterator[Finding]:
    if (reserved := field.lower()) in RESERVED:
        yield Finding(
            where,
            f'a field at the top of a model can\'t be called "{field}"',
            "rename it",
            f"the name is reserved, in upper and lower case, for the model's own {reserved}",
        )


def _check_parameters(
    where: str, parameters: Sequence[Parameter], region: str | None
) -> Iterator[Finding]:
    if len(parameters) > MAX_PARTS:
        size = sum(size_in_bytes(str(parameter.content)) for parameter in parameters)
        yield Finding(
            where,
            f"it takes {size:,} bytes, {len(parameters):,} parts",
            "shorten it",
            f"at most {MAX_PARTS} parts of {PART_BYTES:,} bytes, {MAX_PARTS * PART_BYTES:,} in "
            "all (SSM API reference, PutParameter, Tier: Standard)",
        )
    # The last part has the longest name.
    yield from limits.check_name(parameters[-1].name, where, region)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stack deploys.

    Attributes:
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
        return unset_secrets(self.unset, self.stack)


def plan_stack(modules: Modules, config: StackConfig) -> Plan:
    """Return what a stack deploys, with every problem in it.

    Its configuration is the engine's, or was read from its file.
    """
    config = as_written(config, modules.project)
    settings, findings = read_settings(config)
    findings += check_ending(modules.project, config.stack)
    findings += [*check_namespaces(config), *check_region(config)]
    findings += check_choice(settings, config, modules.names)
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
    findings += check_fallbacks(models, modules.names)
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


def plan_from_file(project: Project, stack: str) -> Plan:
    """Return the plan of a stack from the project's files, without Pulumi's engine and AWS.

    Raises:
        InvalidConfigurationError: the stack's file can't be read.
    """
    config = read_stack_file(project, stack)  # first, so that a missing file runs no module
    return plan_stack(read_modules(project), config)


def valid_plan(project: Project, stack: str) -> Plan:
    """Return the plan of a stack as `plan_from_file` does, but raise its findings."""
    plan = plan_from_file(project, stack)
    if plan.findings:
        raise InvalidConfigurationError(plan.findings)
    return plan
