"""What the roles of one environment are held to, and the ARNs that follow from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One environment of the model configurations, as its stack exports it.

    Attributes:
        environment: its name, "prod".
        prefix: where in SSM all environments stand, "/ai".
        key_arn: the key its parameters are encrypted by.
        project, stack: the Pulumi project and stack that deploy it.
        state_bucket: the S3 bucket that holds Pulumi's state.
        secrets_key_arn: the key of the stack's secrets provider.
    """

    environment: str
    prefix: str
    key_arn: str
    project: str
    stack: str
    state_bucket: str
    secrets_key_arn: str

    @property
    def partition(self) -> str:
        """The AWS partition, "aws" for most."""
        return self.key_arn.split(":")[1]

    @property
    def region(self) -> str:
        """The region that it is deployed to."""
        return self.key_arn.split(":")[3]

    @property
    def account(self) -> str:
        """The account that it is deployed to."""
        return self.key_arn.split(":")[4]

    def parameters(self, pattern: str) -> str:
        """Return the ARN of parameters below the environment: "*" for all."""
        tree = f"{self.prefix}/{self.environment}"
        return f"arn:{self.partition}:ssm:{self.region}:{self.account}:parameter{tree}/{pattern}"

    @property
    def reader_policies(self) -> str:
        """The ARN of the reader policies: no other environment's or region's have such names."""
        tree = f"{self.prefix}/{self.environment}"[1:].replace("/", "+")
        return f"{self._iam}:policy/model-config/{tree}+*@{self.region}"

    @property
    def oidc_provider(self) -> str:
        """The ARN under which the account knows GitHub Actions."""
        return f"{self._iam}:oidc-provider/token.actions.githubusercontent.com"

    def state(self, *paths: str) -> list[str]:
        """Return the ARNs of objects in the state bucket."""
        return [f"arn:{self.partition}:s3:::{self.state_bucket}/.pulumi/{path}" for path in paths]

    @property
    def bucket(self) -> str:
        """The state bucket's ARN."""
        return f"arn:{self.partition}:s3:::{self.state_bucket}"

    @property
    def _iam(self) -> str:
        return f"arn:{self.partition}:iam::{self.account}"
