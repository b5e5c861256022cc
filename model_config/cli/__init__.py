"""The command line: one file for each verb. The other rooms do the work."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from model_config.format.errors import ModelConfigError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: The extra that installs each package that a verb may import.
_EXTRAS = {
    "click": "cli",
    "pydantic": "cli",
    "rich": "cli",
    "typer": "cli",
    "yaml": "cli",
    "pulumi": "deploy",
    "pulumi_aws": "deploy",
    "filelock": "local",
    "flask": "local",
    "moto": "local",
    "werkzeug": "local",
    "jinja2": "ui",
    "starlette": "agent,ui",
    "uvicorn": "agent,ui",
}


def main() -> None:
    """Run the command line, or name the missing extra: a plain install has none of them."""
    guard_stdout()
    try:
        from model_config.cli.app import main as run

        run()
    except KeyboardInterrupt:  # during an import; click handles it later
        sys.exit(130)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRAS:
            raise
        sys.stderr.write(
            f"This command needs {missing}, which is not installed. Install the extra "
            f"model-config[{_EXTRAS[missing]}].\n"
        )
        sys.exit(2)


class OutputError(ModelConfigError):
    """Standard output can't be written."""


def guard_stdout() -> None:
    """Let a verb continue after its reader has closed the pipe, so that its exit code is kept.

    The output is UTF-8, whatever the terminal's encoding: another might lack what a prompt has.
    """
    if sys.stdout is not None:  # None if the caller has closed it
        raw = io.BufferedWriter(_Guarded(sys.stdout.fileno(), "wb", closefd=False))
        sys.stdout = io.TextIOWrapper(raw, "utf-8", "backslashreplace", line_buffering=True)


class _Guarded(io.FileIO):
    is_over = False

    def write(self, data: ReadableBuffer) -> int:
        """Write, or do nothing once a write has failed, so that Python's final flush succeeds."""
        try:
            return len(memoryview(data)) if self.is_over else super().write(data)
        except BrokenPipeError:  # `| head`
            self.is_over = True
            return len(memoryview(data))
        except OSError as error:
            self.is_over = True
            raise OutputError(f"can't write the output: {error.strerror}") from None
