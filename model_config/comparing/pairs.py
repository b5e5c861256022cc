"""The two snapshots to compare: of commits, of environments, or of AWS and the working tree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from model_config.comparing import snapshot
from model_config.comparing.git import Repository
from model_config.comparing.snapshot import EnvironmentSnapshot, Snapshot
from model_config.comparing.text import plural
from model_config.format.errors import UsageError
from model_config.format.release import Release
from model_config.plan.messages import nearest
from model_config.plan.project import Project

Pair = tuple[Snapshot, Snapshot]


def two_commits(project: Project, base: str, head: str | None, environment: str | None) -> Pair:
    """Return the snapshots of two commits, or of a commit and the working tree.

    Args:
        project: the project.
        base: a revision, or a range as git has it: "main...feature" compares with the merge base,
            "main..feature" with main itself. A range without its end ends at the working tree.
        head: another revision. Default: the working tree.
        environment: the only environment to compare. Default: all.

    Raises:
        UsageError: a commit or the environment doesn't exist, or a commit's code fails.
    """
    base, name, head = _between(Repository(project.root), base, head)
    with ThreadPoolExecutor() as pool:
        earlier = pool.submit(snapshot.of_commit, project, base, name)
        later = pool.submit(_commit_or_tree, project, head)
        before, after = earlier.result(), later.result()
    if environment is None:
        return before, after
    _require(environment, {*before.environments, *after.environments})
    return _only(before, environment), _only(after, environment)


def _between(
    repository: Repository, base: str, head: str | None
) -> tuple[str, str | None, str | None]:
    """Return the first commit, its display name if it differs, and the last commit."""
    one, dots, other = base.partition("...") if "..." in base else base.partition("..")
    if dots and head:
        raise UsageError(f"{base} is already a range: omit the second commit")
    one, head = one or "HEAD", other or head
    for revision in filter(None, (one, head)):  # before any code runs
        repository.commit(revision)
    if dots != "...":
        return one, None, head
    with_what = head or "HEAD"
    name = f"the merge base of {one} and {with_what}"
    return repository.merge_base(one, with_what), name, head


def two_environments(project: Project, commit: str | None, before: str, after: str) -> Pair:
    """Return the snapshots of two environments of a commit, or of the working tree.

    Raises:
        UsageError: there is no such commit or environment, or the commit's code fails.
    """
    both = _commit_or_tree(project, commit)
    for environment in (before, after):
        _require(environment, both.environments)
    return (
        Snapshot(before, {f"{before} → {after}": both.environments[before]}, both.notes),
        Snapshot(f"{after}, in {both.name}", {f"{before} → {after}": both.environments[after]}),
    )


def working_tree(project: Project, environment: str) -> Snapshot:
    """Return the snapshot of one environment of the working tree.

    Raises:
        UsageError: there is no such environment, or the tree's code fails.
    """
    tree = _commit_or_tree(project, None)
    _require(environment, tree.environments)
    return _only(tree, environment)


def deployed_and_tree(
    tree: Snapshot, environment: str, releases: Mapping[str, Release], problems: Mapping[str, str]
) -> Pair:
    """Return the snapshots of AWS and of the working tree, limited to what AWS stores.

    Args:
        tree: the environment in the working tree.
        environment: the environment.
        releases: the newest release of each readable model in AWS.
        problems: the error of each unreadable model.
    """
    there = EnvironmentSnapshot(
        {}, _without_origins(releases), tuple(problems), tuple(problems.values())
    )
    here = tree.environments[environment]
    here = replace(here, settings={}, models=_without_origins(here.models))
    return (
        Snapshot(f"{environment} in AWS", {environment: there}),
        replace(tree, environments={environment: here}),
    )


def _commit_or_tree(project: Project, revision: str | None) -> Snapshot:
    if revision is not None:
        return snapshot.of_commit(project, revision)
    tree = snapshot.of_working_tree(project)
    try:
        changed = Repository(project.root).uncommitted(snapshot.RELEVANT)
    except UsageError:  # AWS and environments can be compared without git
        return tree
    if not changed:
        return tree
    some = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")  # noqa: PLR2004
    note = f"The working tree is shown with {plural(len(changed), 'uncommitted file')}: {some}"
    return replace(tree, notes=(note,))


def _without_origins(releases: Mapping[str, Release]) -> dict[str, Release]:
    """Return the releases without the config keys of their secrets, which AWS doesn't store."""
    return dict(releases)


def _only(whole: Snapshot, environment: str) -> Snapshot:
    found = whole.environments.get(environment)
    return replace(whole, environments={environment: found} if found else {})


def _require(environment: str, known: Collection[str]) -> None:
    if environment not in known:
        raise UsageError(f"there is no environment {environment!r}: {nearest(environment, known)}")
