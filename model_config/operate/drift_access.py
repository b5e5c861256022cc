"""Compares the environment's key, its alias and the reader policies with the program.

What the caller may not read is noted and skipped, and the rest is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, TypeVar

from model_config.format.errors import AccessDeniedError
from model_config.operate.drift_states import DriftedAccess
from model_config.operate.made_resources import Key, MadeResources
from model_config.operate.policy_difference import policy_difference
from model_config.plan.policies import Account, key_policy, reader_policy
from model_config.plan.settings import Settings

Answer = TypeVar("Answer")


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
    """Compares the key and the reader policies of an environment.

    Args:
        settings: the program's settings.
        made: reads KMS and IAM.
        region: the region.

    Every method raises a `StoreError` or a subclass if AWS is unavailable.
    """

    def __init__(self, settings: Settings, made: MadeResources, region: str) -> None:
        self._settings, self._made, self._region = settings, made, region
        self._found = Access()

    def access(self, models: Iterable[str]) -> Access:
        """Return the differences of the key and of the models' reader policies."""
        name = self._settings.key_name
        try:
            key = self._made.key(name)
        except AccessDeniedError as error:
            self._found.notes.append(f"the key, its policy and the reader policies: {error}")
            return self._found
        if key is None:
            aspect = "key" if self._settings.kms_key_arn else "alias"
            self._differs("", name, aspect, "the environment's key", "nothing")
            return self._found
        self._found.key_names = _names_of(key, name)
        if not key.is_enabled:
            self._differs("", name, "state", "Enabled", key.state)
        # An existing key may belong to another account.
        existing = self._settings.kms_key_arn is not None
        account_id = self._made.account_id() if existing else key.arn.split(":")[4]
        account = Account(account_id, self._region)
        if not existing:  # an existing key is configured by its owner
            self._compare_key(key, name, account)
        for model in models:
            self._compare_policy(model, key, account)
        return self._found

    def _compare_key(self, key: Key, alias: str, account: Account) -> None:
        rotates = self._allowed(lambda: self._made.rotates(key.id), "the key's rotation")
        if rotates is False:
            self._differs("", alias, "rotation", "on", "off")
        policy = self._allowed(lambda: self._made.key_policy(key.id), "the key's policy")
        if policy is not None:
            self._compare_documents("", alias, key_policy(account), policy)

    def _compare_policy(self, model: str, key: Key, account: Account) -> None:
        arn = account.policy_arn(self._settings.policy_name(model, self._region))
        try:
            policy = self._made.policy(arn)
        except AccessDeniedError as error:
            self._found.notes.append(f"{model}'s reader policy: {error}")
            return
        if policy is None:
            self._differs(model, arn, "policy", "its document", "nothing")
        else:
            expected = reader_policy(self._settings.path_of(model), key.arn, account)
            self._compare_documents(model, arn, expected, policy)

    def _compare_documents(
        self, model: str, resource: str, expected: dict[str, Any], actual: dict[str, Any]
    ) -> None:
        if difference := policy_difference(expected, actual):
            self._differs(model, resource, "policy", "its document", difference)

    def _differs(self, model: str, resource: str, aspect: str, program: str, aws: str) -> None:
        self._found.drifted.append(DriftedAccess(model, resource, aspect, program, aws))

    def _allowed(self, request: Callable[[], Answer], what: str) -> Answer | None:
        """Return an answer, or None if the permission is missing, which is noted."""
        try:
            return request()
        except AccessDeniedError as error:
            self._found.notes.append(f"{what}: {error}")
            return None


def _names_of(key: Key, name: str) -> AbstractSet[str]:
    """Return a key's names: its ARN, its id and its alias."""
    aliases = {name, f"{key.arn.rpartition(':')[0]}:{name}"} if name.startswith("alias/") else set()
    return frozenset({key.arn, key.id, *aliases})
