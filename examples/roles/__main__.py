"""Four roles for one stack: preview, deploy, promote and drift; and a boundary for applications."""

from typing import Any

import permissions
import pulumi
import pulumi_aws as aws
import runs
from boundary import boundary
from github_role import GithubRole, policy
from scope import Scope

config = pulumi.Config()
model_stack = config.require("modelStack")
models = pulumi.StackReference(model_stack)
#: The actions that the boundary allows an application's role in addition to reading models.
own_work = config.get_object("applicationActions") or [
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "cloudwatch:PutMetricData",
]


def scope_of(exported: dict[str, Any]) -> Scope:
    """Return the scope of the roles, from the stack's outputs and this project's settings."""
    _, project, stack = model_stack.split("/")
    key = exported["kms_key"]
    return Scope(
        environment=exported["environment"],
        prefix=config.get("prefix") or "/ai",
        account=exported["account_id"],
        region=exported["region"],
        key_arn=key["arn"],
        makes_key=key.get("alias") is not None,
        project=project,
        stack=stack,
        state_bucket=config.require("stateBucket"),
        secrets_key_arn=config.require("secretsKeyArn"),
        topic_arn=config.get("notifyTopicArn") or None,
        repository=config.require("repository"),
        branch=config.get("branch") or "main",
    )


names = ("environment", "account_id", "region", "kms_key")
scope = pulumi.Output.all(**{name: models.require_output(name) for name in names}).apply(scope_of)


preview = GithubRole("preview", scope, runs.previews, permissions.preview)
deploy = GithubRole("deploy", scope, runs.deploys, permissions.deploy)
promote = GithubRole("promote", scope, runs.promotions, permissions.promote)
drift = GithubRole("drift", scope, runs.drift_checks, permissions.drift)

# For those who create applications' roles.
application_boundary = aws.iam.Policy(
    "application-boundary",
    name=scope.apply(lambda scope: f"model-config-{scope.stack}-applications"),
    path="/model-config-boundary/",
    policy=scope.apply(lambda scope: policy(boundary(scope, own_work))),
)

pulumi.export("preview", preview.arn)
pulumi.export("deploy", deploy.arn)
pulumi.export("promote", promote.arn)
pulumi.export("drift", drift.arn)
pulumi.export("application_boundary", application_boundary.arn)
