"""Compares the environment's key, its alias and the reader policies with the program.

What the caller may not read is noted and skipped, and the rest is compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from model_config.format.errors import AccessDeniedError
from model_config.operate.drift.states import DriftedAccess
from model_config.operate.made_resources import Key, MadeResources
from model_config.plan.policies import Account, key_policy, reader_policy
from model_config.plan.settings import Settings


@dataclass(slots=True)
class Access:
    """What was found.

    Attributes:
        key_names: the key's names; empty if the key is unknown.
        drifted: the differences.
        notes: the missing permissions, in words.
    """

    key_names: AbstractSet[str] = frozenset()
    drifted: list[DriftedAccess] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class AccessSearch:
    """Compares the key and the reader policies of an environment with the program's settings."""

    def __init__(self, settings: Settings, made: MadeResources) -> None:
        self._settings, self._made = settings, made
        self._found = Access()

    def access(self, models: Iterable[str]) -> Access:
        """Return the differences of the key and of the models' reader policies.

        Raises:
            StoreError: AWS is unavailable.
        """
        name, key = self._settings.key_name, None
        with self._noting("the key, its policy and the reader policies"):
            key = self._made.key(name)
            if key is None:
                aspect = "key" if self._settings.kms_key_arn else "alias"
                self._differs("", name, aspect, "the environment's key", "nothing")
        if key is None:
            return self._found
        self._found.key_names = _names_of(key, name)
        if not key.is_enabled:
            self._differs("", name, "state", "Enabled", key.state)
        if self._settings.kms_key_arn:  # its owner, perhaps another account, configures it
            account = self._made.account()
        else:
            _, _, _, region, account_id, _ = key.arn.split(":", 5)
            account = Account(account_id, region)
            self._compare_key(key, name, account)
        for model in models:
            self._compare_policy(model, key, account)
        return self._found

    def _compare_key(self, key: Key, alias: str, account: Account) -> None:
        with self._noting("the key's rotation"):
            if not self._made.rotates(key.id):
                self._differs("", alias, "rotation", "on", "off")
        with self._noting("the key's policy"):
            self._compare_documents("", alias, key_policy(account), self._made.key_policy(key.id))

    def _compare_policy(self, model: str, key: Key, account: Account) -> None:
        arn = account.policy_arn(self._settings.policy_name(model, account.region))
        with self._noting(f"{model}'s reader policy"):
            policy = self._made.policy(arn)
            if policy is None:
                self._differs(model, arn, "policy", "its document", "nothing")
            else:
                expected = reader_policy(self._settings.path_of(model), key.arn, account)
                self._compare_documents(model, arn, expected, policy)

    def _compare_documents(
        self, model: str, resource: str, expected: dict[str, Any], actual: dict[str, Any]
    ) -> None:
        if difference := _policy_difference(expected, actual):
            self._differs(model, resource, "policy", "its document", difference)

    def _differs(self, model: str, resource: str, aspect: str, program: str, aws: str) -> None:
        self._found.drifted.append(DriftedAccess(model, resource, aspect, program, aws))

    @contextmanager
    def _noting(self, what: str) -> Iterator[None]:
        """Note a missing permission and leave the block, so that the rest is compared."""
        try:
            yield
        except AccessDeniedError as error:
            self._found.notes.append(f"{what}: {error}")


def _names_of(key: Key, name: str) -> AbstractSet[str]:
    """Return a key's names: its ARN, its id and its alias."""
    aliases = {name, f"{key.arn.rpartition(':')[0]}:{name}"} if name.startswith("alias/") else set()
    return frozenset({key.arn, key.id, *aliases})


def _policy_difference(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> str:
    """Return a document's differences from the expected one, statement by statement.

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
    plain = (_plain(item) if isinstance(item, dict | list) else item for item in items)
    return sorted(json.dumps(item, sort_keys=True) for item in plain)
