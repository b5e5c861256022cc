"""The differences between two policy documents, statement by statement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def policy_difference(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> str:
    """Return a document's differences from the expected one, or an empty text if it is equivalent.

    The order of statements, actions and resources is ignored, and a text equals a list of that
    text.
    """
    wanted, found = _statements(expected), _statements(actual)
    return ", ".join(
        [
            *(f"without {wanted[each]}" for each in sorted(wanted.keys() - found.keys())),
            *(f"with another {found[each]}" for each in sorted(found.keys() - wanted.keys())),
        ]
    )


def _statements(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the statements' names by their contents."""
    given = document.get("Statement", [])
    statements = given if isinstance(given, list) else [given]
    return {
        json.dumps(_plain(statement), sort_keys=True): f"statement {_name(statement)}"
        for statement in statements
    }


def _name(statement: Any) -> str:
    return str(statement.get("Sid", "without a name")) if isinstance(statement, dict) else "?"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    items = value if isinstance(value, list) else [value]
    return sorted(json.dumps(_plain_item(item), sort_keys=True) for item in items)


def _plain_item(item: Any) -> Any:
    return _plain(item) if isinstance(item, dict | list) else item
