"""What GitHub Actions reads from a step: annotations on its output, and the run's summary.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import typer

Level = Literal["error", "warning", "notice"]


def annotate(
    level: Level, message: str, *, title: str, file: str | None = None, line: int | None = None
) -> None:
    """Print an annotation, which GitHub shows with the run, and beside the line that it names."""
    given = {"file": file, "line": line, "title": title}
    properties = ",".join(
        f"{key}={_escaped(str(value), ':,')}" for key, value in given.items() if value
    )
    typer.echo(f"::{level} {properties}::{_escaped(message)}")


def summarize(markdown: str) -> None:
    """Add to the run's summary; where there is no run, there is none to add to."""
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(f"{markdown}\n")


def _escaped(text: str, also: str = "") -> str:
    """Return the text as a workflow command takes it: a line end would begin another command."""
    for character in f"%\r\n{also}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
