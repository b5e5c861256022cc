"""How verbs print: a table on a terminal, plain text in a pipe, JSON where a script asks for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

Environment = Annotated[
    str,
    typer.Option(
        "--environment", "-e", envvar="MODEL_CONFIG_ENVIRONMENT", help="The environment's name."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]


def print_json(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows: framed on a terminal, with tabs between the cells in a pipe.

    Where the terminal is too narrow, the last column's texts are shortened in their middle, since
    an ARN says most at its end.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    console = Console(highlight=False)
    if not console.is_terminal:
        for row in cells:
            typer.echo("\t".join(row))
        return
    table = Table(*columns)
    frame = 3 * len(columns) + 1
    taken = sum(max(map(len, column)) for column in list(zip(columns, *cells, strict=True))[:-1])
    room = max(console.width - taken - frame, 12)
    for *others, last in cells:
        table.add_row(*others, shortened(last, room))
    console.print(table)


def shortened(text: str, room: int) -> str:
    """Return the text in at most `room` characters, the middle left out if need be."""
    if len(text) <= room:
        return text
    head = (room - 1) // 3
    return f"{text[:head]}…{text[head + 1 - room :]}"
