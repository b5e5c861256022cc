"""Who may read: one IAM policy for each model, with nothing in it but that model."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from model_config.infra.encryption_key import EncryptionKey
from model_config.plan.planned_model import PlannedModel
from model_config.plan.policies import POLICY_PATH, reader_policy
from model_config.plan.settings import Settings


def make_reader_policy(
    model: PlannedModel, settings: Settings, key: EncryptionKey, opts: pulumi.ResourceOptions
) -> aws.iam.Policy:
    """Make the managed policy that lets a role read one model's releases, rollout and secrets.

    It does not grant the parameters beside the release (no reader needs them), listing by path,
    or a parameter's history.
    """
    return aws.iam.Policy(
        f"{model.name}/reader",
        name=settings.policy_name(model.name, key.account.region),
        path=POLICY_PATH,
        description=f"Reads the releases and secrets of {model.path}",
        policy=pulumi.Output.json_dumps(reader_policy(model.path, key.arn, key.account)),
        tags=settings.tags,
        opts=opts,
    )
