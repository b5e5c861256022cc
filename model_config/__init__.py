"""AI model configurations, kept under version control and deployed to AWS SSM Parameter Store."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_config.runtime.reader import Reader

__all__ = ["Reader"]


def __getattr__(name: str) -> object:
    # On first use (PEP 562): a deploy and a model module import this package without boto3.
    if name == "Reader":
        from model_config.runtime.reader import Reader  # noqa: PLC0415

        return Reader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
