"""For other Pulumi projects: the models that a stack deploys, with types.

`ModelStack.from_reference` reads the stack's outputs. It returns everything, and needs access to
the producer's whole state and its secrets provider. `ModelStack.from_aws` reads one SSM parameter
for each model. It returns neither the digest nor the parameters. docs/consuming.md compares them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

import pulumi
import pulumi_aws as aws

from model_config.format import names
from model_config.plan.aws import Account, reader_policy_name


@dataclass(frozen=True, slots=True)
class Pin:
    """Exactly one version of a parameter."""

    name: str
    arn: str
    version: int
    reference: str  #: "name:version", which SSM's GetParameter takes as a name.

    @classmethod
    def of(cls, exported: Mapping[str, Any]) -> Self:
        """Return the pin that a stack exported. A StackReference returns numbers as floats."""
        version = int(exported["version"])
        return cls(exported["name"], exported["arn"], version, exported["reference"])


@dataclass(frozen=True, slots=True)
class Model:
    """One model of an environment. `from_aws` gives none of what has a default.

    Attributes:
        path: its path in SSM, "/ai/prod/support_chat".
        release: the release parameter; its version is the release's number.
        reader_policy_arn: the managed policy that lets a role read the model.
        digest: "sha256:…" of its configuration, which SSM holds encrypted.
        reader_policy_json: the policy's document, for a role that can't have another policy.
        parameters: those of its values and secrets, by their paths in the model.
    """

    path: str
    release: Pin
    reader_policy_arn: str
    digest: str | None = None
    reader_policy_json: str | None = None
    parameters: Mapping[str, Pin] = field(default_factory=dict)

    @classmethod
    def of(cls, exported: Mapping[str, Any]) -> Self:
        """Return the model that a stack exported. Unknown keys of a newer stack are ignored."""
        return cls(
            path=exported["path"],
            release=Pin.of(exported["release"]),
            reader_policy_arn=exported["reader_policy_arn"],
            digest=exported["digest"],
            reader_policy_json=exported["reader_policy_json"],
            parameters={path: Pin.of(pin) for path, pin in exported["parameters"].items()},
        )

    @property
    def prefix(self) -> str:
        """The `prefix` of a `Reader` of this model, "/ai"."""
        return self.path.rsplit("/", 2)[0]

    @property
    def environment(self) -> str:
        """The `environment` of a `Reader` of this model, "prod"."""
        return self.path.rsplit("/", 2)[1]


class ModelStack(ABC):
    """The models that a stack deploys."""

    @staticmethod
    def from_reference(name: str, opts: pulumi.ResourceOptions | None = None) -> ModelStack:
        """Return a stack's models, read from its outputs.

        Whoever runs the program needs read access to the producer's state, and `kms:Decrypt` on the
        key of its secrets provider. With these they can read every model's secrets.

        Args:
            name: the stack's full name, "organization/model-config/prod".
            opts: options of the StackReference.
        """
        return _ReferencedStack(name, opts)

    @staticmethod
    def from_aws(
        *,
        environment: str,
        prefix: str = "/ai",
        region: str | None = None,
        label: str | None = None,
        opts: pulumi.InvokeOptions | None = None,
    ) -> ModelStack:
        """Return an environment's models, read from their releases in SSM.

        Whoever runs the program needs `ssm:GetParameter` on `{prefix}/{environment}/*`, and no
        permission to decrypt.

        Args:
            environment: the environment's name, "prod".
            prefix: the path above all environments.
            region: the region of the environment. Defaults to the provider's region.
            label: the label of the release to return. Defaults to "latest", the newest release.
            opts: options of the invokes, such as the provider of another account.

        Raises:
            UsageError: the prefix, the environment or the label is not valid.
        """
        label = label or names.LATEST
        names.check_selector(label)
        return _StackInAws(names.environment_path(prefix, environment), region, label, opts)

    @abstractmethod
    def model(self, name: str) -> pulumi.Output[Model]:
        """Return a model; pulumi.RunError: it doesn't exist, or can't be read."""

    @abstractmethod
    def parameter(self, path: str) -> pulumi.Output[Pin]:
        """Return the newest version of one parameter: "support_chat/generation/temperature".

        pulumi.RunError: it doesn't exist, or can't be read.
        """


class _ReferencedStack(ModelStack):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None) -> None:
        self._name = name
        self._models = pulumi.StackReference(name, opts=opts).require_output("models")

    def model(self, name: str) -> pulumi.Output[Model]:
        problem = f"{self._name} has no model {name!r}. Its models"
        return self._models.apply(lambda models: Model.of(_selected(models, name, problem)))

    def parameter(self, path: str) -> pulumi.Output[Pin]:
        name, _, below = path.partition("/")

        def pin(model: Model) -> Pin:
            problem = f"there is no parameter {model.path}/{below}. The model's parameters"
            return cast(Pin, _selected(model.parameters, below, problem))

        return self.model(name).apply(pin)


def _selected(mapping: Mapping[str, Any], name: str, problem: str) -> Any:
    if name not in mapping:
        raise pulumi.RunError(f"{problem}: {', '.join(sorted(mapping))}")
    return mapping[name]


class _StackInAws(ModelStack):
    def __init__(
        self, path: str, region: str | None, label: str, opts: pulumi.InvokeOptions | None
    ) -> None:
        self._path, self._region, self._label, self._opts = path, region, label, opts

    def model(self, name: str) -> pulumi.Output[Model]:
        path = names.model_path(self._path, name)
        release = self._newest(names.release_name(path), self._label)
        _, _, _, region, account, _ = release.arn.split(":", 5)
        policy = Account(account, region).policy_arn(reader_policy_name(path, region))
        return pulumi.Output.from_input(Model(path, release, policy))

    def parameter(self, path: str) -> pulumi.Output[Pin]:
        return pulumi.Output.from_input(self._newest(f"{self._path}/{path}"))

    def _newest(self, name: str, label: str = names.LATEST) -> Pin:
        selector = name if label == names.LATEST else f"{name}:{label}"
        try:
            parameter = aws.ssm.get_parameter(
                name=selector, region=self._region, with_decryption=False, opts=self._opts
            )
        except Exception as error:  # noqa: BLE001 -- the engine raises plain Exceptions
            raise pulumi.RunError(
                f"{selector} can't be read: {error}\n"
                "  fix: check the name and the region, that the model is deployed, and that you "
                "have ssm:GetParameter on it"
            ) from None
        version = int(parameter.version)
        return Pin(name, parameter.arn, version, f"{name}:{version}")
