"""The stack's outputs, which other stacks rely on. Their names never change."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws import ssm

from model_config.infra.components import EncryptionKey, ModelParameters
from model_config.plan.settings import Settings


def export_stack(settings: Settings, key: EncryptionKey, models: Sequence[ModelParameters]) -> None:
    """Export the environment, the key, and the version and ARN of each parameter.

    No output is secret. A single secret, or a whole resource, would make every output secret for
    a stack that reads them.
    """
    pulumi.export("environment", settings.environment)
    pulumi.export("region", key.account.region)
    pulumi.export("account_id", key.account.id)
    pulumi.export("kms_key", {"arn": key.arn, "id": key.key_id, "alias": key.alias})
    pulumi.export("models", {deployed.model.name: _model(deployed) for deployed in models})


def _model(deployed: ModelParameters) -> dict[str, Any]:
    model = deployed.model
    return {
        "path": model.path,
        "digest": model.digest,
        "release": _pin(model.release_name, deployed.release),
        "reader_policy_arn": deployed.reader_policy.arn,
        "reader_policy_json": deployed.reader_policy.policy,
        "parameters": {
            parameter.path: _pin(parameter.name, deployed.parameters[parameter.path])
            for parameter in model.parameters
        },
    }


def _pin(name: str, parameter: ssm.Parameter) -> dict[str, pulumi.Input[Any]]:
    # Numbers arrive as floats, and from the mocks of Pulumi's testing guide not at all.
    version = parameter.version.apply(lambda version: int(version or 0))
    return {
        "name": name,
        "arn": parameter.arn,
        "version": version,
        "reference": version.apply(lambda number: f"{name}:{number}"),
    }
