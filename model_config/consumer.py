"""What another Pulumi project imports: the models of a stack, with types.

A program gets them in one of two ways. `from_reference` has everything, and opens the producer's
whole state and its secrets provider. `from_aws` asks SSM for one parameter a model, and has no
digest and no map of parameters. docs/consuming.md compares them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pulumi
import pulumi_aws as aws

from model_config.format.names import environment_path, model_path, release_name
from model_config.plan.policies import Account, reader_policy_name


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
        version = int(exported["version"])
        return cls(exported["name"], exported["arn"], version, exported["reference"])


@dataclass(frozen=True, slots=True)
class Model:
    """One model of an environment.

    Attributes:
        path: where it stands in SSM, "/ai/prod/support_chat".
        release: the release's parameter; its version is the release's number.
        reader_policy_arn: the managed policy that lets a role read it.
        digest: "sha256:…" of its configuration; None from AWS, where it is encrypted.
        reader_policy_json: the policy's text, for a role that has no room for one more; None from
            AWS.
        parameters: each value's and secret's parameter, by its path in the model; none from AWS.
    """

    path: str
    release: Pin
    reader_policy_arn: str
    digest: str | None = None
    reader_policy_json: str | None = None
    parameters: Mapping[str, Pin] = field(default_factory=dict)

    @classmethod
    def of(cls, exported: Mapping[str, Any]) -> Self:
        """Return a model as it was exported. Keys of a newer producer are passed over."""
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
        """What a reader of the model is given as its prefix, "/ai"."""
        return self.path.rsplit("/", 2)[0]

    @property
    def environment(self) -> str:
        """What a reader of the model is given as its environment, "prod"."""
        return self.path.rsplit("/", 2)[1]


class ModelStack(ABC):
    """The models that a stack deploys."""

    @staticmethod
    def from_reference(name: str, opts: pulumi.ResourceOptions | None = None) -> ModelStack:
        """Return a stack's models by what it exports.

        Who runs the program needs to read the producer's state, and `kms:Decrypt` on the key of its
        secrets provider; with that they can read every model's secrets.

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
        """Return an environment's models by what SSM says of their releases.

        Who runs the program needs `ssm:GetParameter` on `{prefix}/{environment}/*`, and no right to
        decrypt.

        Args:
            environment: the environment's name, "prod".
            prefix: what stands above all environments.
            region: where it is deployed to. Default: the provider's region.
            label: which release to give: the one that this label is on. Default: the newest.
            opts: options of the requests, such as the provider of another account.

        Raises:
            UsageError: the prefix or the environment has a form that SSM has no parameter for.
        """
        return _StackInAws(environment_path(prefix, environment), region, label, opts)

    @abstractmethod
    def model(self, name: str) -> pulumi.Output[Model]:
        """Return a model.

        Raises:
            pulumi.RunError: there is no such model, or it can't be read.
        """

    @abstractmethod
    def parameter(self, path: str) -> pulumi.Output[Pin]:
        """Return the newest version of one parameter: "support_chat/generation/temperature".

        Raises:
            pulumi.RunError: there is no such parameter, or it can't be read.
        """


class _ReferencedStack(ModelStack):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None) -> None:
        self._name = name
        self._models = pulumi.StackReference(name, opts=opts).require_output("models")

    def model(self, name: str) -> pulumi.Output[Model]:
        return self._models.apply(lambda models: self._picked(models, name))

    def parameter(self, path: str) -> pulumi.Output[Pin]:
        model, _, below = path.partition("/")
        return self.model(model).apply(lambda found: self._pinned(found, below))

    def _picked(self, models: Mapping[str, Any], name: str) -> Model:
        if name not in models:
            known = ", ".join(sorted(models))
            raise pulumi.RunError(f"{self._name} has no model {name!r}. There are: {known}")
        return Model.of(models[name])

    def _pinned(self, model: Model, path: str) -> Pin:
        if path not in model.parameters:
            known = ", ".join(sorted(model.parameters))
            raise pulumi.RunError(f"there is no parameter {model.path}/{path}. There are: {known}")
        return model.parameters[path]


class _StackInAws(ModelStack):
    def __init__(
        self, path: str, region: str | None, label: str | None, opts: pulumi.InvokeOptions | None
    ) -> None:
        self._path, self._region, self._label, self._opts = path, region, label, opts

    def model(self, name: str) -> pulumi.Output[Model]:
        path = model_path(self._path, name)
        release = self._newest(release_name(path), self._label)
        _, _, _, region, account, _ = release.arn.split(":", 5)
        policy = Account(account, region).policy_arn(reader_policy_name(path, region))
        return pulumi.Output.from_input(Model(path, release, policy))

    def parameter(self, path: str) -> pulumi.Output[Pin]:
        return pulumi.Output.from_input(self._newest(f"{self._path}/{path}"))

    def _newest(self, name: str, label: str | None = None) -> Pin:
        asked = f"{name}:{label}" if label else name
        try:
            found = aws.ssm.get_parameter(
                name=asked, region=self._region, with_decryption=False, opts=self._opts
            )
        except Exception as error:  # noqa: BLE001 -- what the engine reports is a plain Exception
            raise pulumi.RunError(
                f"{asked} can't be read: {error}\n"
                "  fix: check the name, the region, whether it is deployed, and that you have "
                "ssm:GetParameter on it"
            ) from None
        version = int(found.version)
        return Pin(name, found.arn, version, f"{name}:{version}")
