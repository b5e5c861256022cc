"""Python source, valid and readable as generated, and formatted by ruff if that is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A call, with positional or with named arguments."""

    name: str
    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


class Name(str):
    """A name in the source, as opposed to a string."""

    __slots__ = ()


def written(value: Any, indent: str = "") -> str:
    """Return a value, which may contain calls and names, as an expression.

    Each named argument is on a line of its own. The last is not followed by a comma, so that ruff
    joins a short call into one line.
    """
    inner = f"{indent}    "
    match value:
        case Call() if value.named:
            arguments = (f"{name}={written(each, inner)}" for name, each in value.named.items())
            return f"{value.name}(\n{inner}" + f",\n{inner}".join(arguments) + f"\n{indent})"
        case Call():
            return f"{value.name}({', '.join(map(written, value.positional))})"
        case dict():
            return f"{{{', '.join(f'{key!r}: {written(value[key], inner)}' for key in value)}}}"
        case Name():
            return str(value)
        case _:
            return repr(value)


def formatted(source: str, file: Path) -> str:
    """Return a module's source formatted by ruff, or unchanged if ruff is not installed.

    Args:
        source: the source.
        file: its future path; ruff uses the settings that apply there.
    """
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(file), "-"]
    done = subprocess.run(  # noqa: S603
        command, input=source.encode(), capture_output=True, check=False
    )
    return done.stdout.decode() if done.returncode == 0 else source
