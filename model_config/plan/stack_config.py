"""A stack's configuration: keys and texts, as Pulumi's engine passes them to a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_config.format.errors import Finding

#: The namespace of this package's config keys, before the colon.
NAMESPACE = "model-config"


@dataclass(frozen=True, slots=True)
class StackConfig:
    """A stack's configuration.

    Attributes:
        stack: the stack's name.
        values: the text of each "namespace:key"; an object or list is JSON text.
        secret_keys: the keys marked as secret. If one has no entry in `values`, it is encrypted
            and can't be decrypted here.
        project: the project's name, which is the namespace of keys that have none.
        findings: the problems of the stack's file, if the configuration was read from it.
    """

    stack: str
    values: Mapping[str, str]
    secret_keys: frozenset[str] = frozenset()
    project: str = NAMESPACE
    findings: tuple[Finding, ...] = ()

    @property
    def file(self) -> str:
        """The file a user edits."""
        return f"Pulumi.{self.stack}.yaml"

    @property
    def region(self) -> str | None:
        """The AWS region in the stack's file, if it has one."""
        return self.values.get("aws:region")

    def own(self) -> dict[str, str]:
        """Return the values under `model-config:`, by their short key."""
        return {
            key.removeprefix(f"{NAMESPACE}:"): value
            for key, value in self.values.items()
            if key.startswith(f"{NAMESPACE}:")
        }

    def own_secret_keys(self) -> set[str]:
        """Return the short keys under `model-config:` that are marked as secret."""
        return {
            key.removeprefix(f"{NAMESPACE}:")
            for key in self.secret_keys
            if key.startswith(f"{NAMESPACE}:")
        }


def set_secret_command(key: str, stack: str) -> str:
    """Return the command that sets a secret. Pulumi prompts for the value, so no shell keeps it."""
    return f"pulumi config set --secret {NAMESPACE}:{key} --stack {stack}"
