"""The search for the commits whose configuration has a given digest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

from model_config.comparing import snapshot
from model_config.comparing.git import Commit, Repository
from model_config.comparing.snapshot import RELEVANT, Snapshot
from model_config.format.errors import ReleaseNotFoundError, UsageError
from model_config.plan.project import Project

#: The newest commits, among those that changed a configuration, that `find_each` searches. Set by
#: this package: each one takes about half a second.
RECENT = 50

_UNSHALLOW = "run `git fetch --unshallow` first"

_Read: TypeAlias = tuple[Commit, Snapshot | str]  # the text says why its code fails
#: Passes items on and shows progress. It takes the items, what they are, and how many.
Progress = Callable[[Iterable[_Read], str, int], Iterable[_Read]]


@dataclass(frozen=True, slots=True)
class Match:
    """A model with the digest, in one environment of a commit."""

    commit: str
    date: str
    author: str
    subject: str
    environment: str
    model: str


@dataclass(slots=True)
class Search:
    """Follows a digest, or its beginning, from its newest commit back to where it came from.

    Unless the whole history is searched, the search ends where the ancestors of the newest commit
    with the digest no longer have it.
    """

    digest: str
    environment: str | None = None
    whole: bool = False
    matches: list[Match] = field(default_factory=list)
    is_cut_off: bool = False  #: The history ends before the digest, as in a shallow clone.
    _next: set[str] = field(default_factory=set)

    @property
    def has_ended(self) -> bool:
        return bool(self.matches) and not self.whole and not self._next

    def leads_to(self, commit: Commit) -> bool:
        return not self.matches or self.whole or commit.id in self._next

    def follow(self, commit: Commit, described: Snapshot | str) -> None:
        models = [] if isinstance(described, str) else self.models_in(described)
        self.matches += [Match(commit.id, *commit[2:], *model) for model in models]
        goes_on = bool(models) or isinstance(described, str)
        self._next.discard(commit.id)
        self._next.update(commit.parents if goes_on else ())
        self.is_cut_off |= bool(self.matches) and goes_on and not commit.parents

    def models_in(self, described: Snapshot) -> list[tuple[str, str]]:
        return [
            (stack, name)
            for stack, environment in described.environments.items()
            for name, release in environment.models.items()
            if release.digest.startswith(self.digest) and self.environment in {None, stack}
        ]


def find(
    project: Project,
    search: Search,
    revision: str,
    progress: Progress,
    left_out: Callable[[str], object],
) -> list[Match]:
    """Return the commits up to a revision that have the digest, newest first.

    `left_out` is called with the reason for each commit whose code fails. A UsageError says that
    the clone is shallow and the answer may be in the part it lacks.
    """
    repository = Repository(project.root)
    is_shallow = repository.is_shallow()
    if is_shallow and search.whole:
        raise UsageError(f"this clone is shallow and lacks part of the history: {_UNSHALLOW}")
    commits = repository.commits(repository.commit(revision), RELEVANT)
    for commit, described in progress(_read(project, commits), "Reading commits", len(commits)):
        if not search.leads_to(commit):
            continue
        if isinstance(described, str):
            left_out(described)
        search.follow(commit, described)
        if is_shallow and search.is_cut_off:
            raise UsageError(
                f"{commit.id[:9]}, the oldest commit of this shallow clone, already has the "
                f"digest, and an older one may have introduced it: {_UNSHALLOW}"
            )
        if search.has_ended:
            break
    if search.matches:
        return search.matches
    where = f" in {search.environment}" if search.environment else ""
    text = f"no commit up to {revision} has a model with the digest {search.digest}{where}"
    if search.models_in(snapshot.of_working_tree(project)):
        reason = "the working tree has it, so it is not committed yet"
    elif is_shallow:
        reason = f"this clone is shallow and lacks older commits: {_UNSHALLOW}"
    else:
        reason = "another branch may have it: name the branch with --from"
    raise ReleaseNotFoundError(f"{text}; {reason}")


def find_each(project: Project, digests: Iterable[str], progress: Progress) -> dict[str, Match]:
    """Return the commit that introduced each whole digest, for those found in recent commits."""
    repository = Repository(project.root)
    commits = repository.commits(repository.commit("HEAD"), RELEVANT)[:RECENT]
    searches = {digest: Search(digest) for digest in digests}
    for commit, described in progress(_read(project, commits), "Reading commits", len(commits)):
        for search in searches.values():
            if search.leads_to(commit):
                search.follow(commit, described)
        if all(search.has_ended for search in searches.values()):
            break
    is_shallow = repository.is_shallow()
    return {
        digest: search.matches[-1]
        for digest, search in searches.items()
        if search.matches and not (is_shallow and search.is_cut_off)
    }


def _read(project: Project, commits: Sequence[Commit]) -> Iterator[_Read]:
    """Yield each commit's configuration. Several commits are described concurrently."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        asked = [pool.submit(snapshot.of_commit, project, commit.id) for commit in commits]
        try:
            for commit, answer in zip(commits, asked, strict=True):
                try:
                    yield commit, answer.result()
                except UsageError as error:
                    yield commit, str(error)
        finally:
            pool.shutdown(cancel_futures=True)
