"""Python source as text: valid and readable as it is, and laid out by ruff where ruff is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A name, called with arguments by position or by name."""

    name: str
    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


class Name(str):
    """A name in the source, told from a text."""

    __slots__ = ()


def written(value: Any, indent: str = "") -> str:
    """Return a plain value, or one with calls and names in it, as an expression.

    Arguments that are given by name have a line each. No comma follows the last, so that ruff
    puts a short call on one line.
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


def laid_out(source: str, file: Path) -> str:
    """Return a module's source as `ruff format` lays it out, or as it is where there is no ruff.

    Args:
        source: the module.
        file: where it will be; ruff takes the settings that apply there.
    """
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(file), "-"]
    done = subprocess.run(  # noqa: S603
        command, input=source.encode(), capture_output=True, check=False
    )
    return done.stdout.decode() if done.returncode == 0 else source
