"""From a stack's configuration to a plan of what it deploys, all checked before any deploy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from model_config.format import names
from model_config.format.codec import MAX_PARTS, PART_BYTES, size_in_bytes
from model_config.format.errors import CodecError, Finding, InvalidConfigurationError, ReleaseError
from model_config.format.release import Release, ReleaseText, write_release
from model_config.format.rollout import EMPTY
from model_config.plan import aws, checks, hierarchy, overrides, stack_file
from model_config.plan.hierarchy import Leaf, ModelTree, Parameter, leaves
from model_config.plan.project import Project, StackConfig
from model_config.plan.registry import Model, Modules, read_modules
from model_config.plan.settings import Settings, read_settings
from model_config.schema import ModelConfig, SecretRef


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model as it will be deployed to one environment, with the environment's overrides.

    `digest` and `release` are empty if a value can't be stored. `parameters` has one for each
    value, secret and part, without the release and the rollout.
    """

    name: str
    path: str
    config: ModelConfig
    digest: str
    parameters: tuple[Parameter, ...]
    release: ReleaseText

    @property
    def release_name(self) -> str:
        return names.release_name(self.path)

    @property
    def rollout_name(self) -> str:
        return names.rollout_name(self.path)


def plan_model(
    model: Model, settings: Settings, region: str | None
) -> tuple[PlannedModel, list[Finding]]:
    """Return one model's parameters and release, and what can't be stored.

    The limit on names includes their ARN, and so the region of the deploy, if it is known.
    """
    path, config = settings.path_of(model.name), model.config
    findings: list[Finding] = []
    parameters: list[Parameter] = []
    limit = f"at most {MAX_PARTS} parts of {PART_BYTES:,} bytes"
    for field, value in leaves(config):
        where = "/".join((model.name, *field))
        try:
            of_field = hierarchy.parameters_of(field, value, path)
        except CodecError as error:
            findings.append(Finding(where, f"it can't be stored: {error}", "give it another value"))
            continue
        if (reserved := field[0].lower()) in names.RESERVED:
            problem = f'a field at the top of a model can\'t be called "{field[0]}"'
            reason = "the name is reserved, in upper and lower case, for the model's own"
            findings.append(Finding(where, problem, "rename it", f"{reason} {reserved}"))
        if not settings.fields and not isinstance(value, SecretRef):
            continue
        parameters += of_field
        if len(of_field) > MAX_PARTS:
            size = sum(size_in_bytes(str(parameter.content)) for parameter in of_field)
            problem = f"it takes {size:,} bytes, {len(of_field):,} parts"
            source = "(SSM API reference, PutParameter, Tier: Standard)"
            reason = f"{limit}, {MAX_PARTS * PART_BYTES:,} in all {source}"
            findings.append(Finding(where, problem, "shorten it", reason))
        # The last part has the longest name.
        findings += aws.check_name(of_field[-1].name, where, region)
    if not findings and not any(leaves(config)):
        fix = "give a field a value, or delete the model"
        findings.append(Finding(model.name, "it has no values", fix))
    rollout = names.rollout_name(path)
    findings += aws.check_name(rollout, f"{model.name}/{names.ROLLOUT}", region)
    digest, text = "", ReleaseText("", {})
    if not findings:  # otherwise the release would repeat the same findings
        where = f"{model.name}/{names.RELEASE}"
        try:
            release = Release.of(
                model.name,
                settings.environment,
                type(config).__name__,
                hierarchy.config_of(config),
                secrets=hierarchy.secrets_of(config),
                templates=hierarchy.templates_of(config),
                none=hierarchy.none_of(config),
            )
            digest, text = release.digest, write_release(release)
        except ReleaseError as error:
            problem = f"the model's whole configuration has {error}"
            fix = "store less in this model, or split it in two"
            reason = f"{limit}, so that an application reads a release in a few requests"
            findings.append(Finding(where, problem, fix, reason))
        for name in (names.release_name(path), *text.named_parts(path)):
            findings += aws.check_name(name, where, region)
    return PlannedModel(model.name, path, config, digest, tuple(parameters), text), findings


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stack deploys: its models in the order of their names, and every problem.

    `unset` has a finding about each secret without a value, by its config key. A commit can't hold
    a secret, so only a deploy counts these.
    """

    stack: str
    settings: Settings
    models: tuple[PlannedModel, ...]
    findings: tuple[Finding, ...]
    unset: Mapping[str, Finding]

    @property
    def path(self) -> str:
        return self.settings.environment_path


def plan_stack(modules: Modules, config: StackConfig) -> Plan:
    """Return what a stack deploys; its configuration is the engine's, or was read from its file."""
    config = stack_file.as_written(config, modules.project)
    settings, findings = read_settings(config)
    findings += stack_file.check_ending(modules.project, config.stack)
    findings += checks.check_namespaces(config)
    findings += checks.check_regions(settings, config)
    findings += checks.check_choice(settings, config, modules.names)
    findings += checks.check_stacks(modules.project, config, settings)
    chosen = [name for name in modules.names if settings.models is None or name in settings.models]
    findings += [finding for name in chosen for finding in modules.broken.get(name, ())]

    models: list[Model] = []
    for name in chosen:
        if name in modules.models:
            changes = settings.overrides.get(name, {})
            model, problems = overrides.apply_overrides(modules.models[name], changes, config)
            models.append(model)
            findings += problems
    findings += checks.check_fallbacks(models, modules.names)
    # The stack's file may have the secrets of models that the stack leaves out. While a module is
    # broken, any unknown secret may belong to it.
    all_models = {**modules.models, **{model.name: model for model in models}}
    known = checks.secret_fields(all_models.values())
    findings += checks.check_keys(config, known, all_known=not modules.broken)
    findings += checks.check_secrets(config, known)
    unset = checks.unset_secrets(config, checks.secret_fields(models))

    planned = []
    for model in models:
        planned_model, problems = plan_model(model, settings, config.region)
        planned.append(planned_model)
        findings += problems
    findings += aws.check_collisions(
        (f"{model.name}/{parameter.path}", parameter.name)
        for model in planned
        for parameter in model.parameters
    )
    # Each has its release and rollout too.
    counts = {it.name: len(it.parameters) + len(it.release.parts) + 2 for it in planned}
    findings += aws.check_counts(Counter(counts))
    findings += checks.check_lengths(settings, (model.name for model in planned), config.region)
    return Plan(config.stack, settings, tuple(planned), tuple(findings), unset)


def plan_from_file(project: Project, stack: str) -> Plan:
    """Return the plan of a stack from the project's files, or raise if its file can't be read."""
    config = stack_file.read_stack_file(project, stack)  # a missing file runs no module
    return plan_stack(read_modules(project), config)


def is_protected(project: Project, stack: str) -> bool:
    with suppress(InvalidConfigurationError):  # which other commands show
        return read_settings(stack_file.read_stack_file(project, stack))[0].protect
    return False


def valid_plan(project: Project, stack: str) -> Plan:
    """Return the plan of a stack as `plan_from_file` does, or raise its findings."""
    plan = plan_from_file(project, stack)
    if plan.findings:
        raise InvalidConfigurationError(plan.findings)
    return plan


def trees(plan: Plan) -> list[ModelTree]:
    return [
        ModelTree(
            model.name,
            model.path,
            type(model.config).__name__,
            model.digest or None,
            list(_leaves_of(model, plan)),
        )
        for model in plan.models
    ]


def _leaves_of(model: PlannedModel, plan: Plan) -> Iterator[Leaf]:
    values = list(leaves(model.config))
    for path, value in values if plan.settings.fields else ():
        if not isinstance(value, SecretRef):
            yield hierarchy.leaf("/".join(path), value)
    for path, value in values:  # secrets have a branch of their own
        if isinstance(value, SecretRef):
            unset = ", not set" if value.config_key in plan.unset else ""
            note = f"{value.config_key}{unset}"
            yield Leaf("/".join((names.SECRETS, *path)), "secret", None, note=note)
    yield Leaf(names.ROLLOUT, "rollout", size_in_bytes(EMPTY))
    if model.release.document:  # empty if a value can't be stored
        texts = [model.release.document, *model.release.parts.values()]
        yield Leaf(names.RELEASE, "release", sum(map(size_in_bytes, texts)), len(texts))
