"""One model as it will be deployed: parameters and release, checked against the limits of SSM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model_config.format.codec import MAX_PARTS, PART_BYTES, size_in_bytes
from model_config.format.errors import CodecError, Finding, ReleaseError
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
from model_config.plan.hierarchy import (
    Parameter,
    config_of,
    leaves,
    none_of,
    parameters_of,
    secrets_of,
    templates_of,
)
from model_config.plan.registry import Model
from model_config.plan.settings import Settings
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
        """The release parameter's full name."""
        return release_name(self.path)

    @property
    def rollout_name(self) -> str:
        """The rollout parameter's full name."""
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
            release = _release_of(model, settings)
            digest, text = release.digest, write_release(release)
        except ReleaseError as error:
            findings.append(_too_large(model.name, error))
        else:
            for name in (release_name(path), *(release_part(path, part) for part in text.parts)):
                findings.extend(limits.check_name(name, f"{model.name}/{RELEASE}", region))
    return PlannedModel(model.name, path, model.config, digest, tuple(parameters), text), findings


def _release_of(model: Model, settings: Settings) -> Release:
    return Release.of(
        model.name,
        settings.environment,
        type(model.config).__name__,
        config_of(model.config),
        secrets=secrets_of(model.config),
        templates=templates_of(model.config),
        none=none_of(model.config),
    )


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


def _too_large(model: str, error: ReleaseError) -> Finding:
    return Finding(
        f"{model}/{RELEASE}",
        f"the model's whole configuration has {error}",
        "store less in this model, or split it in two",
        f"at most {MAX_PARTS} parts of {PART_BYTES:,} bytes, so that an application "
        "reads a release in a few requests",
    )
