"""examples/roles: what the roles of GitHub Actions may do, and what they may not."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from pulumi.runtime.mocks import MockCallArgs
from support.iam import allows, listed
from support.project import CHECKOUT

from model_config.plan.aws import POLICY_PATH
from model_config.plan.project import StackConfig
from model_config.plan.settings import Settings
from model_config.testing.program import Recorder, run_program

ROLES = CHECKOUT / "examples" / "roles"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0b5c"
SECRETS_KEY = "arn:aws:kms:eu-west-1:111122223333:key/5ec7"
TREE = "arn:aws:ssm:eu-west-1:111122223333:parameter/ai/prod"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:model-config"
STATE = "arn:aws:s3:::pulumi-state/.pulumi"
POLICIES = "arn:aws:iam::111122223333:policy/model-config"
STACK_REFERENCE = "pulumi:pulumi:StackReference"
EXPORTED = {
    "environment": "prod",
    "region": "eu-west-1",
    "account_id": "111122223333",
    "kms_key": {"arn": KEY, "id": "0b5c", "alias": "alias/ai/prod"},
}
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


def run(stack: str = "prod", exported: dict[str, Any] | None = None, **config: str) -> Provider:
    """Run the program for one stack of the model configurations."""
    values = {
        "repository": "acme/model-config",
        "modelStack": f"organization/model-config/{stack}",
        "stateBucket": "pulumi-state",
        "secretsKeyArn": SECRETS_KEY,
        "notifyTopicArn": TOPIC,
        **config,
    }
    provider = Provider({values["modelStack"]: {**EXPORTED, **(exported or {})}})
    settings = {f"model-config:{key}": value for key, value in values.items()}
    with patch.object(sys, "path", [str(ROLES), *sys.path]):  # as the engine runs a program
        outputs = run_program(ROLES, StackConfig(stack, settings), provider)
    for module in ("scope", "permissions", "github_role", "runs", "boundary"):
        del sys.modules[module]
    boundary = (
        f"arn:aws:iam::111122223333:policy/model-config-boundary/model-config-{stack}-applications"
    )
    roles = {purpose: f"arn:{purpose}" for purpose in PURPOSES}
    assert outputs == {**roles, "application_boundary": boundary}
    return provider


@pytest.fixture(scope="module")
def made() -> Provider:
    return run()


def statements(made: Provider, purpose: str) -> list[dict[str, Any]]:
    (text,) = [text for role, text in made.policies.items() if role.endswith(f"-{purpose}")]
    return list(json.loads(text)["Statement"])


def for_parameter(path: str) -> dict[str, str]:
    """The context of a call that SSM makes of KMS for a parameter."""
    arn = {"kms:EncryptionContext:PARAMETER_ARN": f"{TREE}/{path}"}
    return {"kms:ViaService": "ssm.eu-west-1.amazonaws.com", **arn}


def may(made: Provider, purpose: str, *call: Any) -> bool:
    """Return whether IAM allows an action on a resource, with the context given."""
    return allows(statements(made, purpose), *call)


MAIN = "refs/heads/main"
WORKFLOWS = "acme/model-config/.github/workflows"


def test_each_role_trusts_one_kind_of_run_in_one_repository(made: Provider):
    deploys, drift, rollouts = (
        f"{it}.yml@{MAIN}" for it in ("deploy-environment", "drift", "rollouts")
    )
    issuer = "token.actions.githubusercontent.com"
    for purpose, subject, files, ref in [
        ("preview", "environment:prod-preview", ["pull-request.yml@refs/pull/*/merge"], None),
        ("deploy", "environment:prod", [deploys], MAIN),
        ("promote", "environment:prod-promote", [deploys, rollouts], MAIN),
        ("drift", f"ref:{MAIN}", [drift, deploys], MAIN),
    ]:
        (trust,) = json.loads(made.roles[purpose]["assumeRolePolicy"])["Statement"]
        assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
        provider = f"arn:aws:iam::111122223333:oidc-provider/{issuer}"
        assert trust["Principal"] == {"Federated": provider}
        exact = {"aud": "sts.amazonaws.com", "sub": f"repo:acme/model-config:{subject}"}
        exact |= {"ref": ref} if ref else {}
        assert trust["Condition"] == {
            "StringEquals": {f"{issuer}:{claim}": value for claim, value in exact.items()},
            "StringLike": {f"{issuer}:job_workflow_ref": [f"{WORKFLOWS}/{it}" for it in files]},
        }


def test_another_branch_and_a_repository_with_ids_in_its_subjects():
    made = run(branch="release", repository="acme@123456/model-config@456789")
    trust = made.roles["deploy"]["assumeRolePolicy"]
    assert "repo:acme@123456/model-config@456789:environment:prod" in trust
    assert f"{WORKFLOWS}/deploy-environment.yml@refs/heads/release" in trust  # without ids
    assert MAIN not in trust


def test_in_another_partition_the_subject_alone_is_looked_at():
    china = "arn:aws-cn:kms:cn-north-1:111122223333:key/0b5c"
    exported = {"region": "cn-north-1", "kms_key": {"arn": china, "alias": "alias/ai"}}
    made = run(exported=exported, notifyTopicArn="arn:aws-cn:sns:cn-north-1:111122223333:topic")
    documents = [
        *made.policies.values(),
        *(each["assumeRolePolicy"] for each in made.roles.values()),
    ]
    for document in documents:
        arns = re.findall(r"arn:[a-z-]+:[a-z0-9]+:", document)
        assert {arn for arn in arns if not arn.startswith("arn:aws-cn:")} <= {"arn:aws:kms:"}
    (trust,) = json.loads(made.roles["deploy"]["assumeRolePolicy"])["Statement"]
    assert trust["Condition"].keys() == {"StringEquals"}
    assert "sts.amazonaws.com.cn" in trust["Condition"]["StringEquals"].values()


EU, US = "parameter/ai/prod/support_chat/release", "us-east-1"


def test_two_regions_of_one_account_have_roles_of_their_own():
    us_key = KEY.replace("eu-west-1", US)
    in_us = {"region": US, "kms_key": {"arn": us_key, "id": "0b5c", "alias": "alias/ai/prod"}}
    europe, america = run("prod-eu"), run("prod-us", in_us)
    names = {role["name"] for made in (europe, america) for role in made.roles.values()}
    assert len(names) == 8
    for made, mine, other in ((europe, "eu-west-1", US), (america, US, "eu-west-1")):
        for action, resource in (
            ("ssm:PutParameter", "arn:aws:ssm:{}:111122223333:parameter/ai/prod/chat/model_id"),
            ("iam:CreatePolicy", f"{POLICIES}/ai+prod+chat@{{}}"),
            ("kms:DescribeKey", "arn:aws:kms:{}:111122223333:key/0b5c"),
            (
                "events:PutRule",
                "arn:aws:events:{}:111122223333:rule/model-config-ai-prod-releases-1a2b3c4",
            ),
        ):
            assert may(made, "deploy", action, resource.format(mine))
            assert not may(made, "deploy", action, resource.format(other))


def test_a_stack_may_be_called_otherwise_than_its_environment_and_have_an_existing_key():
    made = run("team-chat", {"kms_key": {"arn": KEY, "id": "0b5c"}})
    role = made.roles["deploy"]
    assert role["name"] == "model-config-team-chat-deploy"
    assert "repo:acme/model-config:environment:team-chat" in role["assumeRolePolicy"]
    state = f"{STATE}/stacks/model-config/team-chat.json"
    assert may(made, "deploy", "s3:PutObject", state)
    assert may(made, "deploy", "ssm:PutParameter", f"{TREE}/{VALUE}")
    # Of such a key a deploy looks at nothing but what it is.
    assert may(made, "deploy", "kms:DescribeKey", KEY)
    assert may(made, "deploy", "kms:Encrypt", KEY, for_parameter(VALUE))
    for action in ("kms:TagResource", "kms:EnableKeyRotation", "kms:GetKeyPolicy"):
        assert not may(made, "deploy", action, KEY)


def test_a_role_has_one_policy_of_its_own_that_fits_and_nothing_attached(made: Provider):
    assert made.kinds == {
        "aws:iam/policy:Policy",  # the boundary, attached to nobody
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "model-config:index:GithubRole",
    }
    for purpose in PURPOSES:
        assert made.roles[purpose].keys() == {"name", "path", "assumeRolePolicy"}
        assert made.roles[purpose]["path"] == "/model-config/"
        # IAM's quota for all of a role's inline policies together, without white space.
        assert len(made.policies[f"model-config-prod-{purpose}"].replace(" ", "")) <= 10_240


READS = "ssm:DescribeParameters ssm:GetParameters ssm:GetParameterHistory kms:Decrypt"


def test_a_role_has_these_actions_and_only_lists_of_names_reach_everywhere(made: Provider):
    for purpose, actions in {
        "preview": "s3:ListBucket s3:GetObject kms:Decrypt",
        "promote": f"{READS} ssm:LabelParameterVersion ssm:UnlabelParameterVersion "
        "ssm:PutParameter",
        "drift": f"{READS} bedrock:ListFoundationModels kms:DescribeKey kms:GetKeyPolicy "
        "kms:GetKeyRotationStatus iam:GetPolicy iam:GetPolicyVersion",
    }.items():
        allowed = [each for each in statements(made, purpose) if each["Effect"] == "Allow"]
        found = {action for statement in allowed for action in statement["Action"]}
        assert found == set(actions.split())
    lists = {"bedrock:ListFoundationModels", "ssm:DescribeParameters", "kms:ListAliases",
             "iam:GetAccountSummary"}  # fmt: skip
    for statement in (each for purpose in PURPOSES for each in statements(made, purpose)):
        assert not any("*" in action for action in listed(statement["Action"]))
        if "*" in listed(statement["Resource"]):
            assert lists >= set(statement["Action"])


SECRET = "support_chat/secrets/api_key"
VALUE = "support_chat/generation/temperature"
RELEASE = "support_chat/release"
ROLLOUT = "support_chat/rollout"
RULES = "arn:aws:events:eu-west-1:111122223333:rule/model-config-ai-prod"
TARGET = {"events:TargetArn": TOPIC}
OTHER_TARGET = {"events:TargetArn": "arn:aws:lambda:eu-west-1:444455556666:function:theirs"}
PART = "support_chat/release/parts/0123456789abcdef"


def test_a_role_may_do_its_work(made: Provider):
    for purpose, action, resource, given in [
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
        ("deploy", "iam:GetAccountSummary", "*", None),
        ("deploy", "events:PutTargets", f"{RULES}-releases-1a2b3c4", TARGET),
        ("deploy", "events:DeleteRule", f"{RULES}-key-1a2b3c4", None),
        ("promote", "ssm:LabelParameterVersion", f"{TREE}/{RELEASE}", None),
        ("promote", "ssm:PutParameter", f"{TREE}/{ROLLOUT}", None),
        ("promote", "ssm:GetParameters", f"{TREE}/{ROLLOUT}", None),
        ("promote", "ssm:GetParameterHistory", f"{TREE}/{ROLLOUT}", None),
        ("promote", "ssm:GetParameters", f"{TREE}/{SECRET}", None),  # encrypted, as it is stored
        ("promote", "ssm:DescribeParameters", "*", None),
        ("promote", "ssm:GetParameterHistory", f"{TREE}/{RELEASE}", None),
        ("promote", "ssm:GetParameters", f"{TREE}/{RELEASE}", None),
        ("promote", "ssm:GetParameters", f"{TREE}/{PART}", None),
        ("promote", "kms:Decrypt", KEY, for_parameter(RELEASE)),
        ("promote", "kms:Decrypt", KEY, for_parameter(PART)),
        ("drift", "ssm:DescribeParameters", "*", None),
        ("drift", "ssm:GetParameters", f"{TREE}/{VALUE}", None),
        ("drift", "ssm:GetParameterHistory", f"{TREE}/{RELEASE}", None),
        ("drift", "ssm:GetParameterHistory", f"{TREE}/{ROLLOUT}", None),  # which `report` reads
        ("drift", "kms:Decrypt", KEY, for_parameter(VALUE)),
        ("drift", "kms:DescribeKey", KEY, None),
        ("drift", "kms:GetKeyPolicy", KEY, None),
        ("drift", "iam:GetPolicyVersion", f"{POLICIES}/ai+prod+chat@eu-west-1", None),
    ]:
        assert may(made, purpose, action, resource, given), (purpose, action, resource)


NEXT_TREE = TREE.replace("/ai/prod", "/ai/prod-eu")
BY_HAND = {"kms:EncryptionContext:PARAMETER_ARN": f"{TREE}/{RELEASE}"}


def test_a_role_may_not_do_more(made: Provider):
    for purpose, action, resource, given in [
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
        # Nor does a wildcard before "/rollout" reach a field or a secret of that name.
        ("promote", "ssm:PutParameter", f"{TREE}/support_chat/secrets/rollout", None),
        ("promote", "ssm:PutParameter", f"{TREE}/support_chat/limits/rollout", None),
        ("promote", "kms:Decrypt", KEY, for_parameter(SECRET)),
        ("deploy", "events:PutRule", f"{RULES}-eu-releases-1a2b3c4", None),
        # A rule of ours that calls something else.
        ("deploy", "events:PutTargets", f"{RULES}-releases-1a2b3c4", None),
        ("deploy", "events:PutTargets", f"{RULES}-releases-1a2b3c4", OTHER_TARGET),
        ("deploy", "events:PutRule", "arn:aws:events:eu-west-1:111122223333:rule/other", None),
        ("drift", "iam:GetPolicy", f"{POLICIES}/ai+dev+chat@eu-west-1", None),
        ("drift", "kms:Decrypt", KEY, for_parameter(SECRET)),
        ("drift", "kms:Decrypt", KEY, BY_HAND),
        ("drift", "ssm:GetParameters", f"{NEXT_TREE}/{VALUE}", None),
        ("drift", "ssm:PutParameter", f"{TREE}/{VALUE}", None),
    ]:
        assert not may(made, purpose, action, resource, given), (purpose, action, resource)


def test_what_can_be_set():
    made = run(notifyTopicArn="", applicationActions='["s3:GetObject"]')
    allowed = [it for each in statements(made, "deploy") for it in listed(each["Action"])]
    assert not any(action.startswith("events:") for action in allowed)
    assert allows(boundary(made), "s3:GetObject", "arn:aws:s3:::documents/x")
    assert not allows(boundary(made), "logs:PutLogEvents", "*")


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
    (bounds,) = [each.outputs["arn"] for each in made.of_type("aws:iam/policy:Policy").values()]
    assert not may(made, "deploy", "iam:CreatePolicyVersion", bounds)


def boundary(made: Provider) -> list[dict[str, Any]]:
    (policy,) = made.of_type("aws:iam/policy:Policy").values()
    return list(json.loads(policy.inputs["policy"])["Statement"])


def test_a_role_with_the_boundary_reads_models_and_does_its_own_work(made: Provider):
    document = boundary(made)
    for name in (RELEASE, PART, ROLLOUT, SECRET):
        assert allows(document, "ssm:GetParameters", f"{TREE}/{name}")
    for name in (RELEASE, PART, SECRET):
        assert allows(document, "kms:Decrypt", KEY, for_parameter(name))
    assert allows(document, "logs:PutLogEvents", "arn:aws:logs:eu-west-1:111122223333:log-group:x")
    # Whatever a reader policy grants, such a role gets no more.
    for action, resource in [
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/admin"),
        ("iam:PutRolePolicy", "arn:aws:iam::111122223333:role/bot"),
        ("ssm:PutParameter", f"{TREE}/{RELEASE}"),
        ("ssm:GetParameter", "arn:aws:ssm:eu-west-1:111122223333:parameter/shop/key"),
        ("ssm:GetParametersByPath", f"{TREE}/support_chat"),
        ("kms:Decrypt", KEY),
        ("kms:Decrypt", SECRETS_KEY),
        ("s3:GetObject", "arn:aws:s3:::pulumi-state/x"),
    ]:
        assert not allows(document, action, resource, BY_HAND)


def jobs_with_roles() -> Iterator[tuple[str, str, str]]:
    """Yield the workflow's file, the job's environment, and the role that it takes."""
    for workflow in (CHECKOUT / ".github" / "workflows").glob("*.yml"):
        for job in yaml.safe_load(workflow.read_text())["jobs"].values():
            for step in job.get("steps", []):
                if role := step.get("with", {}).get("role-to-assume"):
                    purpose = role.rpartition("-")[2]
                    yield (
                        workflow.name,
                        re.sub(r"\$\{\{.*?\}\}", "prod", job.get("environment", "")),
                        purpose,
                    )


def test_the_workflows_take_these_roles(made: Provider):
    assert {role["name"] for role in made.roles.values()} == {
        f"model-config-prod-{purpose}" for purpose in PURPOSES
    }
    taken = list(jobs_with_roles())
    assert {purpose for *_, purpose in taken} == set(PURPOSES)
    for file, environment, purpose in taken:
        trust = made.roles[purpose]["assumeRolePolicy"]
        assert f"{WORKFLOWS}/{file}@" in trust, (file, purpose)
        assert f':environment:{environment}"' in trust or not environment, (file, purpose)
