"""One model in SSM: its parameters, its release, and the policy that lets a role read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from model_config.format.codec import encode
from model_config.format.names import release_part
from model_config.format.rollout import EMPTY
from model_config.infra.encryption_key import EncryptionKey
from model_config.plan.aws import POLICY_PATH, reader_policy
from model_config.plan.plan import PlannedModel
from model_config.plan.project import NAMESPACE
from model_config.plan.settings import Settings
from model_config.schema import SecretRef


@dataclass(frozen=True, slots=True)
class ModelParametersArgs:
    model: PlannedModel
    settings: Settings
    key: EncryptionKey


class ModelParameters(pulumi.ComponentResource):
    """A model's values as SecureStrings, its rollout, and its release, which is written last.

    Each resource's logical name is its path, so adding, removing or reordering models doesn't
    change the resources of other models.

    Attributes:
        model: the deployed model.
        parameters: the parameters of values and secrets, by path ("generation/temperature").
        rollout: the rollout parameter, a String.
        release: the release parameter.
        reader_policy: the managed policy for roles that read this model. It grants neither the
            values beside the release, which no reader needs, nor listing by path, nor a
            parameter's history.
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
            # The command line writes the value from now on. If the program changed anything but
            # the value and the tags, the update would write the program's value back.
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
            # AWS refuses to delete a policy that is attached to a role. The policy depends on the
            # release and so is deleted first: removing a model in use fails before anything is
            # lost.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.release], protect=settings.protect
            ),
        )
        self.register_outputs({"path": model.path, "digest": model.digest})

    def _write_release(self, settings: Settings) -> aws.ssm.Parameter:
        # Older releases still name parts that the program no longer has, so parts are kept. A text
        # that comes back gets the same name, so a part may be overwritten with the same text.
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
            # Deletion runs in the opposite order, so a protected release keeps what it depends on.
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
