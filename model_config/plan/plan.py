"""From a stack's configuration to what will be deployed, checked whole before anything is.

Everything that is wrong is reported at once, so each step goes on with what is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from model_config.format.codec import MAX_PARTS, PART_BYTES, size_in_bytes
from model_config.format.errors import (
    CodecError,
    Finding,
    InvalidConfigurationError,
    ReleaseError,
)
from model_config.format.names import (
    RELEASE,
    RESERVED,
    ROLLOUT,
    release_name,
    rollout_name,
    secret_name,
)
from model_config.format.release import (
    MAX_RELEASE_PARTS,
    Release,
    ReleaseText,
    digest_of,
    write_release,
)
from model_config.plan import limits
from model_config.plan.hierarchy import Parameter, config_of, leaves, parameters_of, secrets_of
from model_config.plan.messages import nearest
from model_config.plan.overrides import apply_overrides
from model_config.plan.regions import LONGEST_REGION
from model_config.plan.registry import Model, Modules
from model_config.plan.secrets import check_secrets, lacks_value, secret_fields, unset_secrets
from model_config.plan.settings import Settings, read_settings
from model_config.plan.stack_config import NAMESPACE, StackConfig
from model_config.plan.stack_file import check_ending
from model_config.plan.stack_keys import check_keys, check_namespaces, check_region
from model_config.schema import ModelConfig


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model as it will be deployed to one environment.

    Attributes:
        path: where it stands in SSM, "/ai/dev/support_chat".
        config: its configuration, the environment's overrides among it.
        digest: the digest its release will carry; empty where a value can't be stored.
        parameters: one for each value, secret and part; neither release nor rollout among them.
        release: the release document and its parts; empty where a value can't be stored.
    """

    name: str
    path: str
    config: ModelConfig
    digest: str
    parameters: tuple[Parameter, ...]
    release: ReleaseText

    @property
    def release_name(self) -> str:
        """The release parameter's full name."""
        return release_name(self.path)

    @property
    def rollout_name(self) -> str:
        """The rollout parameter's full name."""
        return rollout_name(self.path)

    @property
    def standard_parameters(self) -> int:
        """How many parameters it takes in tier Standard: all but the release."""
        return len(self.parameters) + len(self.release.parts) + 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stack deploys.

    Attributes:
        stack: the stack's name.
        settings: what its file says.
        models: what is deployed, in the order of their names.
        findings: everything that is wrong, but for the secrets that have no value yet.
        unset: the config keys of secrets without a value, each with the fields they are for. No
            commit can hold a secret, so only a deploy counts them as findings.
    """

    stack: str
    settings: Settings
    models: tuple[PlannedModel, ...]
    findings: tuple[Finding, ...]
    unset: Mapping[str, list[str]]

    @property
    def path(self) -> str:
        """Where the environment stands in SSM, "/ai/dev"."""
        return self.settings.environment_path

    @property
    def unset_findings(self) -> list[Finding]:
        """The secrets without a value, as findings."""
        return unset_secrets(self.unset, self.stack)

    def refuse_findings(self) -> None:
        """Refuse to go on where something is wrong.

        Raises:
            InvalidConfigurationError: with every finding.
        """
        if self.findings:
            raise InvalidConfigurationError(self.findings)


def plan_stack(modules: Modules, config: StackConfig) -> Plan:
    """Return what a stack deploys, and everything that is wrong with it.

    Args:
        modules: the project's model modules.
        config: the stack's configuration, from the engine or from its file.
    """
    settings, findings = read_settings(config)
    findings += check_ending(modules.project, config.stack)
    findings += [*check_namespaces(config), *check_region(config)]
    findings += _check_choice(settings, config, modules.names)
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
    # A model that this stack leaves out may still have its secret in the stack's file; and as long
    # as a module can't be read, any secret may be its own.
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


def plan_model(
    model: Model, settings: Settings, region: str | None
) -> tuple[PlannedModel, list[Finding]]:
    """Return one model's parameters and release, and what can't be stored.

    Args:
        model: the model, overrides among it.
        settings: the stack's settings.
        region: where it is deployed to, as far as is known: names count with their ARN.
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
        findings.extend(_check_field(where, field, field_parameters, region))
        parameters.extend(field_parameters)
    if not parameters and not findings:
        findings.append(
            Finding(model.name, "it has no value at all", "give a field a value, or delete it")
        )
    findings.extend(limits.check_name(rollout_name(path), f"{model.name}/{ROLLOUT}", region))
    digest, text = "", ReleaseText("", {})
    if not findings:  # a release of values that can't be stored would say the same once more
        try:
            release = release_of(model, settings)
            digest, text = release.digest, write_release(release, release_name(path))
        except ReleaseError as error:
            findings.append(_too_large(model.name, error))
        else:
            for name in (release_name(path), *text.parts):
                findings.extend(limits.check_name(name, f"{model.name}/{RELEASE}", region))
    return PlannedModel(model.name, path, model.config, digest, tuple(parameters), text), findings


def release_of(model: Model, settings: Settings) -> Release:
    """Return what a model's release says.

    Raises:
        ReleaseError: the configuration holds a value that can't be stored.
    """
    path, values = settings.path_of(model.name), config_of(model.config)
    return Release(
        model=model.name,
        environment=settings.environment,
        schema=type(model.config).__name__,
        digest=digest_of(values),
        config=values,
        secrets={secret: secret_name(path, secret) for secret in secrets_of(model.config)},
    )


def _check_choice(
    settings: Settings, config: StackConfig, known: Sequence[str]
) -> Iterator[Finding]:
    """Yield names of models, in settings, that aren't there."""
    if not known:
        yield Finding("models", "there is no model module", "add one to models/")
    chosen = known if settings.models is None else settings.models
    for name in sorted(set(chosen) - set(known)):
        where = f"{NAMESPACE}:models"
        yield Finding(where, f'no model "{name}"', nearest(name, known), file=config.file)
    for name in sorted(set(settings.overrides) - set(chosen)):
        where = f"{NAMESPACE}:overrides.{name}"
        here = f"add it to {NAMESPACE}:models, or take its overrides out"
        fix = here if name in known else nearest(name, known)
        yield Finding(where, f'this stack has no model "{name}"', fix, file=config.file)


def _check_field(
    where: str, field: Sequence[str], parameters: Sequence[Parameter], region: str | None
) -> Iterator[Finding]:
    if (reserved := field[0].lower()) in RESERVED:
        yield Finding(
            where,
            f'a field at the top of a model can\'t be called "{field[0]}"',
            "rename it",
            f"the model's own {reserved} stands at that path, or at one that differs only in case",
        )
    if len(parameters) > MAX_PARTS:
        size = sum(size_in_bytes(str(parameter.content)) for parameter in parameters)
        yield Finding(
            where,
            f"it takes {size:,} bytes, {len(parameters):,} parts",
            "shorten it",
            f"at most {MAX_PARTS} parts of {PART_BYTES:,} bytes, {MAX_PARTS * PART_BYTES:,} in "
            "all (SSM API reference, PutParameter, Tier: Standard)",
        )
    if parameters:  # the last part has the longest name
        yield from limits.check_name(parameters[-1].name, where, region)


def _too_large(model: str, error: ReleaseError) -> Finding:
    return Finding(
        f"{model}/{RELEASE}",
        f"the model's whole configuration has {error}",
        "store less in this model, or split it in two",
        f"at most {MAX_RELEASE_PARTS} parts of {PART_BYTES:,} bytes, so that an application "
        "reads a release in a few requests",
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
        Counter({model.name: model.standard_parameters for model in planned})
    )
    yield from limits.check_alias(settings.key_alias)
    for model in planned:
        name = settings.policy_name(model.name, region or LONGEST_REGION)
        yield from limits.check_policy_name(model.name, name)
