"""Decides as IAM does: what one statement allows, unless another denies it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def allows(
    document: Sequence[Mapping[str, Any]],
    action: str,
    resource: str,
    given: Mapping[str, str] | None = None,
) -> bool:
    """Return whether a document's statements allow an action, with the context given."""
    effects = {
        statement["Effect"]
        for statement in document
        if any(fnmatchcase(action, each) for each in listed(statement["Action"]))
        and any(fnmatchcase(resource, each) for each in listed(statement["Resource"]))
        and all(
            (key not in (given or {})) == (allowed == "true")
            if operator == "Null"
            else any(fnmatchcase((given or {}).get(key, ""), each) for each in listed(allowed))
            for operator, condition in statement.get("Condition", {}).items()
            for key, allowed in condition.items()
        )
    }
    return effects == {"Allow"}
