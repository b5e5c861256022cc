"""A stack's configuration: keys and texts, as Pulumi's engine hands them to a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_config.format.errors import Finding

#: What our own keys begin with, before a colon.
NAMESPACE = "model-config"


@dataclass(frozen=True, slots=True)
class StackConfig:
    """A stack's configuration.

    Attributes:
        stack: the stack's name.
        values: "namespace:key" to text; an object or list is JSON text.
        secret_keys: the keys marked as secret. One of them without a value is encrypted, and
            this process doesn't hold the key to it.
        project: the project's name, which is the namespace of a key that is given without one.
        findings: what is wrong with the stack's file, where that is what was read.
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
        """The AWS region the stack's file names, if it does."""
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
    """Return the command that sets a secret; Pulumi asks for the value, so no shell keeps it."""
    return f"pulumi config set --secret {NAMESPACE}:{key} --stack {stack}"
