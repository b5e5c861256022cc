"""The roles of examples/roles: granted is what their jobs' commands ask of AWS, and no more."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from support.iam import allows
from support.project import CHECKOUT

from model_config.local import local_aws

ACCOUNT, REGION = "123456789012", "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0b5c"
ANYTHING = {"DescribeParameters", "GetAccountSummary", "ListAliases"}
NEEDS_NO_PERMISSION = {"GetCallerIdentity"}

#: What no command of ours asks for, with the reason for which a role has it all the same.
PROVIDES = """
    ssm:PutParameter ssm:GetParameter ssm:DeleteParameter ssm:AddTagsToResource
    ssm:RemoveTagsFromResource ssm:ListTagsForResource kms:Encrypt kms:GenerateDataKey
    kms:GetKeyPolicy kms:GetKeyRotationStatus kms:ListResourceTags kms:EnableKeyRotation
    kms:TagResource kms:UntagResource kms:ListAliases iam:CreatePolicy iam:DeletePolicy
    iam:CreatePolicyVersion iam:ListPolicyVersions iam:DeletePolicyVersion iam:TagPolicy
    iam:UntagPolicy events:PutRule events:DescribeRule events:DeleteRule events:PutTargets
    events:RemoveTargets events:ListTargetsByRule events:TagResource events:UntagResource
    events:ListTagsForResource
"""
KEEPS_STATE = "s3:ListBucket s3:GetObject s3:PutObject s3:DeleteObject"
UNASKED = {
    "deploy": {
        **dict.fromkeys(PROVIDES.split(), "the AWS provider asks for it in `pulumi up`"),
        **dict.fromkeys(KEEPS_STATE.split(), "the backend of Pulumi's state asks for it"),
        "ssm:DeleteParameters": "`prune` deletes parts, which these small models lack",
        "kms:DescribeKey": "`recover` and `check --first-deploy` look at the key",
        "iam:GetPolicy": "`recover` and a new model's `check` look for the policy",
        "iam:GetPolicyVersion": "`recover` compares documents",
        "iam:GetAccountSummary": "`check` counts policies before a new model",
    },
    "promote": {},
    "drift": {
        "bedrock:ListFoundationModels": "`lifecycle` asks Bedrock, which the local AWS lacks",
    },
}


class Call(NamedTuple):
    """One permission that a request needs."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


def needed(service: str, operation: str, given: dict[str, Any], answer: Any) -> Iterator[Call]:
    """Yield the permissions that a request needs."""
    if operation in NEEDS_NO_PERMISSION:
        return
    if operation in ANYTHING:
        resources = ["*"]
    elif service == "ssm":
        names = given.get("Names") or [given.get("Name") or given["Path"]]
        resources = [arn(name.partition(":")[0]) for name in names]
    else:
        resources = [given["PolicyArn"] if service == "iam" else KEY]
    for resource in resources:
        yield Call(f"{service}:{operation}", resource)
    for parameter in answer.get("Parameters", []) if given.get("WithDecryption") else []:
        if parameter["Type"] == "SecureString":
            context = {
                "kms:ViaService": f"ssm.{REGION}.amazonaws.com",
                "kms:EncryptionContext:PARAMETER_ARN": arn(parameter["Name"]),
            }
            yield Call("kms:Decrypt", KEY, tuple(context.items()))


def arn(name: str) -> str:
    return f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}"


@pytest.fixture
def calls(run: Callable[..., Any]) -> Callable[..., set[Call]]:
    """Run a command; return the permissions that its requests needed."""

    def of(*arguments: str) -> set[Call]:
        calls: set[Call] = set()
        loading: list[Any] = []
        really_ask, really_restore = BaseClient._make_api_call, local_aws.restore

        def ask(client: Any, operation: str, given: dict[str, Any]) -> Any:
            answer: dict[str, Any] = {}
            try:
                answer = really_ask(client, operation, given)
            finally:
                service = client.meta.service_model.service_name
                if not loading:
                    calls.update(needed(service, operation, given, answer))
            if operation == "PutParameter":  # or the account's default tier is taken
                assert given["Tier"] == "Standard"
            return answer

        def restore(state: Any) -> None:
            """Load the local AWS, which asks it for things that no verb asks AWS for."""
            loading.append(state)
            really_restore(state)
            loading.clear()

        with (
            patch.object(BaseClient, "_make_api_call", ask),
            patch.object(local_aws, "restore", restore),
        ):
            run(*arguments)
        return calls

    return of


def statements(purpose: str) -> list[dict[str, Any]]:
    """Return a role's statements for the stack of dev."""
    with patch.object(sys, "path", [str(CHECKOUT / "examples" / "roles"), *sys.path]):
        import permissions  # noqa: PLC0415 - on the path only here
        from scope import Scope  # noqa: PLC0415

    own = dict.fromkeys(Scope.__dataclass_fields__, "x")
    own |= {"environment": "dev", "prefix": "/ai", "account": ACCOUNT, "region": REGION}
    try:
        return list(
            getattr(permissions, purpose)(Scope(**{**own, "key_arn": KEY, "makes_key": True}))
        )
    finally:
        del sys.modules["permissions"], sys.modules["scope"]


def jobs(note: dict[str, str]) -> dict[str, list[tuple[str, ...]]]:
    """Return the commands of each role's jobs, and those that docs/ci.md has people run with it."""
    promote = ("pipeline", "promote", "--before", note["before"], "--after", note["after"])
    model = "support_chat"
    return {
        "deploy": [("check",), ("prune", model)],
        "promote": [
            (*promote, "--reason", "run 7"),
            ("promote", "--all"),
            ("promote", model, "--release", "1"),
            ("promote", model, "--label", "canary", "--new-label"),
            ("promote", model),
            ("rollback", model),
            ("promote", model, "--release", "1"),  # ends the hold
            (*promote, "--steps", "5,100", "--reason", "run 7"),
            ("rollout", "pause", model),
            ("rollout", "resume", model),
            ("rollout", "unit", model, "qa-1"),
            ("rollout", "status"),
            ("rollout", "abort", model),
            ("rollout", "start", model, "--steps", "100", "--every", "0s"),
            ("rollout", "finish", "--when-due"),
            ("unlabel", model, "canary"),
            ("promote", "--all", "--together"),
            ("releases", model),
            ("history", model),
        ],
        "drift": [
            ("drift",),
            ("pipeline", "verify"),
            ("lifecycle",),
            ("report", "--environment", "dev", "--output", note["pages"]),
        ],
    }


@pytest.mark.usefixtures("first_deploy")
def test_a_role_is_granted_what_its_commands_ask_for_and_nothing_else(
    run: Callable[..., Any], calls: Callable[..., set[Call]], project: Path, tmp_path: Path
):
    note = {name: str(tmp_path / name) for name in ("before", "after", "pages")}
    Path(note["before"]).write_text("{}")
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("temperature: 0.7", "temperature: 0.9"))
    run("local", "deploy")
    run("pipeline", "note", "--output", note["after"])
    for purpose, commands in jobs(note).items():
        asked = set().union(*(calls(*command) for command in commands))
        granted = statements(purpose)
        refused = [
            call
            for call in sorted(asked)
            if not allows(granted, call.action, call.resource, dict(call.context))
        ]
        assert (purpose, refused) == (purpose, [])
        given = {
            action for each in granted if each["Effect"] == "Allow" for action in each["Action"]
        }
        assert given - {call.action for call in asked} == UNASKED[purpose].keys(), purpose
    history = run("history", "support_chat").out  # the jobs have done what they are for
    assert "rollout of release 2 to stable ended" in history
    assert "rollout of release 2 to stable started: 5, 100 %" in history
