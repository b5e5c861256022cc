"""`model-config diff-releases`: what differs between two releases of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from difflib import unified_diff
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli.output import AsJson, Environment, Local, Model, Prefix, print_json
from model_config.comparing.text import one_line, printable

if TYPE_CHECKING:
    from model_config.comparing.changes import Change
    from model_config.operate.releases import PastRelease, Releases

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
        releases = aws.releases(model)
        old, new = (_selected(releases, selector) for selector in (before, after))
        changed = changes(old.open(), new.open())
    if as_json:
        print_json(
            {
                "model": model,
                "environment": releases.environment,
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


def _selected(releases: Releases, selector: str) -> PastRelease:
    return releases.select(int(selector) if selector.isdecimal() else selector)


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
