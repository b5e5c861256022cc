"""`model-config find-commit`: find the commit of a release by its digest."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated

import typer

from model_config.cli import options, output
from model_config.cli.context import current_project
from model_config.format.errors import UsageError

PANEL = options.Panel.REVIEW

_DIGEST = re.compile(r"(sha256:)?([0-9a-f]{8,64})", re.IGNORECASE)


def find_commit(
    digest: Annotated[
        str,
        typer.Argument(help='A digest, "sha256:…", or at least its first 8 hex digits.'),
    ],
    *,
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment",
            "-e",
            help="The environment to search. Default: all.",
            autocompletion=options.complete_environment,
        ),
    ] = None,
    revision: Annotated[
        str,
        typer.Option(
            "--from",
            help="The newest commit to search.",
            autocompletion=options.complete_revision,
        ),
    ] = "HEAD",
    whole: Annotated[
        bool,
        typer.Option("--all", help="Search the whole history, for earlier uses of the digest too."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Find the commits whose configuration has a digest, newest first.

    It searches only commits that changed models, schema or stack files. It ends at the commit that
    introduced the digest, which is printed last. Each commit's own code describes it.

    Example: model-config find-commit sha256:39862c281fc3
    """
    from model_config.comparing.commit_search import Search, find

    given = _DIGEST.fullmatch(digest)
    if not given:
        raise UsageError(
            f'{digest!r} is not a digest: give 8 to 64 hex digits, with or without "sha256:" '
            "before them"
        )
    search = Search(f"sha256:{given[2].lower()}", environment, whole)
    matches = find(current_project(), search, revision, output.with_progress, _left_out)
    columns: output.Columns = {
        "commit": lambda row: row["commit"][:9],
        **{name: name for name in ("date", "environment", "model", "subject")},
    }
    output.print_rows([asdict(match) for match in matches], columns, as_json=as_json)


def _left_out(reason: str) -> None:
    typer.echo(f"Left out: {reason}", err=True)
