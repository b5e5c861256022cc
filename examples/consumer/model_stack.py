"""What the model configurations' stack exports, with types. Copy this file into your project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import pulumi


@dataclass(frozen=True, slots=True)
class Pin:
    """Exactly one version of a parameter.

    Attributes:
        reference: "name:version", usable as it stands in SSM's GetParameter.
    """

    name: str
    arn: str
    version: int
    reference: str

    @classmethod
    def of(cls, exported: Mapping[str, Any]) -> Self:
        """Return a pin as it was exported. A StackReference gives every number as a float."""
        return cls(**{**exported, "version": int(exported["version"])})


@dataclass(frozen=True, slots=True)
class Model:
    """One model's exports.

    Attributes:
        path: where it stands in SSM, "/ai/prod/support_chat".
        digest: "sha256:…" of its configuration.
        release: the newest release's parameter; its version is the release's number.
        reader_policy_arn: the managed policy that lets a role read it.
        reader_policy_json: the same policy's text, for a role that has no room for one more.
        parameters: each value's parameter, by its path in the model.
    """

    path: str
    digest: str
    release: Pin
    reader_policy_arn: str
    reader_policy_json: str
    parameters: dict[str, Pin]

    @classmethod
    def of(cls, exported: Mapping[str, Any]) -> Self:
        """Return a model as it was exported."""
        parameters = {path: Pin.of(pin) for path, pin in exported["parameters"].items()}
        return cls(**{**exported, "release": Pin.of(exported["release"]), "parameters": parameters})

    def prefix(self, environment: str) -> str:
        """Return what stands above the environment in the path, "/ai"."""
        return self.path.rsplit(f"/{environment}/", 1)[0]


class ModelStack:
    """The stack that deploys the model configurations.

    Args:
        name: the stack's full name, "organization/model-config/prod".

    Attributes:
        environment: the name of its environment.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._stack = pulumi.StackReference(name)
        self.environment: pulumi.Output[str] = self._stack.require_output("environment")

    def model(self, name: str) -> pulumi.Output[Model]:
        """Return a model's exports.

        Raises:
            pulumi.RunError: the stack has no such model.
        """
        return self._stack.require_output("models").apply(
            lambda models: pick(models, name, self._name)
        )


def pick(models: Mapping[str, Any], name: str, stack: str) -> Model:
    """Return one of the models that a stack exports.

    Raises:
        pulumi.RunError: it has no such model; the error says which it has.
    """
    if name not in models:
        known = ", ".join(sorted(models))
        raise pulumi.RunError(f"{stack} has no model {name!r}. There are: {known}")
    return Model.of(models[name])
