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
    "render",
]


def render(text: str, /, **values: str | int) -> str:
    r"""Return a text with its variables, `{{name}}`, filled in.

    It does for a text that the application holds what `Configuration.render` does for a stored
    one: placeholders are replaced in one pass, and `\{{` becomes `{{`. Each variable of the text
    takes one value. PromptError names every one without, and every value that is not valid.
    """
    from model_config.format.prompt import render as filled  # noqa: PLC0415 - for a cold start

    return filled(text, values)


def __getattr__(name: str) -> object:
    # Imported on first use (PEP 562), so that deploys and model modules don't import boto3.
    if name in {"Reader", "Configuration", "Secret"}:
        module = "reader" if name == "Reader" else "configuration"
        return getattr(import_module(f"model_config.reader.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
