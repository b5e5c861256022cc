"""`model-config find-commit`: which commit is running, by the digest that a release carries."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated

import typer

from model_config.cli.completion import complete_environment, complete_revision
from model_config.cli.output import AsJson, print_json, print_table, with_progress
from model_config.cli.panels import Panel
from model_config.comparing.text import printable
from model_config.format.errors import UsageError

PANEL = Panel.REVIEW

_DIGEST = re.compile(r"(sha256:)?([0-9a-f]{8,64})", re.IGNORECASE)


def find_commit(
    digest: Annotated[
        str,
        typer.Argument(help='A digest, "sha256:…", or its first 8 hex digits or more.'),
    ],
    *,
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment",
            "-e",
            help="Only in this one. Default: in all.",
            autocompletion=complete_environment,
        ),
    ] = None,
    revision: Annotated[
        str,
        typer.Option(
            "--from",
            help="Where to begin: the newest commit to look at.",
            autocompletion=complete_revision,
        ),
    ] = "HEAD",
    whole: Annotated[
        bool, typer.Option("--all", help="Look at the whole history, for earlier times too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find the commits whose configuration has a digest, the newest first.

    Only commits that changed models, schema or stack files are looked at, and only as far back as
    they have the digest without a gap: the last one shown brought it in. Each commit's
    configuration is worked out by that commit's own code.

    Example: model-config find-commit sha256:39862c281fc3
    """
    from model_config.cli.project import current_project
    from model_config.comparing.commit_search import Search, find

    given = _DIGEST.fullmatch(digest)
    if not given:
        raise UsageError(
            f'{digest!r} is not a digest: give 8 to 64 hex digits, with or without "sha256:" '
            "before them"
        )
    search = Search(f"sha256:{given[2].lower()}", environment, revision, whole)
    matches = find(current_project(), search, with_progress, _left_out)
    if as_json:
        print_json([asdict(match) for match in matches])
        return
    print_table(
        ["commit", "date", "environment", "model", "subject"],
        [
            (each.commit[:9], each.date, each.environment, each.model, printable(each.subject))
            for each in matches
        ],
    )


def _left_out(reason: str) -> None:
    typer.echo(f"Left out: {reason}", err=True)
