"""The permissions of each role: one function for each, which returns its IAM statements.

No role may create or delete a key, or write a key's policy. IAM can't limit such a permission to a
key that doesn't exist yet, so a person does an environment's first deploy. docs/ci.md explains it.
"""

from __future__ import annotations

from typing import Any

from scope import Scope

Statement = dict[str, Any]


def preview(scope: Scope) -> list[Statement]:
    """Read the stack's state and secrets. `pulumi preview` requests nothing else from AWS."""
    return _read_state(scope)


def deploy(scope: Scope) -> list[Statement]:
    """Write parameters and reader policies, for `recover`, `check`, `pulumi up` and `prune`."""
    return [
        *_read_state(scope),
        allow(
            "WriteState",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            scope.state(
                f"stacks/{scope.project}/{scope.stack}.*",
                f"history/{scope.project}/{scope.stack}/*",
                f"backups/{scope.project}/{scope.stack}/*",
                f"locks/organization/{scope.project}/{scope.stack}/*",
            ),
        ),
        allow(
            "WriteParameters",
            [
                "ssm:PutParameter",
                "ssm:GetParameter",
                "ssm:GetParameters",
                "ssm:DeleteParameter",
                "ssm:AddTagsToResource",
                "ssm:RemoveTagsFromResource",
                "ssm:ListTagsForResource",
            ],
            [scope.parameters("*")],
        ),
        allow("ReadHistory", ["ssm:GetParameterHistory"], [scope.parameters("*/release")]),
        allow(
            "PruneParts",
            ["ssm:GetParametersByPath", "ssm:DeleteParameters"],
            [scope.parameters("*/release/parts"), scope.parameters("*/release/parts/*")],
        ),
        through_ssm(
            scope, ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"], [scope.parameters("*")]
        ),
        *_key(scope),
        allow(
            "WriteReaderPolicies",
            [
                "iam:CreatePolicy",
                "iam:GetPolicy",
                "iam:DeletePolicy",
                "iam:CreatePolicyVersion",
                "iam:GetPolicyVersion",
                "iam:ListPolicyVersions",
                "iam:DeletePolicyVersion",
                "iam:TagPolicy",
                "iam:UntagPolicy",
            ],
            [scope.reader_policies],
        ),
        *(_rules(scope, scope.topic_arn) if scope.topic_arn else []),
        # AWS can't limit these to a resource. They return names and numbers, but no values.
        allow(
            "ListNames",
            ["ssm:DescribeParameters", "kms:ListAliases", "iam:GetAccountSummary"],
            ["*"],
        ),
    ]


def promote(scope: Scope) -> list[Statement]:
    """Verify releases and move labels on them, and run rollouts."""
    releases = [scope.parameters("*/release"), scope.parameters("*/release/parts/*")]
    rollouts = [scope.parameters("*/rollout")]
    return [
        allow(
            "MoveLabels",
            ["ssm:LabelParameterVersion", "ssm:UnlabelParameterVersion"],
            releases[:1],
        ),
        allow("ReadHistory", ["ssm:GetParameterHistory"], [*releases[:1], *rollouts]),
        # Secrets are returned encrypted, which is enough to check that they exist.
        allow(
            "VerifyReleases",
            ["ssm:GetParameters"],
            [*releases, *rollouts, scope.parameters("*/secrets/*")],
        ),
        allow("RecordMovesAndRunRollouts", ["ssm:PutParameter"], rollouts),
        # A wildcard matches slashes, so without this a field called "rollout" could be written.
        {
            "Sid": "NothingDeeper",
            "Effect": "Deny",
            "Action": "ssm:PutParameter",
            "Resource": scope.parameters("*/*/rollout"),
        },
        # `promote --all` and `rollout finish --when-due` list the environment's models.
        allow("ListNames", ["ssm:DescribeParameters"], ["*"]),
        through_ssm(scope, ["kms:Decrypt"], releases),
        _no_secrets(scope),
    ]


def drift(scope: Scope) -> list[Statement]:
    """Read everything except secrets, and write nothing."""
    everything = [scope.parameters("*")]
    return [
        # AWS can't limit these to a resource. They return names and dates, but no values.
        allow("ListNames", ["ssm:DescribeParameters", "bedrock:ListFoundationModels"], ["*"]),
        allow("ReadParameters", ["ssm:GetParameters"], everything),
        allow(
            "ReadHistory",
            ["ssm:GetParameterHistory"],
            [scope.parameters("*/release"), scope.parameters("*/rollout")],
        ),
        through_ssm(scope, ["kms:Decrypt"], everything),
        _no_secrets(scope),
        allow(
            "LookAtTheKey",
            ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus"],
            [scope.key_arn],
        ),
        allow(
            "LookAtReaderPolicies",
            ["iam:GetPolicy", "iam:GetPolicyVersion"],
            [scope.reader_policies],
        ),
    ]


def _rules(scope: Scope, topic: str) -> list[Statement]:
    """Return the administration of the rules for notifications, with the topic as only target."""
    target = allow("NotifyTheTopic", ["events:PutTargets"], scope.rules)
    # The key holds all targets of a request; without the second condition, none would do, too.
    target["Condition"] = {
        "ForAllValues:ArnEquals": {"events:TargetArn": topic},
        "Null": {"events:TargetArn": "false"},
    }
    names = ["PutRule", "DescribeRule", "DeleteRule", "RemoveTargets", "ListTargetsByRule"]
    names += ["TagResource", "UntagResource", "ListTagsForResource"]
    return [allow("WriteRules", [f"events:{name}" for name in names], scope.rules), target]


def _key(scope: Scope) -> list[Statement]:
    """Return the administration of the key by a deploy. An existing key is only described."""
    names = ["GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags", "EnableKeyRotation"]
    names += ["TagResource", "UntagResource"]
    actions = ["kms:DescribeKey", *(f"kms:{name}" for name in names if scope.makes_key)]
    return [allow("KeepTheKey", actions, [scope.key_arn])]


def _read_state(scope: Scope) -> list[Statement]:
    return [
        allow("FindState", ["s3:ListBucket"], [scope.bucket]),
        allow(
            "ReadState",
            ["s3:GetObject"],
            scope.state("meta.yaml", f"stacks/{scope.project}/{scope.stack}.*"),
        ),
        # It decrypts all of the stack's secrets, so each environment has a role of its own.
        allow("OpenStacksSecrets", ["kms:Decrypt"], [scope.secrets_key_arn]),
    ]


def through_ssm(scope: Scope, actions: list[str], parameters: list[str]) -> Statement:
    """Return the use of the environment's key for these parameters, and only through SSM."""
    return {
        **allow("UseTheKey", actions, [scope.key_arn]),
        "Condition": {
            "StringEquals": {"kms:ViaService": f"ssm.{scope.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": parameters},
        },
    }


def _no_secrets(scope: Scope) -> Statement:
    # A wildcard matches slashes, so "*/release" includes a secret called "release". The key is
    # denied rather than the names, because GetParametersByPath returns parameters that are denied
    # by name.
    return {
        "Sid": "NoSecrets",
        "Effect": "Deny",
        "Action": "kms:Decrypt",
        "Resource": scope.key_arn,
        "Condition": {
            "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": scope.parameters("*/secrets/*")}
        },
    }


def allow(sid: str, actions: list[str], resources: list[str]) -> Statement:
    """Return a statement that allows actions on resources."""
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
