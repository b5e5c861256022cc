"""examples/roles: what the roles of GitHub Actions may do, and what they may not."""

import json
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from pulumi.runtime.mocks import MockCallArgs
from support.project import CHECKOUT

from model_config.plan.policies import POLICY_PATH
from model_config.plan.settings import Settings
from model_config.plan.stack_config import StackConfig
from model_config.testing.program import Recorder, run_program

ROLES = CHECKOUT / "examples" / "roles"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0b5c"
SECRETS_KEY = "arn:aws:kms:eu-west-1:111122223333:key/5ec7"
TREE = "arn:aws:ssm:eu-west-1:111122223333:parameter/ai/prod"
STATE = "arn:aws:s3:::pulumi-state/.pulumi"
POLICIES = "arn:aws:iam::111122223333:policy/model-config"
STACK_REFERENCE = "pulumi:pulumi:StackReference"
PURPOSES = ["preview", "deploy", "promote", "drift"]


class Provider(Recorder):
    """Keeps what was registered; nothing is asked of AWS."""

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        raise AssertionError(f"nothing is asked of AWS, but {args.token} was")

    @property
    def roles(self) -> dict[str, Mapping[str, Any]]:
        return {name: each.inputs for name, each in self.of_type("aws:iam/role:Role").items()}

    @property
    def policies(self) -> dict[str, str]:
        found = self.of_type("aws:iam/rolePolicy:RolePolicy").values()
        return {each.inputs["role"]: each.inputs["policy"] for each in found}

    @property
    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.registered} - {STACK_REFERENCE}


@pytest.fixture(scope="module")
def made() -> Provider:
    values = {
        "repository": "acme/model-config",
        "modelStack": "organization/model-config/prod",
        "stateBucket": "pulumi-state",
        "secretsKeyArn": SECRETS_KEY,
    }
    outputs = {"environment": "prod", "kms_key": {"arn": KEY, "id": "0b5c"}}
    provider = Provider({"organization/model-config/prod": outputs})
    config = StackConfig("prod", {f"model-config:{key}": value for key, value in values.items()})
    with patch.object(sys, "path", [str(ROLES), *sys.path]):  # as the engine runs a program
        outputs = run_program(ROLES, config, provider)
    for module in ("scope", "permissions", "github_role"):
        del sys.modules[module]
    assert outputs == {purpose: f"arn:{purpose}" for purpose in PURPOSES}
    return provider


def statements(made: Provider, purpose: str) -> list[dict[str, Any]]:
    return list(json.loads(made.policies[f"model-config-prod-{purpose}"])["Statement"])


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def context(**own: str) -> dict[str, str]:
    """The context of a call that SSM makes of KMS for a parameter."""
    return {
        "kms:ViaService": "ssm.eu-west-1.amazonaws.com",
        **{key.replace("__", ":"): value for key, value in own.items()},
    }


def for_parameter(path: str) -> dict[str, str]:
    return context(kms__EncryptionContext__PARAMETER_ARN=f"{TREE}/{path}")


def may(
    made: Provider, purpose: str, action: str, resource: str, given: dict[str, str] | None = None
) -> bool:
    """Decide as IAM does: what one statement allows, unless another denies it."""
    effects = {
        statement["Effect"]
        for statement in statements(made, purpose)
        if any(fnmatchcase(action, each) for each in listed(statement["Action"]))
        and any(fnmatchcase(resource, each) for each in listed(statement["Resource"]))
        and all(
            any(fnmatchcase((given or {}).get(key, ""), each) for each in listed(allowed))
            for condition in statement.get("Condition", {}).values()
            for key, allowed in condition.items()
        )
    }
    return effects == {"Allow"}


@pytest.mark.parametrize(
    ("purpose", "subject"),
    [
        ("preview", "repo:acme/model-config:pull_request"),
        ("deploy", "repo:acme/model-config:environment:prod"),
        ("promote", "repo:acme/model-config:environment:prod-promote"),
        ("drift", "repo:acme/model-config:ref:refs/heads/main"),
    ],
)
def test_each_role_trusts_one_kind_of_run_in_one_repository(
    made: Provider, purpose: str, subject: str
):
    (trust,) = json.loads(made.roles[purpose]["assumeRolePolicy"])["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Principal"] == {
        "Federated": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    }
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": subject,
        }
    }


def test_a_role_has_one_policy_of_its_own_that_fits_and_nothing_attached(made: Provider):
    assert made.kinds == {
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "model-config:index:GithubRole",
    }
    for purpose in PURPOSES:
        assert made.roles[purpose].keys() == {"name", "path", "assumeRolePolicy"}
        assert made.roles[purpose]["path"] == "/model-config/"
        # IAM's quota for all of a role's inline policies together, without white space.
        assert len(made.policies[f"model-config-prod-{purpose}"].replace(" ", "")) <= 10_240


@pytest.mark.parametrize(
    ("purpose", "actions"),
    [
        ("preview", {"s3:ListBucket", "s3:GetObject", "kms:Decrypt"}),
        (
            "promote",
            {
                "ssm:LabelParameterVersion",
                "ssm:UnlabelParameterVersion",
                "ssm:GetParameterHistory",
                "ssm:GetParameter",
                "ssm:GetParameters",
                "kms:Decrypt",
            },
        ),
        (
            "drift",
            {
                "ssm:DescribeParameters",
                "ssm:GetParameter",
                "ssm:GetParameters",
                "ssm:GetParameterHistory",
                "kms:Decrypt",
                "kms:DescribeKey",
            },
        ),
    ],
)
def test_a_role_that_does_not_deploy_has_these_actions_and_no_other(
    made: Provider, purpose: str, actions: set[str]
):
    allowed = [each for each in statements(made, purpose) if each["Effect"] == "Allow"]
    assert {action for statement in allowed for action in statement["Action"]} == actions


@pytest.mark.parametrize("purpose", PURPOSES)
def test_no_action_has_a_wildcard_and_only_lists_of_names_reach_everywhere(
    made: Provider, purpose: str
):
    for statement in statements(made, purpose):
        assert not any("*" in action for action in listed(statement["Action"]))
        if "*" in listed(statement["Resource"]):
            assert statement["Action"] in (["ssm:DescribeParameters"], ["kms:ListAliases"])


SECRET = "support_chat/secrets/api_key"
VALUE = "support_chat/generation/temperature"
RELEASE = "support_chat/release"
PART = "support_chat/release/parts/0123456789abcdef"


@pytest.mark.parametrize(
    ("purpose", "action", "resource", "given"),
    [
        ("preview", "s3:ListBucket", "arn:aws:s3:::pulumi-state", None),
        ("preview", "s3:GetObject", f"{STATE}/meta.yaml", None),
        ("preview", "s3:GetObject", f"{STATE}/stacks/model-config/prod.json", None),
        ("preview", "kms:Decrypt", SECRETS_KEY, None),
        ("deploy", "s3:PutObject", f"{STATE}/stacks/model-config/prod.json", None),
        ("deploy", "s3:PutObject", f"{STATE}/locks/organization/model-config/prod/1.json", None),
        ("deploy", "s3:DeleteObject", f"{STATE}/locks/organization/model-config/prod/1.json", None),
        ("deploy", "s3:PutObject", f"{STATE}/history/model-config/prod/prod-1.json", None),
        ("deploy", "s3:PutObject", f"{STATE}/backups/model-config/prod/prod.1.json", None),
        ("deploy", "kms:Decrypt", SECRETS_KEY, None),
        ("deploy", "ssm:PutParameter", f"{TREE}/{SECRET}", None),
        ("deploy", "ssm:DeleteParameter", f"{TREE}/{VALUE}", None),
        ("deploy", "ssm:DescribeParameters", "*", None),
        ("deploy", "ssm:GetParameterHistory", f"{TREE}/{RELEASE}", None),
        ("deploy", "ssm:DeleteParameters", f"{TREE}/{PART}", None),
        ("deploy", "ssm:GetParametersByPath", f"{TREE}/{RELEASE}/parts", None),
        ("deploy", "kms:Encrypt", KEY, for_parameter(SECRET)),
        ("deploy", "kms:GenerateDataKey", KEY, for_parameter(RELEASE)),
        ("promote", "ssm:LabelParameterVersion", f"{TREE}/{RELEASE}", None),
        ("promote", "ssm:GetParameterHistory", f"{TREE}/{RELEASE}", None),
        ("promote", "ssm:GetParameters", f"{TREE}/{RELEASE}", None),
        ("promote", "ssm:GetParameters", f"{TREE}/{PART}", None),
        ("promote", "kms:Decrypt", KEY, for_parameter(RELEASE)),
        ("promote", "kms:Decrypt", KEY, for_parameter(PART)),
        ("drift", "ssm:DescribeParameters", "*", None),
        ("drift", "ssm:GetParameters", f"{TREE}/{VALUE}", None),
        ("drift", "ssm:GetParameterHistory", f"{TREE}/{RELEASE}", None),
        ("drift", "kms:Decrypt", KEY, for_parameter(VALUE)),
        ("drift", "kms:DescribeKey", KEY, None),
    ],
)
def test_a_role_may_do_its_work(
    made: Provider, purpose: str, action: str, resource: str, given: dict[str, str] | None
):
    assert may(made, purpose, action, resource, given)


NEXT_TREE = TREE.replace("/ai/prod", "/ai/prod-eu")
BY_HAND = {"kms:EncryptionContext:PARAMETER_ARN": f"{TREE}/{RELEASE}"}


@pytest.mark.parametrize(
    ("purpose", "action", "resource", "given"),
    [
        # Code from a pull request runs with the preview role.
        ("preview", "s3:PutObject", f"{STATE}/stacks/model-config/prod.json", None),
        ("preview", "s3:GetObject", f"{STATE}/stacks/model-config/dev.json", None),
        ("preview", "s3:GetObject", f"{STATE}/stacks/another/prod.json", None),
        ("preview", "ssm:GetParameter", f"{TREE}/{VALUE}", None),
        ("preview", "kms:Decrypt", KEY, for_parameter(VALUE)),
        # Another environment, another stack, and a key on its own.
        ("deploy", "s3:PutObject", f"{STATE}/stacks/model-config/dev.json", None),
        ("deploy", "ssm:PutParameter", f"{TREE.replace('prod', 'dev')}/{VALUE}", None),
        ("deploy", "ssm:PutParameter", f"{NEXT_TREE}/{VALUE}", None),
        ("deploy", "ssm:DeleteParameters", f"{TREE}/{RELEASE}", None),
        ("deploy", "ssm:LabelParameterVersion", f"{TREE}/{RELEASE}", None),
        ("deploy", "kms:Decrypt", KEY, BY_HAND),
        ("deploy", "kms:Decrypt", KEY, None),
        ("deploy", "kms:CreateKey", "*", None),
        ("deploy", "kms:PutKeyPolicy", KEY, None),
        ("deploy", "kms:ScheduleKeyDeletion", KEY, None),
        ("deploy", "iam:AttachRolePolicy", f"{POLICIES}/ai+prod+chat@eu-west-1", None),
        # A wildcard before "/release" reaches a secret of that name.
        ("promote", "kms:Decrypt", KEY, for_parameter("support_chat/secrets/keys/release")),
        ("promote", "kms:Decrypt", KEY, for_parameter(VALUE)),
        ("promote", "kms:Decrypt", KEY, BY_HAND),
        ("promote", "ssm:GetParameters", f"{TREE}/{VALUE}", None),
        ("promote", "ssm:PutParameter", f"{TREE}/{RELEASE}", None),
        ("drift", "kms:Decrypt", KEY, for_parameter(SECRET)),
        ("drift", "kms:Decrypt", KEY, BY_HAND),
        ("drift", "ssm:GetParameters", f"{NEXT_TREE}/{VALUE}", None),
        ("drift", "ssm:PutParameter", f"{TREE}/{VALUE}", None),
    ],
)
def test_a_role_may_not_do_more(
    made: Provider, purpose: str, action: str, resource: str, given: dict[str, str] | None
):
    assert not may(made, purpose, action, resource, given)


def test_the_deployer_writes_this_environments_reader_policies_alone(made: Provider):
    def policy(prefix: str, environment: str, region: str = "eu-west-1") -> str:
        settings = Settings(prefix=prefix, environment=environment)
        path = POLICY_PATH.strip("/")
        name = settings.policy_name("support_chat", region)
        return f"arn:aws:iam::111122223333:policy/{path}/{name}"

    assert may(made, "deploy", "iam:CreatePolicyVersion", policy("/ai", "prod"))
    for other in (
        policy("/ai", "dev"),
        policy("/ai", "prod-eu"),
        policy("/company/ai", "prod"),
        policy("/ai", "prod", "us-east-1"),
    ):
        assert not may(made, "deploy", "iam:CreatePolicyVersion", other)


def roles_to_assume() -> Iterator[str]:
    for workflow in (CHECKOUT / ".github" / "workflows").glob("*.yml"):
        for job in yaml.safe_load(workflow.read_text())["jobs"].values():
            for step in job.get("steps", []):
                if role := step.get("with", {}).get("role-to-assume"):
                    yield role.partition(":role/")[2].rpartition("}}")[2].removeprefix("-")


def test_the_workflows_take_these_roles(made: Provider):
    assert {role["name"] for role in made.roles.values()} == {
        f"model-config-prod-{purpose}" for purpose in PURPOSES
    }
    assert set(roles_to_assume()) == set(PURPOSES)
