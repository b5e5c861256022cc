"""The search for the commits whose configuration has a given digest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from model_config.comparing import snapshot
from model_config.comparing.git import Commit, Repository
from model_config.comparing.snapshot import RELEVANT, Snapshot
from model_config.format.errors import ReleaseNotFoundError, UsageError
from model_config.plan.project import Project

#: The newest commits, among those that changed a configuration, that `find_each` searches. Set by
#: this package: each one takes about half a second.
RECENT = 50

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


@dataclass(frozen=True, slots=True)
class Search:
    """What to search for, and where.

    Attributes:
        digest: the beginning of the digest, "sha256:39862c28".
        environment: the only environment to search; None for all.
        revision: the newest commit to search.
        whole: search the whole history. Otherwise the search follows the digest from its newest
            commit to that commit's ancestors, and ends where they no longer have it.
    """

    digest: str
    environment: str | None = None
    revision: str = "HEAD"
    whole: bool = False

    def found_in(self, described: Snapshot) -> list[tuple[str, str]]:
        """Return each environment and model with the digest."""
        return [
            (stack, name)
            for stack, there in described.environments.items()
            for name, release in there.models.items()
            if release.digest.startswith(self.digest) and self.environment in {None, stack}
        ]


def find(
    project: Project, search: Search, progress: Progress, left_out: Callable[[str], object]
) -> list[Match]:
    """Return the commits that have the digest, newest first.

    `left_out` is called with the reason for each commit whose code fails.

    Raises:
        ReleaseNotFoundError: no commit has it.
        UsageError: the clone is shallow, and the answer may be in the part it lacks.
    """
    repository = Repository(project.root)
    is_shallow = repository.is_shallow()
    if is_shallow and search.whole:
        raise UsageError(f"this clone is shallow and lacks part of the history: {_UNSHALLOW}")
    commits = repository.commits(repository.commit(search.revision), RELEVANT)
    trail = _Trail(search)
    for commit, described in progress(_read(project, commits), "Reading commits", len(commits)):
        if not trail.leads_to(commit):
            continue
        if isinstance(described, str):
            left_out(described)
        trail.follow(commit, described)
        if is_shallow and trail.is_cut_off:
            raise UsageError(_not_sure(commit))
        if trail.has_ended:
            break
    if not trail.found:
        raise ReleaseNotFoundError(_not_found(project, search, is_shallow=is_shallow))
    return trail.found


def find_each(project: Project, digests: Iterable[str], progress: Progress) -> dict[str, Match]:
    """Return the commit that introduced each whole digest, for those found in recent commits.

    Raises:
        UsageError: there is no repository, or git fails.
    """
    repository = Repository(project.root)
    commits = repository.commits(repository.commit("HEAD"), RELEVANT)[:RECENT]
    trails = {digest: _Trail(Search(digest)) for digest in digests}
    for commit, described in progress(_read(project, commits), "Reading commits", len(commits)):
        for trail in trails.values():
            if trail.leads_to(commit):
                trail.follow(commit, described)
        if all(trail.has_ended for trail in trails.values()):
            break
    is_shallow = repository.is_shallow()
    return {
        digest: trail.found[-1]
        for digest, trail in trails.items()
        if trail.found and not (is_shallow and trail.is_cut_off)
    }


class _Trail:
    """Follows a digest from its newest commit back to the one that introduced it.

    Attributes:
        found: the commits that have it, newest first.
        is_cut_off: whether the history ends before the digest does, as it may in a shallow clone.
    """

    def __init__(self, search: Search) -> None:
        self.found: list[Match] = []
        self.is_cut_off = False
        self._search = search
        self._ancestors: set[str] = set()  # the next commits to search

    @property
    def has_ended(self) -> bool:
        """Whether no older commit can be part of the trail."""
        return bool(self.found) and not self._search.whole and not self._ancestors

    def leads_to(self, commit: Commit) -> bool:
        """Return whether a commit can be part of the trail, rather than on another branch."""
        return not self.found or self._search.whole or commit.id in self._ancestors

    def follow(self, commit: Commit, described: Snapshot | str) -> None:
        """Follow the trail through a commit. One whose code fails may have the digest."""
        self._ancestors.discard(commit.id)
        models = [] if isinstance(described, str) else self._search.found_in(described)
        about = commit.id, commit.date, commit.author, commit.subject
        self.found += [Match(*about, *model) for model in models]
        goes_on = bool(models) or isinstance(described, str)
        self._ancestors.update(commit.parents if goes_on else ())
        self.is_cut_off = self.is_cut_off or bool(self.found and goes_on and not commit.parents)


_UNSHALLOW = "run `git fetch --unshallow` first"


def _not_sure(commit: Commit) -> str:
    return (
        f"{commit.id[:9]}, the oldest commit of this shallow clone, already has the digest, and "
        f"an older one may have introduced it: {_UNSHALLOW}"
    )


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


def _not_found(project: Project, search: Search, *, is_shallow: bool) -> str:
    """Return the message for a digest that no commit has, with the likely reason."""
    where = f" in {search.environment}" if search.environment else ""
    text = f"no commit up to {search.revision} has a model with the digest {search.digest}{where}"
    if search.found_in(snapshot.of_working_tree(project)):
        return f"{text}; the working tree has it, so it is not committed yet"
    if is_shallow:
        return f"{text}; this clone is shallow and lacks older commits: {_UNSHALLOW}"
    return f"{text}; another branch may have it: name the branch with --from"
