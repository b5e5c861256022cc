"""`model-config diff-releases`: what differs between two releases of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from difflib import unified_diff
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli.output import AsJson, Environment, Local, Model, Prefix, print_json
from model_config.comparing.text import one_line, printable
from model_config.format.errors import LabelNotFoundError, ReleaseError, ReleaseNotFoundError

if TYPE_CHECKING:
    from model_config.comparing.changes import Change
    from model_config.format.release import Release
    from model_config.operate.history import ReleaseRow

Selector = Annotated[
    str, typer.Argument(help='A release: its number, a label or "latest".', show_default=False)
]
#: Characters beyond which a text's lines are compared one by one.
_LONG = 72


def diff_releases(  # noqa: PLR0913 - a verb's options
    model: Model,
    before: Selector,
    after: Selector,
    *,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 where they differ.")
    ] = False,
) -> None:
    """Show what differs between two releases: values that are new, gone or others.

    Long texts are shown as a unified diff. Of a secret only its name is shown; its text is in no
    release.

    Example: model-config diff-releases support_chat stable latest
    """
    from model_config.cli.target import target
    from model_config.comparing.changes import changes

    with target(environment, prefix, local=local) as aws:
        rows = aws.history().releases(model)
    old, new = (_selected(rows, selector, model) for selector in (before, after))
    changed = changes(_content(old), _content(new))
    if as_json:
        print_json(
            {
                "model": model,
                "environment": _content(new).environment,
                "before": old.number,
                "after": new.number,
                "changes": [asdict(change) for change in changed],
            }
        )
    else:
        names = f"release {old.number}", f"release {new.number}"
        for line in _lines(changed, *names) if changed else [f"{' and '.join(names)} are the same"]:
            typer.echo(printable(line))
    if exit_code and changed:
        raise typer.Exit(1)


def _selected(rows: list[ReleaseRow], selector: str, model: str) -> ReleaseRow:
    """Return the release of a number or label.

    Raises:
        ReleaseNotFoundError: there is none.
    """
    if selector == "latest":
        return rows[-1]
    number = int(selector) if selector.isdecimal() else None
    for row in rows:
        if row.number == number or selector in row.labels:
            return row
    if number is None:
        labels = sorted(label for row in rows for label in row.labels)
        raise LabelNotFoundError(
            f"no release of {model} has the label {selector!r}; "
            f"labels there are: {', '.join(labels) or 'none'}"
        )
    raise ReleaseNotFoundError(
        f"there is no release {number} of {model}; there are {rows[0].number} to {rows[-1].number}"
    )


def _content(row: ReleaseRow) -> Release:
    if row.content is None:
        raise ReleaseError(str(row.problem))
    return row.content


def _lines(changed: list[Change], old: str, new: str) -> Iterator[str]:
    for change in changed:
        if change.secret:
            note = "now another parameter" if change.change == "changed" else "secret"
            yield f"{change} ({note})"
        elif change.change == "added":
            yield f"{change}: {one_line(change.after)}"
        elif change.change == "removed":
            yield f"{change}: {one_line(change.before)}"
        elif _is_long(change.before) or _is_long(change.after):
            yield f"{change}:"
            yield from _text_diff(str(change.before), str(change.after), old, new)
        else:
            yield f"{change}: {one_line(change.before)} → {one_line(change.after)}"


def _is_long(value: object) -> bool:
    return isinstance(value, str) and ("\n" in value or len(value) > _LONG)


def _text_diff(before: str, after: str, old: str, new: str) -> Iterator[str]:
    # Not splitlines(): a line end that came or went is a difference.
    lines = unified_diff(before.split("\n"), after.split("\n"), old, new, lineterm="")
    return (f"    {line}" for line in lines)
