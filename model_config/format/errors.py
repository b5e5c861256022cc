"""Every error a user can meet: what is wrong, where, why it is a limit, and what to do next.

One exception type for a family of errors. None of them ever holds a secret's value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class ModelConfigError(Exception):
    """The base of all errors of this package. Its text is written for the user as it stands."""


class SchemaError(ModelConfigError, TypeError):
    """A configuration class has a field that can't be stored. Raised when the class is defined."""


class CodecError(ModelConfigError, ValueError):
    """A value can't be stored, or a stored text can't be read."""


class ReleaseError(ModelConfigError, ValueError):
    """A release document can't be written, or is not what it should be."""


class RolloutError(ModelConfigError, ValueError):
    """A rollout document can't be written, or is not what it should be."""


class LocalError(ModelConfigError):
    """The local AWS can't do what was asked."""


class DeployError(ModelConfigError):
    """Pulumi's engine can't do what was asked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a configuration.

    Attributes:
        where: the model and path ("support_chat/prompt/system"), or the setting.
        problem: what is wrong there, with the value's size or kind, never a secret's value.
        fix: what to do about it.
        reason: the limit and its source. Empty where the problem says it all.
        file: the file to look at, relative to the project, where one is known.
        line: the line in that file, counted from 1.
    """

    where: str
    problem: str
    fix: str
    reason: str = ""
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f" ({self.file}:{self.line})" if self.file and self.line else ""
        lines = [f"{self.where}{place}: {self.problem}"]
        if self.reason:
            lines.append(f"    why: {self.reason}")
        lines.append(f"    fix: {self.fix}")
        return "\n".join(lines)


class InvalidConfigurationError(ModelConfigError):
    """The configuration was refused before anything was deployed; `findings` holds every reason."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        count = len(self.findings)
        title = f"{count} {'finding' if count == 1 else 'findings'}, nothing was deployed:"
        super().__init__("\n".join([title, *(f"  {finding}" for finding in self.findings)]))


class UsageError(ModelConfigError, ValueError):
    """A name, number or label that can't be used, refused before AWS is asked."""


class ProjectNotFoundError(ModelConfigError):
    """The current folder is in no project, and the command needs one."""


class ModelNotFoundError(ModelConfigError, LookupError):
    """There is no release of that model in that environment."""


class ReleaseNotFoundError(ModelConfigError, LookupError):
    """The model has no release of that number."""


class LabelNotFoundError(ReleaseNotFoundError):
    """The label is on no release of the model. The text holds the promote command."""


class StoreError(ModelConfigError):
    """AWS refused a request, for a reason that none of the types below names."""


class AccessDeniedError(StoreError):
    """A permission is missing: the text says which, and on what."""


class KeyUnavailableError(StoreError):
    """The KMS key is disabled, pending deletion or gone."""


class StoreUnavailableError(StoreError):
    """AWS can't be asked right now: no network, no answer in time, throttling, a fault of AWS."""


class CredentialsError(StoreUnavailableError):
    """AWS can't be asked as things are set here: no region, no valid credentials, a wrong clock."""


class StaleConfigurationError(ModelConfigError):
    """AWS can't be asked, and the last configuration read is older than `max_stale` allows."""


class SecretUnavailableError(ModelConfigError):
    """A secret that the release names can't be had."""


class SchemaMismatchError(ModelConfigError, ValueError):
    """A release doesn't fit the class an application reads it into."""


class PromptError(ModelConfigError, ValueError):
    """A prompt can't be rendered: the text names every variable that is in the way."""
