"""The stack that a set of roles is limited to, and the ARNs of its resources."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One stack of the model configurations, from its outputs.

    Attributes:
        environment: the name of its environment in SSM, "prod".
        prefix: the path above all environments in SSM, "/ai".
        account, region: the account and region it is deployed to.
        key_arn: the key that its parameters are encrypted under.
        makes_key: whether the stack created that key, or uses an existing one.
        project, stack: the Pulumi project and stack that deploy it. The names of its GitHub
            environments begin with the stack's: "prod", "prod-promote".
        state_bucket: the S3 bucket that holds Pulumi's state.
        secrets_key_arn: the key of the stack's secrets provider.
        topic_arn: the SNS topic that the stack notifies; None for none.
        repository: the GitHub repository, as in the subject of its tokens.
        branch: the branch that is deployed.
    """

    environment: str
    prefix: str
    account: str
    region: str
    key_arn: str
    makes_key: bool
    project: str
    stack: str
    state_bucket: str
    secrets_key_arn: str
    topic_arn: str | None
    repository: str
    branch: str

    @property
    def partition(self) -> str:
        """The AWS partition, "aws" for most."""
        return self.key_arn.split(":")[1]

    @property
    def ref(self) -> str:
        """The ref of the branch that is deployed."""
        return f"refs/heads/{self.branch}"

    def parameters(self, pattern: str) -> str:
        """Return the ARN of parameters below the environment: "*" for all."""
        return f"{self._arn('ssm')}:parameter{self.prefix}/{self.environment}/{pattern}"

    @property
    def reader_policies(self) -> str:
        """The ARN of the reader policies, which differ from other environments' and regions'."""
        tree = f"{self.prefix}/{self.environment}"[1:].replace("/", "+")
        return f"{self._iam}:policy/model-config/{tree}+*@{self.region}"

    @property
    def rules(self) -> list[str]:
        """The ARNs of the rules for notifications, with the seven digits that tell stacks apart."""
        name = f"model-config{self.prefix}/{self.environment}".replace("/", "-")
        return [f"{self._arn('events')}:rule/{name}-{of}-???????" for of in ("releases", "key")]

    @property
    def oidc_provider(self) -> str:
        """The ARN of the account's OIDC provider for GitHub Actions."""
        return f"{self._iam}:oidc-provider/token.actions.githubusercontent.com"

    @property
    def audience(self) -> str:
        """The audience of GitHub's tokens: STS, by its name in the partition."""
        return f"sts.amazonaws.com{'.cn' if self.partition == 'aws-cn' else ''}"

    def workflow(self, file: str, ref: str) -> str:
        """Return a token's claim `job_workflow_ref` for a workflow's file and a ref."""
        names = re.sub(r"@\d+", "", self.repository)  # newer subjects have ids after the names
        return f"{names}/.github/workflows/{file}@{ref}"

    def state(self, *paths: str) -> list[str]:
        """Return the ARNs of objects in the state bucket."""
        return [f"{self.bucket}/.pulumi/{path}" for path in paths]

    @property
    def bucket(self) -> str:
        """The state bucket's ARN."""
        return f"arn:{self.partition}:s3:::{self.state_bucket}"

    @property
    def _iam(self) -> str:
        return f"arn:{self.partition}:iam::{self.account}"

    def _arn(self, service: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}"
