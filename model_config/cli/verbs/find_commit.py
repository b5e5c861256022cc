"""`model-config find-commit`: which commit is running, by the digest that a release carries."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli.completion import complete_environment
from model_config.cli.output import AsJson, print_json, print_table, with_progress
from model_config.comparing.text import printable
from model_config.format.errors import ReleaseNotFoundError, UsageError

if TYPE_CHECKING:
    from model_config.comparing.git import Commit
    from model_config.comparing.snapshot import Snapshot
    from model_config.plan.project import Project

_DIGEST = re.compile(r"(sha256:)?([0-9a-f]{8,64})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Match:
    """A model with that digest, in one environment of a commit."""

    commit: str
    date: str
    author: str
    subject: str
    environment: str
    model: str


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
        str, typer.Option("--from", help="Where to begin: the newest commit to look at.")
    ] = "HEAD",
    every: Annotated[
        bool, typer.Option("--all", help="Look at the whole history, not only until it ends.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find the commits whose configuration has a digest, the newest first.

    It looks at the commits that changed models, schema or stack files, and stops at the first one
    that no longer has the digest: the last one shown brought it in. The commits between two that
    are shown changed nothing about it. Each commit's configuration is worked out by its own code.

    Example: model-config find-commit sha256:39862c281fc3
    """
    from model_config.cli.project import current_project

    given = _DIGEST.fullmatch(digest)
    if not given:
        raise UsageError(
            f'{digest!r} is no digest: 8 to 64 hex digits, with or without "sha256:" before them'
        )
    start = f"sha256:{given[2].lower()}"
    project = current_project()
    matches = list(_matches(project, revision, start, environment, every=every))
    if not matches:
        raise ReleaseNotFoundError(_not_found(project, revision, start, environment))
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


def _matches(
    project: Project, revision: str, start: str, environment: str | None, *, every: bool
) -> Iterator[Match]:
    from model_config.comparing.git import Repository
    from model_config.comparing.snapshot import RELEVANT

    repository = Repository(project.root)
    commits = repository.commits(repository.commit(revision), RELEVANT)
    found = False
    read = _snapshots(project, commits)
    for commit, said in with_progress(read, "Reading commits", len(commits)):
        models = _models_with(start, said, environment) if said else []
        yield from (Match(**asdict(commit), environment=each, model=name) for each, name in models)
        if said and found and not models and not every:
            return
        found = found or bool(models)


def _snapshots(
    project: Project, commits: Sequence[Commit]
) -> Iterator[tuple[Commit, Snapshot | None]]:
    """Yield what each commit says, or None where its code fails; several are read at a time."""
    from model_config.comparing import snapshot

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        asked = [pool.submit(snapshot.of_commit, project, commit.commit) for commit in commits]
        try:
            for commit, answer in zip(commits, asked, strict=True):
                try:
                    yield commit, answer.result()
                except UsageError as error:
                    typer.echo(f"Left out: {error}", err=True)
                    yield commit, None
        finally:
            pool.shutdown(cancel_futures=True)


def _models_with(start: str, said: Snapshot, environment: str | None) -> list[tuple[str, str]]:
    return [
        (stack, name)
        for stack, there in said.environments.items()
        for name, release in there.models.items()
        if release.digest.startswith(start) and environment in {None, stack}
    ]


def _not_found(project: Project, revision: str, start: str, environment: str | None) -> str:
    """Return the words for a digest that no commit has, and what may be the reason."""
    from model_config.comparing import snapshot
    from model_config.comparing.git import Repository

    where = f" in {environment}" if environment else ""
    text = f"no commit up to {revision} has a model with the digest {start}{where}"
    if _models_with(start, snapshot.of_working_tree(project), environment):
        return f"{text}; the working tree has: it isn't committed"
    if Repository(project.root).is_shallow():
        return f"{text}; this clone is shallow, older ones come with `git fetch --unshallow`"
    return f"{text}; another branch may: name it with --from"
