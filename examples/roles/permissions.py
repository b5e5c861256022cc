"""What each role may do: one function a role, a list of IAM statements each.

No role may make or delete a key, or write a key's policy: IAM can't hold such a right to one key
before the key is there, so an environment's first deploy is a person's. docs/ci.md has the reasons.
"""

from __future__ import annotations

from typing import Any

from scope import Scope

Statement = dict[str, Any]


def preview(scope: Scope) -> list[Statement]:
    """Read the stack's state and secrets: `pulumi preview` asks AWS for nothing else."""
    return _read_state(scope)


def deploy(scope: Scope) -> list[Statement]:
    """Write the environment's parameters and reader policies: `check`, `pulumi up`, `prune`."""
    return [
        *_read_state(scope),
        _allow(
            "WriteState",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            scope.state(
                f"stacks/{scope.project}/{scope.stack}.*",
                f"history/{scope.project}/{scope.stack}/*",
                f"backups/{scope.project}/{scope.stack}/*",
                f"locks/organization/{scope.project}/{scope.stack}/*",
            ),
        ),
        _allow(
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
        _list_parameters(),
        _allow("ReadHistory", ["ssm:GetParameterHistory"], [scope.parameters("*/release")]),
        _allow(
            "PruneParts",
            ["ssm:GetParametersByPath", "ssm:DeleteParameters"],
            [scope.parameters("*/release/parts"), scope.parameters("*/release/parts/*")],
        ),
        _through_ssm(
            scope, ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"], [scope.parameters("*")]
        ),
        _allow(
            "KeepTheKey",
            [
                "kms:DescribeKey",
                "kms:GetKeyPolicy",
                "kms:GetKeyRotationStatus",
                "kms:ListResourceTags",
                "kms:EnableKeyRotation",
                "kms:TagResource",
                "kms:UntagResource",
            ],
            [scope.key_arn],
        ),
        # KMS holds neither this nor the list of parameters to a resource. Both tell names alone.
        _allow("FindTheAlias", ["kms:ListAliases"], ["*"]),
        _allow(
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
    ]


def promote(scope: Scope) -> list[Statement]:
    """Move labels on releases, each of which is read and verified first."""
    releases = [scope.parameters("*/release"), scope.parameters("*/release/parts/*")]
    return [
        _allow(
            "MoveLabels",
            [
                "ssm:LabelParameterVersion",
                "ssm:UnlabelParameterVersion",
                "ssm:GetParameterHistory",
            ],
            releases[:1],
        ),
        _allow("VerifyReleases", ["ssm:GetParameter", "ssm:GetParameters"], releases),
        _through_ssm(scope, ["kms:Decrypt"], releases),
        _no_secrets(scope),
    ]


def drift(scope: Scope) -> list[Statement]:
    """Read what there is but for secrets, and write nothing."""
    everything = [scope.parameters("*")]
    return [
        _list_parameters(),
        _allow("ReadParameters", ["ssm:GetParameter", "ssm:GetParameters"], everything),
        _allow("ReadHistory", ["ssm:GetParameterHistory"], [scope.parameters("*/release")]),
        _through_ssm(scope, ["kms:Decrypt"], everything),
        _no_secrets(scope),
        _allow("NameTheKey", ["kms:DescribeKey"], [scope.key_arn]),
    ]


def _read_state(scope: Scope) -> list[Statement]:
    return [
        _allow("FindState", ["s3:ListBucket"], [scope.bucket]),
        _allow(
            "ReadState",
            ["s3:GetObject"],
            scope.state("meta.yaml", f"stacks/{scope.project}/{scope.stack}.*"),
        ),
        # The stack's secrets come with it; hence a role of its own for each environment.
        _allow("OpenStacksSecrets", ["kms:Decrypt"], [scope.secrets_key_arn]),
    ]


def _list_parameters() -> Statement:
    # The provider asks for each parameter it writes, and IAM holds it to no resource.
    return _allow("ListParameters", ["ssm:DescribeParameters"], ["*"])


def _through_ssm(scope: Scope, actions: list[str], parameters: list[str]) -> Statement:
    """Return the use of the environment's key for these parameters, and through SSM alone."""
    return {
        **_allow("UseTheKey", actions, [scope.key_arn]),
        "Condition": {
            "StringEquals": {"kms:ViaService": f"ssm.{scope.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": parameters},
        },
    }


def _no_secrets(scope: Scope) -> Statement:
    # A wildcard reaches over slashes: "*/release" is also a secret that is called "release". And
    # what IAM denies by name, a list by path still shows; without the key it shows nothing.
    return {
        "Sid": "NoSecrets",
        "Effect": "Deny",
        "Action": "kms:Decrypt",
        "Resource": scope.key_arn,
        "Condition": {
            "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": scope.parameters("*/secrets/*")}
        },
    }


def _allow(sid: str, actions: list[str], resources: list[str]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
