"""Every error a user can meet: what is wrong, where, why it is a limit, and what to do next.

Each family of errors has one exception type. None of them ever holds a secret's value.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from model_config.format.text import plural

#: The most findings of one model that are printed. Set by this package.
FINDINGS_SHOWN = 20


class ModelConfigError(Exception):
    """The base class of all errors of this package. Its text can be shown to the user as it is."""


class SchemaError(ModelConfigError, TypeError):
    """A configuration class has a field that can't be stored. Raised when the class is defined."""


class CodecError(ModelConfigError, ValueError):
    """A value can't be stored, or a stored text can't be read."""


class ReleaseError(ModelConfigError, ValueError):
    """A release document can't be written, or is not valid."""


class RolloutError(ModelConfigError, ValueError):
    """A rollout document can't be written, or is not valid."""


class EvidenceError(ModelConfigError, ValueError):
    """Evidence is missing, invalid or not enough, or a report of results can't be read."""


class LocalError(ModelConfigError):
    """The local AWS can't do what was asked."""


class DeployError(ModelConfigError):
    """Pulumi's engine can't do what was asked."""


class Finding(NamedTuple):
    """One problem in a configuration."""

    where: str  #: The model and path ("support_chat/prompt/system"), or the setting.
    problem: str  #: What is wrong there, with the value's size or kind, never a secret's value.
    fix: str
    reason: str = ""  #: The limit and its source. Empty if the problem explains itself.
    file: str | None = None  #: Relative to the project.
    line: int | None = None  #: From 1.

    def __str__(self) -> str:
        location = f" ({self.file}:{self.line})" if self.file and self.line else ""
        why = f"\n    why: {self.reason}" if self.reason else ""
        return f"{self.where}{location}: {self.problem}{why}\n    fix: {self.fix}"


class InvalidConfigurationError(ModelConfigError):
    """The configuration was refused.

    `findings` has every reason, and the text the first 20 of each model.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        title = f"{plural(len(self.findings), 'finding')}:"
        shown, more = first_of_each_model(self.findings)
        super().__init__("\n".join([title, *(f"  {line}" for line in (*shown, *more))]))


def first_of_each_model(findings: Iterable[Finding]) -> tuple[list[Finding], list[str]]:
    """Return the findings to show, and for each model with more a line that counts the rest."""
    shown, counts = [], Counter[str]()
    for finding in findings:
        model = ".".join(finding.where.partition("/")[0].split(".")[:2])  # or its overrides
        counts[model] += 1
        if counts[model] <= FINDINGS_SHOWN:
            shown.append(finding)
    more = {model: count - FINDINGS_SHOWN for model, count in counts.items()}
    return shown, [f"{model}: and {count:,} more" for model, count in more.items() if count > 0]


class UsageError(ModelConfigError, ValueError):
    """A name, number or label is not valid. It is refused before any request to AWS."""


class ProjectNotFoundError(ModelConfigError):
    """The command needs a project, and the current folder is not in one."""


class ModelNotFoundError(ModelConfigError, LookupError):
    """The environment has no release of the model."""


class ReleaseNotFoundError(ModelConfigError, LookupError):
    """The model has no release with that number."""


class LabelNotFoundError(ReleaseNotFoundError):
    """The label is on no release of the model. The text has the command that promotes one."""


class StoreError(ModelConfigError):
    """AWS refused a request, for a reason that none of the subclasses covers."""


class AccessDeniedError(StoreError):
    """A permission is missing. The text names the permission and the resource."""


class KeyUnavailableError(StoreError):
    """The KMS key is disabled, pending deletion or gone."""


class StoreUnavailableError(StoreError):
    """AWS can't be reached right now: no network, a timeout, throttling or a fault of AWS."""


class CredentialsError(StoreUnavailableError):
    """AWS can't be called from this machine: no region, no valid credentials or a wrong clock."""


class StaleConfigurationError(ModelConfigError):
    """AWS can't be reached, and the last configuration read is older than `max_stale`."""


class SecretUnavailableError(ModelConfigError):
    """A secret that the release names can't be read."""


class SchemaMismatchError(ModelConfigError, ValueError):
    """A release doesn't fit the class that an application reads it into."""


class PromptError(ModelConfigError, ValueError):
    """A prompt can't be rendered. The text names every variable with a problem."""
