"""How verbs print: a table on a terminal, plain text in a pipe, JSON where a script asks for it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from model_config.cli.completion import complete_environment, complete_model
from model_config.comparing.text import shortened

if TYPE_CHECKING:
    from model_config.comparing.change_text import Line

Environment = Annotated[
    str,
    typer.Option(
        "--environment",
        "-e",
        envvar="MODEL_CONFIG_ENVIRONMENT",
        help="The environment's name.",
        autocompletion=complete_environment,
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option(help="Where in SSM it stands. Default: as the stack's file sets it, or else /ai."),
]
Local = Annotated[
    bool,
    typer.Option(
        "--local",
        envvar="MODEL_CONFIG_LOCAL",
        help="Work on the local AWS of this project (`model-config local deploy`).",
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="The model's name.",
        show_default=False,
        autocompletion=complete_model,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        help='The label to read by, or "latest". Default: MODEL_CONFIG_LABEL, or else stable.'
    ),
]
Release = Annotated[
    int | None, typer.Option(help="The number of the release to read, instead of a label.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]

Item = TypeVar("Item")

_COLOURS = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}
#: What stands for a secret's text.
MASK = "********"


def print_json(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, wrap: bool = False
) -> None:
    """Print rows: framed on a terminal, with tabs between the cells in a pipe.

    Where the terminal is too narrow, the last column's texts are shortened in their middle, since
    an ARN says most at its end; or with `wrap` every column goes on in the next line.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    # A prompt's "[bold]" and ":smile:" are text.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        for row in cells:
            typer.echo("\t".join(row))
        return
    table = Table()
    for column in columns:  # a long word goes on in the next line too, rather than end in "…"
        table.add_column(column, overflow="fold" if wrap else "ellipsis")
    frame = 3 * len(columns) + 1
    taken = sum(max(map(len, column)) for column in list(zip(columns, *cells, strict=True))[:-1])
    room = max(console.width - taken - frame, 12)
    for *others, last in cells:
        table.add_row(*others, last if wrap else shortened(last, room))
    console.print(table)


def print_lines(lines: Iterable[Line]) -> None:
    """Print changes, coloured on a terminal."""
    colours = {} if os.environ.get("NO_COLOR") else _COLOURS
    for line in lines:
        typer.secho(line.text, fg=colours.get(line.mark))


def with_progress(items: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
    """Yield the items, and show a person how far it is once that takes more than a second.

    Where nobody knows the total, the bar shows that it goes on.
    """
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


def who(arn: str) -> str:
    """Return who an ARN names: "anna", "Deployer/build-7". moto's "N/A" is nobody."""
    if not arn.startswith("arn:"):
        return "-"
    name = arn.split(":", 5)[-1]
    return name.partition("/")[2] or name
