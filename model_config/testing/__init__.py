"""For tests: `FakeReader` for applications, and `program`, which runs a stack under mocks."""

from model_config.testing.fake import FakeReader

__all__ = ["FakeReader"]
