"""From a stack's configuration to what will be deployed, checked whole before anything is.

Everything that is wrong is reported at once, so each step goes on with what is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model_config.core import limits
from model_config.core.codec import MAX_PARTS, PART_BYTES, size_in_bytes
from model_config.core.errors import CodecError, Finding, ReleaseError
from model_config.core.hierarchy import (
    RELEASE,
    SECRETS,
    Parameter,
    config_of,
    leaves,
    parameters_of,
    secrets_of,
)
from model_config.core.overrides import apply_overrides
from model_config.core.registry import Model, load_models, model_names
from model_config.core.release import MAX_RELEASE_PARTS, Release, ReleaseText, digest_of, write
from model_config.core.secrets import check_keys, check_secrets, secret_fields
from model_config.core.settings import NAMESPACE, Settings, StackConfig, nearest


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model as it will be deployed to one environment.

    Attributes:
        path: where it stands in SSM, "/ai/dev/support_chat".
        parameters: one for each value, secret and part; the release is not among them.
        release: the release document and its parts.
    """

    name: str
    path: str
    digest: str
    parameters: tuple[Parameter, ...]
    release: ReleaseText

    @property
    def release_name(self) -> str:
        """The release parameter's full name."""
        return f"{self.path}/{RELEASE}"


def plan(
    settings: Settings, config: StackConfig, findings: list[Finding], folder: Path | None = None
) -> list[PlannedModel]:
    """Return what the stack deploys, and add to `findings` everything that is wrong with it."""
    models = configured_models(settings, config, findings, folder)
    planned = [plan_model(model, settings, config.region, findings) for model in models]
    findings.extend(_check_whole_stack(planned, settings, config.region))
    return planned


def configured_models(
    settings: Settings, config: StackConfig, findings: list[Finding], folder: Path | None = None
) -> list[Model]:
    """Return the stack's models with its overrides in them, and report wrong modules and keys."""
    known = model_names(folder)
    findings.extend(_check_choice(settings, config, known))
    chosen = [name for name in known if settings.models is None or name in settings.models]
    models = [
        replace(
            model,
            config=apply_overrides(model, settings.overrides.get(model.name, {}), config, findings),
        )
        for model in load_models(chosen, findings, folder)
    ]
    # A model that this stack leaves out may still have its secret in the stack's file; and as long
    # as a module can't be read, any secret may be its own.
    left_out = load_models(sorted(set(known) - set(chosen)), [], folder)
    readable = [*models, *left_out]
    all_known = len(readable) == len(known)
    findings.extend(check_keys(config, secret_fields(readable), all_known=all_known))
    findings.extend(check_secrets(secret_fields(models), config))
    return models


def plan_model(
    model: Model, settings: Settings, region: str | None, findings: list[Finding]
) -> PlannedModel:
    """Return one model's parameters and release, and report what can't be stored."""
    path = settings.path_of(model.name)
    planned = PlannedModel(model.name, path, "", (), ReleaseText("", {}))
    problems: list[Finding] = []
    parameters: list[Parameter] = []
    for field, value in leaves(model.config):
        where = "/".join((model.name, *field))
        try:
            field_parameters = parameters_of(field, value, path)
        except CodecError as error:
            problems.append(Finding(where, f"it can't be stored: {error}", "give it another value"))
            continue
        problems.extend(_check_field(where, field, field_parameters, region))
        parameters.extend(field_parameters)
    findings.extend(problems)
    planned = replace(planned, parameters=tuple(parameters))
    if problems:  # a release of values that can't be stored would say the same once more
        return planned

    release = release_of(model, settings)
    try:
        text = write(release, planned.release_name)
    except ReleaseError as error:
        findings.append(_too_large(model.name, error))
        return planned
    for name in (planned.release_name, *text.parts):
        findings.extend(limits.check_name(name, f"{model.name}/{RELEASE}", region))
    return replace(planned, digest=release.digest, release=text)


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
        secrets={secret: f"{path}/{SECRETS}/{secret}" for secret in secrets_of(model.config)},
    )


def _check_choice(
    settings: Settings, config: StackConfig, known: Sequence[str]
) -> Iterator[Finding]:
    """Yield names of models, in settings, that aren't there."""
    if not known:
        yield Finding("models", "there is no model module", "add one to model_config/models/")
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
    if (reserved := field[0].lower()) in {RELEASE, SECRETS}:
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
        Counter({model.name: len(model.parameters) + len(model.release.parts) for model in planned})
    )
    yield from limits.check_alias(settings.key_alias)
    for model in planned:
        name = settings.policy_name(model.name, region or limits.LONGEST_REGION)
        yield from limits.check_policy_name(model.name, name)
