"""Which commits have a configuration with a given digest."""

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

_Read: TypeAlias = tuple[Commit, Snapshot | str]  # the text says why it can't be described
#: Yields what it is given, and shows how far that is: the items, what they are, how many.
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
    """What is looked for, and where.

    Attributes:
        digest: how the digest begins, "sha256:39862c28".
        environment: the only environment to look at; None for all.
        revision: the newest commit to look at.
        whole: look at all of the history; else only as far as the digest goes back from the first
            commit that has it.
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
    """Return the commits that have the digest, the newest first.

    Args:
        project: the project whose repository is searched.
        search: what is looked for.
        progress: shows how far it is.
        left_out: called with the reason for each commit whose code fails.

    Raises:
        ReleaseNotFoundError: there is none; the text says where it may be.
        UsageError: the clone is shallow, and what it lacks could be the answer.
    """
    repository = Repository(project.root)
    is_shallow = repository.is_shallow()
    if is_shallow and search.whole:
        raise UsageError(f"this clone is shallow and lacks a part of the history: {_UNSHALLOW}")
    commits = repository.commits(repository.commit(search.revision), RELEVANT)
    trail = _Trail(search)
    for commit, described in progress(_read(project, commits), "Reading commits", len(commits)):
        if not trail.leads_to(commit):
            continue
        if isinstance(described, str):
            left_out(described)
        goes_on = trail.follow(commit, described)
        if trail.found and goes_on and is_shallow and not commit.parents:
            raise UsageError(_not_sure(commit))
        if trail.has_ended:
            break
    if not trail.found:
        raise ReleaseNotFoundError(_not_found(project, search, is_shallow=is_shallow))
    return trail.found


def find_each(
    project: Project, digests: Iterable[str], most: int, progress: Progress
) -> dict[str, Match]:
    """Return for each digest the oldest commit that has it without a gap, as far as one is found.

    Args:
        project: the project whose repository is searched.
        digests: whole digests.
        most: how many commits to look at, the newest first, of those that changed a configuration.
        progress: shows how far it is.

    Raises:
        UsageError: there is no repository, or git can't be asked.
    """
    repository = Repository(project.root)
    commits = repository.commits(repository.commit("HEAD"), RELEVANT)[:most]
    trails = {digest: _Trail(Search(digest)) for digest in digests}
    for commit, described in progress(_read(project, commits), "Reading commits", len(commits)):
        for trail in trails.values():
            if trail.leads_to(commit):
                trail.follow(commit, described)
        if all(trail.has_ended for trail in trails.values()):
            break
    return {digest: trail.found[-1] for digest, trail in trails.items() if trail.found}


class _Trail:
    """Follows a digest from the newest commits that have it to those that brought it in.

    Attributes:
        found: the commits that have it, the newest first.
    """

    def __init__(self, search: Search) -> None:
        self.found: list[Match] = []
        self._search = search
        self._on_the_way: set[str] = set()  # parents of what has the digest

    @property
    def has_ended(self) -> bool:
        """Whether no older commit is worth a look."""
        return bool(self.found) and not self._search.whole and not self._on_the_way

    def leads_to(self, commit: Commit) -> bool:
        """Tell whether a commit is worth a look.

        It isn't where it is on another branch, or older than where the digest came in.
        """
        return not self.found or self._search.whole or commit.id in self._on_the_way

    def follow(self, commit: Commit, described: Snapshot | str) -> bool:
        """Take in what a commit configures, or that its code fails, and so doesn't tell.

        Returns:
            Whether its parents are worth a look.
        """
        self._on_the_way.discard(commit.id)
        models = [] if isinstance(described, str) else self._search.found_in(described)
        self.found += [_match(commit, *model) for model in models]
        goes_on = bool(models) or isinstance(described, str)
        self._on_the_way.update(commit.parents if goes_on else ())
        return goes_on


_UNSHALLOW = "run `git fetch --unshallow` first"


def _not_sure(commit: Commit) -> str:
    return (
        f"{commit.id[:9]}, the oldest commit of this shallow clone, has it already, and may not be "
        f"the one that brought it in: {_UNSHALLOW}"
    )


def _match(commit: Commit, environment: str, model: str) -> Match:
    return Match(commit.id, commit.date, commit.author, commit.subject, environment, model)


def _read(project: Project, commits: Sequence[Commit]) -> Iterator[_Read]:
    """Yield what each commit configures; several are worked out at a time."""
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
    """Return the words for a digest that no commit has, with the likely reason."""
    where = f" in {search.environment}" if search.environment else ""
    text = f"no commit up to {search.revision} has a model with the digest {search.digest}{where}"
    if search.found_in(snapshot.of_working_tree(project)):
        return f"{text}; the working tree has: it isn't committed"
    if is_shallow:
        return f"{text}; this clone is shallow and lacks older ones: {_UNSHALLOW}"
    return f"{text}; another branch may: name it with --from"
