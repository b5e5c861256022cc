"""The two sides of a comparison: commits, environments, or AWS and the working tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from model_config.cli import local
from model_config.cli.comparing import snapshot
from model_config.cli.comparing.git import Repository
from model_config.cli.comparing.snapshot import Said, Snapshot
from model_config.cli.output import plural, with_progress
from model_config.core.errors import ReleaseError, UsageError
from model_config.core.release import Release
from model_config.core.settings import nearest

Sides = tuple[Snapshot, Snapshot]


def two_commits(base: str, head: str | None, environment: str | None) -> Sides:
    """Return what two commits say, or a commit and the working tree.

    Raises:
        UsageError: there is no such commit or environment, or a commit's code fails.
    """
    for revision in filter(None, (base, head)):  # before any code is run
        Repository(local.PROJECT).commit(revision)
    with ThreadPoolExecutor() as pool:
        earlier = pool.submit(snapshot.of_commit, local.PROJECT, base)
        later = pool.submit(_commit_or_tree, head)
        before, after = earlier.result(), later.result()
    if environment is None:
        return before, after
    known = {*before.environments, *after.environments}
    if environment not in known:
        raise _no_environment(environment, known)
    return _only(before, environment), _only(after, environment)


def two_environments(commit: str | None, before: str, after: str) -> Sides:
    """Return what two environments of a commit say, or of the working tree.

    Raises:
        UsageError: there is no such commit or environment, or the commit's code fails.
    """
    both = _commit_or_tree(commit)
    for environment in (before, after):
        if environment not in both.environments:
            raise _no_environment(environment, both.environments)
    return (
        Snapshot(before, {f"{before} → {after}": both.environments[before]}, both.notes),
        Snapshot(f"{after}, in {both.name}", {f"{before} → {after}": both.environments[after]}),
    )


def deployed(environment: str, prefix: str | None, *, embedded: bool) -> Sides:
    """Return what AWS holds of an environment, its newest releases, and what the tree says.

    Raises:
        UsageError: there is no such environment, or the tree's code fails.
        StoreError: AWS can't be asked, or refuses.
    """
    from model_config.cli.target import target

    after = _commit_or_tree(None)
    if environment not in after.environments:
        raise _no_environment(environment, after.environments)
    releases: dict[str, Release] = {}
    problems: dict[str, str] = {}
    with target(environment, prefix, embedded=embedded) as aws:
        models = aws.models()
        for model in with_progress(models, "Reading releases", len(models)):
            try:
                releases[model] = aws.configuration(model, "latest", None).content
            except ReleaseError as error:
                problems[model] = str(error)
    there = Said({}, _without_origins(releases), tuple(problems), tuple(problems.values()))
    here = after.environments[environment]
    here = replace(here, settings={}, models=_without_origins(here.models))
    return (
        Snapshot(f"{environment} in AWS", {environment: there}),
        replace(after, environments={environment: here}),
    )


def _commit_or_tree(revision: str | None) -> Snapshot:
    if revision is not None:
        return snapshot.of_commit(local.PROJECT, revision)
    tree = snapshot.of_working_tree(local.PROJECT)
    try:
        changed = Repository(local.PROJECT).uncommitted(snapshot.RELEVANT)
    except UsageError:  # AWS and environments can be compared without git
        return tree
    if not changed:
        return tree
    some = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")  # noqa: PLR2004
    note = f"The working tree is shown with {plural(len(changed), 'uncommitted file')}: {some}"
    return replace(tree, notes=(note,))


def _without_origins(releases: Mapping[str, Release]) -> dict[str, Release]:
    """Return the releases without where their secrets come from: AWS doesn't know it."""
    return {
        model: replace(release, secrets=dict.fromkeys(release.secrets, ""))
        for model, release in releases.items()
    }


def _only(whole: Snapshot, environment: str) -> Snapshot:
    said = whole.environments.get(environment)
    return replace(whole, environments={environment: said} if said else {})


def _no_environment(name: str, known: Iterable[str]) -> UsageError:
    return UsageError(f"there is no environment {name!r}: {nearest(name, known)}")
