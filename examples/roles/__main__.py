"""Four roles for one environment: who may look, deploy, promote, and watch for drift."""

from typing import Any

import permissions
import pulumi
from github_role import GithubRole
from scope import Scope

config = pulumi.Config()
repository = config.require("repository")
model_stack = config.require("modelStack")
models = pulumi.StackReference(model_stack)


def scope_of(environment: str, kms_key: dict[str, Any]) -> Scope:
    """Return what the stack's exports and our own settings say together."""
    _, project, stack = model_stack.split("/")
    return Scope(
        environment=environment,
        prefix=config.get("prefix") or "/ai",
        key_arn=kms_key["arn"],
        project=project,
        stack=stack,
        state_bucket=config.require("stateBucket"),
        secrets_key_arn=config.require("secretsKeyArn"),
    )


environment = models.require_output("environment")
scope = pulumi.Output.all(environment, models.require_output("kms_key")).apply(
    lambda known: scope_of(*known)
)


def runs(*kind: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the subject that GitHub gives to such runs in this repository."""
    return pulumi.Output.concat("repo:", repository, ":", *kind)


# Which runs may take which role. A job's environment is where GitHub asks for an approval.
preview = GithubRole("preview", scope, runs("pull_request"), permissions.preview)
deploy = GithubRole("deploy", scope, runs("environment:", environment), permissions.deploy)
promote = GithubRole(
    "promote", scope, runs("environment:", environment, "-promote"), permissions.promote
)
drift = GithubRole("drift", scope, runs("ref:refs/heads/main"), permissions.drift)

pulumi.export("preview", preview.arn)
pulumi.export("deploy", deploy.arn)
pulumi.export("promote", promote.arn)
pulumi.export("drift", drift.arn)
