"""How verbs print: a table on a terminal, plain text in a pipe, JSON where a script asks for it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from model_config.cli.completion import complete_environment, complete_label, complete_model
from model_config.comparing.text import printable, shortened

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
        help='The label to read by, or "latest". Default: MODEL_CONFIG_LABEL, or else stable.',
        autocompletion=complete_label,
    ),
]
Release = Annotated[
    int | None, typer.Option(help="The number of the release to read, instead of a label.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]

Item = TypeVar("Item")

_COLOURS = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}
#: Characters that a table's last column has at least; the other columns make room for it.
_LAST_COLUMN = 24
#: What stands for a secret's text.
MASK = "********"


def print_json(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    wrap: bool = False,
    styles: Iterable[str] = (),
    instead: str = "",
) -> None:
    """Print rows: framed on a terminal, with tabs between the cells in a pipe.

    Where the terminal is too narrow, the last column's texts are shortened in their middle, since
    an ARN says most at its end.

    Args:
        columns: the headings.
        rows: the cells of each row.
        wrap: show all of the last column, on as many lines as that takes.
        styles: how each row is coloured, in rich's words.
        instead: what is printed below instead of a last column that does not fit whole.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    console = _console()
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
    """Print a text as it is: in a pipe nothing else, on a terminal nothing that acts on it.

    Args:
        text: what an application gets.
        nl: whether a line end follows it in a pipe, too.
    """
    on_terminal = is_terminal()
    typer.echo(printable(text) if on_terminal else text, nl=nl or on_terminal)


def is_terminal() -> bool:
    """Tell whether a person reads along."""
    return _console().is_terminal


def print_lines(lines: Iterable[Line]) -> None:
    """Print changes, coloured on a terminal."""
    console = _console()
    for line in lines:
        console.out(line.text, style=_COLOURS.get(line.mark), highlight=False)


def _console() -> Console:
    # A prompt's "[bold]" and ":smile:" are text.
    return Console(highlight=False, markup=False, emoji=False)


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
