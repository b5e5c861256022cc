"""The command line: verbs, by their subjects. The other rooms do the work."""

import io
import os
import sys
from typing import Any

from model_config.format.errors import ModelConfigError

#: The packages that each extra installs and a verb may import.
_EXTRAS = {
    "cli": "click pydantic rich typer yaml",
    "deploy": "pulumi pulumi_aws",
    "local": "filelock flask moto werkzeug",
    "ui": "jinja2",
    "agent,ui": "starlette uvicorn",
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
        extra = next((extra for extra, names in _EXTRAS.items() if missing in names.split()), None)
        if extra is None:
            raise
        needs = f"This command needs {missing}, which is not installed."
        sys.stderr.write(f"{needs} Install the extra model-config[{extra}].\n")
        sys.exit(2)


class OutputError(ModelConfigError):
    """Standard output can't be written."""


def guard_stdout() -> None:
    """Let a verb continue after its reader has closed the pipe, so that its exit code is kept.

    The output is UTF-8, whatever the terminal's encoding: another might lack what a prompt has.
    """
    if sys.stdout is None:  # the caller has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.set_inheritable(1, True)  # noqa: FBT003 - the command of `exec` gets it too
    raw = io.BufferedWriter(_Guarded(1, "wb", closefd=False))
    sys.stdout = io.TextIOWrapper(raw, "utf-8", "backslashreplace", line_buffering=True)


class _Guarded(io.FileIO):
    is_over = False

    def write(self, data: Any) -> int:
        """Write, or do nothing once a write has failed, so that Python's final flush succeeds."""
        try:
            return len(memoryview(data)) if self.is_over else super().write(data)
        except BrokenPipeError:  # `| head`
            self.is_over = True
            return len(memoryview(data))
        except OSError as error:
            self.is_over = True
            raise OutputError(f"can't write the output: {error.strerror}") from None
