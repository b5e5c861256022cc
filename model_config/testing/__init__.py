"""What tests import: `FakeReader`, for applications; `program`, a stack under Pulumi's mocks."""

from model_config.testing.fake import FakeReader

__all__ = ["FakeReader"]
