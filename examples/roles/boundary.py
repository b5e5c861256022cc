"""The most that an application's role may do, whatever its reader policies allow.

A deploy writes reader policies, and thereby the permissions of applications' roles. As the
permissions boundary of such a role, this makes a policy that allows too much ineffective.
"""

from __future__ import annotations

from permissions import Statement, allow, through_ssm
from scope import Scope


def boundary(scope: Scope, own_work: list[str]) -> list[Statement]:
    """Return a boundary that allows reading this environment's models, and other actions."""
    encrypted = [
        scope.parameters(pattern) for pattern in ("*/release", "*/release/parts/*", "*/secrets/*")
    ]
    return [
        allow(
            "ReadModels",
            ["ssm:GetParameter", "ssm:GetParameters"],
            [*encrypted, scope.parameters("*/rollout")],
        ),
        through_ssm(scope, ["kms:Decrypt"], encrypted),
        allow("OwnWork", own_work, ["*"]),
    ]
