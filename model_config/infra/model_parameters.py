"""One model in SSM: its parameters, the release that closes them off, and who may read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from model_config.format.codec import encode
from model_config.format.names import release_part
from model_config.format.rollout_document import EMPTY
from model_config.infra.encryption_key import EncryptionKey
from model_config.plan.planned_model import PlannedModel
from model_config.plan.policies import POLICY_PATH, reader_policy
from model_config.plan.settings import Settings
from model_config.plan.stack_config import NAMESPACE
from model_config.schema import SecretRef


@dataclass(frozen=True, slots=True)
class ModelParametersArgs:
    """What a model's resources are made from: the plan, the settings, and the key."""

    model: PlannedModel
    settings: Settings
    key: EncryptionKey


class ModelParameters(pulumi.ComponentResource):
    """Every value of a model as a SecureString, its rollout, and the release, written last.

    Logical names are paths, so neither the order of models nor what else there is matters: adding
    one leaves the others as they are.

    Attributes:
        model: what was deployed.
        parameters: the resources by their path in the model, "generation/temperature".
        rollout: the rollout's parameter, a String.
        release: the release's parameter.
        reader_policy: the managed policy for roles that read this model. It does not grant the
            parameters beside the release (no reader needs them), listing by path, or a parameter's
            history.
    """

    def __init__(
        self, name: str, args: ModelParametersArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("model-config:index:ModelParameters", name, opts=opts)
        model, settings, key = args.model, args.settings, args.key
        self.model = model
        self._secure_string: dict[str, Any] = {
            "type": aws.ssm.ParameterType.SECURE_STRING,
            "key_id": key.arn,
            "tags": settings.tags,
        }
        child = pulumi.ResourceOptions(parent=self)
        self.parameters = {
            parameter.path: aws.ssm.Parameter(
                f"{model.name}/{parameter.path}",
                name=parameter.name,
                value=_text_of(parameter.content),
                tier="Standard",
                opts=child,
                **self._secure_string,
            )
            for parameter in model.parameters
        }
        self.rollout = aws.ssm.Parameter(
            f"{model.name}/rollout",
            name=model.rollout_name,
            type=aws.ssm.ParameterType.STRING,
            tier="Standard",
            value=EMPTY,
            tags=settings.tags,
            # From here on the command line writes it. A change of anything but its value and its
            # tags would write the program's value back.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["value"]),
        )
        self.release = self._write_release(settings)
        self.reader_policy = aws.iam.Policy(
            f"{model.name}/reader",
            name=settings.policy_name(model.name, key.account.region),
            path=POLICY_PATH,
            description=f"Reads the releases and secrets of {model.path}",
            policy=pulumi.Output.json_dumps(reader_policy(model.path, key.arn, key.account)),
            tags=settings.tags,
            # AWS refuses to delete a policy that a role still has. So it depends on the release,
            # and goes first: a model in use fails to be removed before anything of it is lost.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.release], protect=settings.protect
            ),
        )
        self.register_outputs({"path": model.path, "digest": model.digest})

    def _write_release(self, settings: Settings) -> aws.ssm.Parameter:
        # Older releases still name parts that the program no longer knows, and a part whose text
        # comes back has kept its name: so parts stay, and may be written over by the same text.
        opts = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        parts = [
            aws.ssm.Parameter(
                f"{self.model.name}/release/parts/{part}",
                name=release_part(self.model.path, part),
                value=text,
                tier="Standard",
                overwrite=True,
                opts=opts,
                **self._secure_string,
            )
            for part, text in self.model.release.parts.items()
        ]
        return aws.ssm.Parameter(
            f"{self.model.name}/release",
            name=self.model.release_name,
            value=self.model.release.document,
            tier="Standard",
            # Deletion goes the other way: what a protected release depends on stays with it.
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*self.parameters.values(), *parts, self.rollout],
                protect=settings.protect,
            ),
            **self._secure_string,
        )


def _text_of(content: str | SecretRef) -> pulumi.Input[str]:
    if isinstance(content, SecretRef):
        return pulumi.Config(NAMESPACE).require_secret(content.config_key).apply(encode)
    return content
