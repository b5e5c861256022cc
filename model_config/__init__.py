"""AI model configurations, kept under version control and deployed to AWS SSM Parameter Store.

Applications import this package. Model modules import `model_config.schema`, other Pulumi projects
`model_config.consumer`, and tests `model_config.testing`.
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
    from model_config.reader.configuration import Configuration, Secret
    from model_config.reader.reader import Reader

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
    # Imported on first use (PEP 562), so that deploys and model modules don't import boto3.
    if name in {"Reader", "Configuration", "Secret"}:
        module = "reader" if name == "Reader" else "configuration"
        return getattr(import_module(f"model_config.reader.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
