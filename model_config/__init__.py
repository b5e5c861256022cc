"""AI model configurations, kept under version control and deployed to AWS SSM Parameter Store.

What an application imports. A model module imports `model_config.schema`, another Pulumi project
`model_config.consumer`, a test `model_config.testing`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from model_config.format.errors import (
    AccessDeniedError,
    CredentialsError,
    KeyUnavailableError,
    LabelNotFoundError,
    ModelConfigError,
    ModelNotFoundError,
    PromptError,
    ReleaseError,
    ReleaseNotFoundError,
    SchemaMismatchError,
    SecretUnavailableError,
    StaleConfigurationError,
    StoreError,
    StoreUnavailableError,
    UsageError,
)

if TYPE_CHECKING:
    from model_config.reader.configuration import Configuration
    from model_config.reader.reader import Reader
    from model_config.reader.secret import Secret

__all__ = [
    "AccessDeniedError",
    "Configuration",
    "CredentialsError",
    "KeyUnavailableError",
    "LabelNotFoundError",
    "ModelConfigError",
    "ModelNotFoundError",
    "PromptError",
    "Reader",
    "ReleaseError",
    "ReleaseNotFoundError",
    "SchemaMismatchError",
    "Secret",
    "SecretUnavailableError",
    "StaleConfigurationError",
    "StoreError",
    "StoreUnavailableError",
    "UsageError",
]


def __getattr__(name: str) -> object:
    # On first use (PEP 562): a deploy and a model module import this package without boto3.
    if name in {"Reader", "Configuration", "Secret"}:
        return getattr(import_module(f"model_config.reader.{name.lower()}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
