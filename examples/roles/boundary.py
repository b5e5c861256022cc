"""What the role of an application may do at most, whatever a reader policy says.

A deploy writes reader policies, and so what applications' roles may do. Set as the permissions
boundary of such a role, this keeps a policy that grants too much from granting it.
"""

from __future__ import annotations

from permissions import Statement, allow, through_ssm
from scope import Scope


def boundary(scope: Scope, own_work: list[str]) -> list[Statement]:
    """Return a boundary: reading this environment's models, and what applications do besides."""
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
