"""A role that one kind of workflow run in one repository can take, with no key to keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
from scope import Scope

_ISSUER = "token.actions.githubusercontent.com"


class GithubRole(pulumi.ComponentResource):
    """An IAM role, and the policy that stands in it.

    It makes no OIDC provider, of which an account has one for all repositories.

    Args:
        purpose: what the role is for: the last part of its name.
        scope: the environment it is held to.
        subject: which runs may take it: "repo:owner/name:pull_request".
        permissions: returns its IAM statements.

    Attributes:
        arn: what a workflow names as `role-to-assume`.
    """

    def __init__(
        self,
        purpose: str,
        scope: pulumi.Output[Scope],
        subject: pulumi.Input[str],
        permissions: Callable[[Scope], list[dict[str, Any]]],
    ) -> None:
        super().__init__("model-config:index:GithubRole", purpose)
        opts = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            purpose,
            name=scope.apply(lambda scope: f"model-config-{scope.environment}-{purpose}"),
            path="/model-config/",
            assume_role_policy=pulumi.Output.all(scope, subject).apply(lambda known: trust(*known)),
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


def trust(scope: Scope, subject: str) -> str:
    """Return the trust policy: GitHub's word for exactly one subject, given for AWS."""
    return policy(
        [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Principal": {"Federated": scope.oidc_provider},
                "Condition": {
                    "StringEquals": {
                        f"{_ISSUER}:aud": "sts.amazonaws.com",
                        f"{_ISSUER}:sub": subject,
                    }
                },
            }
        ]
    )


def policy(statements: list[dict[str, Any]]) -> str:
    """Return statements as a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
