"""How verbs print: tables on a terminal, tab-separated text in a pipe, and JSON with --json.

In GitHub Actions: annotations and the run's summary.
https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from model_config.comparing.report import Line
from model_config.format.text import shortened, visible

Item = TypeVar("Item")
#: What is printed, by its names in JSON.
Row: TypeAlias = Mapping[str, Any]
#: The title of each column, and a row's key or a function of the row.
Columns: TypeAlias = Mapping[str, str | Callable[[Row], Any]]

_COLOURS = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}
#: The minimum width of a table's last column, in characters. Other columns wrap to make room.
_LAST_COLUMN = 24
#: Printed in place of a secret's value.
MASK = "********"


def print_json(value: object) -> None:
    """Print a value as JSON: a time in UTC, a dataclass as an object."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_as_json))


def _as_json(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else asdict(value)


def print_rows(rows: Sequence[Row], columns: Columns, *, as_json: bool) -> None:
    """Print rows as a table; or as JSON, without keys that begin with an underscore."""
    if as_json:
        print_json([{k: v for k, v in row.items() if not k.startswith("_")} for row in rows])
    elif rows:
        cells = (
            [_cell(column(row) if callable(column) else row[column]) for column in columns.values()]
            for row in rows
        )
        print_table(list(columns), cells, wrap=True)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    return "" if value is None else visible(str(value))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    wrap: bool = False,
    styles: Iterable[str] = (),
    instead: str = "",
) -> None:
    """Print rows as a table on a terminal, or with tabs between the cells in a pipe.

    If the terminal is too narrow, the last column wraps, or is shortened in the middle, since the
    end of an ARN is the most specific; or the line `instead` stands below the table in its place.
    `styles` are those of the rows, as rich names them.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    console = new_console()
    if not console.is_terminal:
        for row in cells:
            typer.echo("\t".join(row))
        return
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    room = console.width - sum(widths[:-1]) - 3 * len(columns) - 1
    if instead and room < widths[-1]:
        print_table(columns[:-1], [row[:-1] for row in cells], styles=styles)
        typer.echo(instead)
        return
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    table.columns[-1].no_wrap = not wrap
    room = max(room, _LAST_COLUMN)
    for row, style in zip(cells, chain(styles, repeat("")), strict=False):
        last = row[-1] if wrap else shortened(row[-1], room)
        table.add_row(*row[:-1], last, style=style)
    console.print(table)


def print_text(text: str, *, nl: bool = False) -> None:
    """Print a text, on a terminal with control characters escaped; `nl` ends it in a pipe too."""
    on_terminal = new_console().is_terminal
    typer.echo(visible(text) if on_terminal else text, nl=nl or on_terminal)


def label_marks(held: Iterable[str], interrupted: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(held, " (held)") | dict.fromkeys(interrupted, " (promotion interrupted)")


def time_text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def print_lines(lines: Iterable[Line]) -> None:
    console = new_console()
    for line in lines:
        console.out(line.text, style=_COLOURS.get(line.mark), highlight=False)


def new_console() -> Console:
    """Return a console without markup and emoji: prompts may have "[bold]" or ":smile:"."""
    return Console(highlight=False, markup=False, emoji=False)


def with_progress(items: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
    """Yield the items, with a progress bar on a terminal after the first second."""
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield from items
        return
    progress = Progress(console=console, transient=True)
    task = progress.add_task(what, total=total)
    begin = time.monotonic()
    try:
        for item in items:
            if time.monotonic() - begin > 1:
                progress.start()
            yield item
            progress.advance(task)
    finally:
        progress.stop()


def annotate(level: str, message: str, **properties: str | int | None) -> None:
    """Print an annotation, which GitHub shows on the run's page and next to the line."""
    given = (f"{key}={_escaped(str(it), ':,')}" for key, it in properties.items() if it)
    typer.echo(f"::{level} {','.join(given)}::{_escaped(message)}")


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
