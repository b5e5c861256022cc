"""Annotations and the run's summary, as GitHub Actions reads them from a step.

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
    """Print an annotation, which GitHub shows on the run's page and next to the line."""
    given = {"file": file, "line": line, "title": title}
    properties = ",".join(
        f"{key}={_escaped(str(value), ':,')}" for key, value in given.items() if value
    )
    typer.echo(f"::{level} {properties}::{_escaped(message)}")


def summarize(markdown: str) -> None:
    """Add to the run's summary. Outside of a workflow run, do nothing."""
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(f"{markdown}\n")


def _escaped(text: str, also: str = "") -> str:
    """Return the text escaped for a workflow command, which a line end would terminate."""
    for character in f"%\r\n{also}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
