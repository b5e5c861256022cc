"""Standard output whose reader may have seen enough, and whose disk may be full."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from model_config.format.errors import ModelConfigError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputError(ModelConfigError):
    """What a verb prints can't be written."""


def guard_stdout() -> None:
    """Let a verb go on where nobody reads any more, so that its exit code says what it found."""
    if sys.stdout is not None:  # as it is where the caller has closed it
        raw = io.BufferedWriter(_Guarded(sys.stdout.fileno(), "wb", closefd=False))
        encoding, errors = sys.stdout.encoding, sys.stdout.errors
        sys.stdout = io.TextIOWrapper(raw, encoding, errors, line_buffering=True)


class _Guarded(io.FileIO):
    is_over = False

    def write(self, data: ReadableBuffer) -> int:
        """Write, or once that has failed do nothing, so that Python has nothing left at its end."""
        try:
            return len(memoryview(data)) if self.is_over else super().write(data)
        except BrokenPipeError:  # `| head`
            self.is_over = True
            return len(memoryview(data))
        except OSError as error:
            self.is_over = True
            raise OutputError(f"the output can't be written: {error.strerror}") from None
