"""A role that one kind of workflow run of a repository can assume, without an access key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
from runs import Runs
from scope import Scope

_ISSUER = "token.actions.githubusercontent.com"


class GithubRole(pulumi.ComponentResource):
    """An IAM role with an inline policy.

    It doesn't create the OIDC provider, because an account has one for all repositories.

    Args:
        purpose: the purpose of the role, which is the last part of its name.
        scope: the stack that it is limited to.
        runs: returns the runs that may assume it.
        permissions: returns its IAM statements.

    Attributes:
        arn: the ARN that a workflow passes as `role-to-assume`.
    """

    def __init__(
        self,
        purpose: str,
        scope: pulumi.Output[Scope],
        runs: Callable[[Scope], Runs],
        permissions: Callable[[Scope], list[dict[str, Any]]],
    ) -> None:
        super().__init__("model-config:index:GithubRole", purpose)
        opts = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            purpose,
            # Named after the stack: an environment may be deployed to two regions of one account.
            name=scope.apply(lambda scope: f"model-config-{scope.stack}-{purpose}"),
            path="/model-config/",
            assume_role_policy=scope.apply(lambda scope: trust(scope, runs(scope))),
            opts=opts,
        )
        aws.iam.RolePolicy(
            purpose,
            role=role.name,
            policy=scope.apply(lambda scope: policy(permissions(scope))),
            opts=opts,
        )
        self.arn: pulumi.Output[str] = role.arn
        self.register_outputs({"arn": self.arn})


def trust(scope: Scope, runs: Runs) -> str:
    """Return the trust policy, which accepts GitHub's tokens of one subject for AWS.

    In the partition "aws", STS also checks the workflow's file and ref (IAM user guide, Available
    keys for AWS OIDC federation). A token without such a claim is refused.
    """
    exact = {"aud": scope.audience, "sub": f"repo:{scope.repository}:{runs.subject}"}
    conditions = {"StringEquals": exact}
    if scope.partition == "aws":
        files = [scope.workflow(file, runs.ref or "refs/pull/*/merge") for file in runs.workflows]
        conditions["StringLike"] = {"job_workflow_ref": files}
        if runs.ref:
            exact["ref"] = runs.ref
    return policy(
        [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Principal": {"Federated": scope.oidc_provider},
                "Condition": {
                    operator: {f"{_ISSUER}:{claim}": value for claim, value in claims.items()}
                    for operator, claims in conditions.items()
                },
            }
        ]
    )


def policy(statements: list[dict[str, Any]]) -> str:
    """Return the policy document of statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
