"""Two snapshots to compare (of commits, environments, or AWS and the working tree), and how."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeAlias

from model_config.comparing import snapshot
from model_config.comparing.changes import Change, changes, value_changes
from model_config.comparing.git import Repository
from model_config.comparing.snapshot import EnvironmentSnapshot, Snapshot
from model_config.format.errors import UsageError
from model_config.format.release import Release
from model_config.format.text import nearest
from model_config.plan.project import Project

Pair: TypeAlias = tuple[Snapshot, Snapshot]
Kind: TypeAlias = Literal["added", "removed", "changed", "renamed", "unreadable"]

#: Replaces a model's name where a stack's settings changed. It is not a valid model name.
STACK_FILE = "stack file"


def two_commits(
    project: Project, base: str, head: str | None = None, environment: str | None = None
) -> Pair:
    """Return the snapshots of two commits, or of a commit and the working tree.

    `base` is a revision, or a range as in git: "main...feature" compares with the merge base,
    "main..feature" with main itself. A range without its end ends at the working tree.
    """
    repository, name = Repository(project.root), None
    one, dots, other = base.partition("...") if "..." in base else base.partition("..")
    if dots and head:
        raise UsageError(f"{base} is already a range: omit the second commit")
    one, head = one or "HEAD", other or head
    for revision in filter(None, (one, head)):  # before any code runs
        repository.commit(revision)
    if dots == "...":
        name = f"the merge base of {one} and {head or 'HEAD'}"
        one = repository.merge_base(one, head or "HEAD")
    with ThreadPoolExecutor() as pool:
        earlier = pool.submit(snapshot.of_commit, project, one, name)
        later = pool.submit(snapshot.of, project, head)
        before, after = earlier.result(), later.result()
    if environment is not None:
        _require(environment, {*before.environments, *after.environments})
        before, after = _only(environment, before), _only(environment, after)
    return before, after


def _only(stack: str, side: Snapshot) -> Snapshot:
    return replace(side, environments={k: v for k, v in side.environments.items() if k == stack})


def two_environments(project: Project, commit: str | None, before: str, after: str) -> Pair:
    both = snapshot.of(project, commit)
    for environment in (before, after):
        _require(environment, both.environments)
    title = f"{before} → {after}"
    return (
        Snapshot(before, {title: both.environments[before]}, both.notices),
        Snapshot(f"{after}, in {both.name}", {title: both.environments[after]}),
    )


def deployed_and_tree(
    project: Project,
    environment: str,
    read: Callable[[], tuple[Mapping[str, Release], Mapping[str, str]]],
) -> Pair:
    """Return the snapshots of AWS and of the working tree, limited to what AWS stores.

    `read` is called once the tree is known to have the environment. It returns the newest release
    of each readable model in AWS, and the error of each other one.
    """
    tree = snapshot.of_working_tree(project)
    _require(environment, tree.environments)
    releases, errors = read()
    there = EnvironmentSnapshot({}, releases, {}, tuple(errors), tuple(errors.values()))
    here = replace(tree.environments[environment], settings={}, config_keys={})
    return (
        Snapshot(f"{environment} in AWS", {environment: there}),
        replace(tree, environments={environment: here}),
    )


def _require(environment: str, known: Collection[str]) -> None:
    if environment not in known:
        raise UsageError(f"there is no environment {environment!r}: {nearest(environment, known)}")


class ModelDifference(NamedTuple):
    """How a model differs in one environment, or in several alike."""

    environments: tuple[str, ...]
    model: str  #: Its name, or `STACK_FILE`.
    kind: Kind  #: "unreadable" if it is invalid on one side or both.
    changes: tuple[Change, ...] = ()  #: Of an added or removed model, all of its values.
    renamed_from: str | None = None  #: Its former name, if only the name changed.


def differences(before: Snapshot, after: Snapshot) -> list[ModelDifference]:
    return [
        difference
        for stack in sorted({*before.environments, *after.environments})
        for difference in _in_environment(
            stack, before.environments.get(stack), after.environments.get(stack)
        )
    ]


def sections(all_differences: Iterable[ModelDifference]) -> list[ModelDifference]:
    """Return the differences by model, each change once with all of its environments."""
    environments = defaultdict[str, tuple[str, ...]](tuple)
    single: dict[str, ModelDifference] = {}
    for difference in all_differences:
        for change in difference.changes or (None,):
            one = difference._replace(environments=(), changes=(change,) if change else ())
            # By text: to Python, True is 1 and a list has no hash.
            environments[repr(one)] += difference.environments
            single[repr(one)] = one
    shared = defaultdict[ModelDifference, tuple[Change, ...]](tuple)
    for text, one in single.items():
        shared[one._replace(environments=environments[text], changes=())] += one.changes
    return sorted(
        (difference._replace(changes=changed) for difference, changed in shared.items()),
        # The most environments first, and stack files last.
        key=lambda it: (it.model == STACK_FILE, it.model, -len(it.environments), it.environments),
    )


def setting_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    old, new = ({key: _from_json(text) for key, text in of.items()} for of in (before, after))
    return list(value_changes(old, new))


def _from_json(text: str) -> Any:
    # Numbers stay text, since JSON can't hold some, such as 1e999. The order of keys has no effect.
    try:
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return json.loads(json.dumps(value, sort_keys=True))


def _in_environment(
    stack: str, before: EnvironmentSnapshot | None, after: EnvironmentSnapshot | None
) -> Iterator[ModelDifference]:
    old, new = before or EnvironmentSnapshot(), after or EnvironmentSnapshot()
    changed = setting_changes(old.settings, new.settings)
    if before is None or after is None or changed:
        yield ModelDifference((stack,), STACK_FILE, _kind(before, after), tuple(changed))
    unreadable = {*old.unreadable, *new.unreadable}
    for model in sorted(unreadable):
        yield ModelDifference((stack,), model, "unreadable")
    gone, come = _by_content(old, new), _by_content(new, old)
    renamed = {come[content]: gone[content] for content in come.keys() & gone.keys()}
    nothing = Release.of("", "", "", {})
    for model in sorted({*old.models, *new.models} - unreadable - set(renamed.values())):
        one, other = old.models.get(model), new.models.get(model)
        keys = old.config_keys.get(model, {}), new.config_keys.get(model, {})
        if model in renamed:
            yield ModelDifference((stack,), model, "renamed", renamed_from=renamed[model])
        elif changed := changes(one or nothing, other or nothing, keys):
            yield ModelDifference((stack,), model, _kind(one, other), tuple(changed))


def _kind(before: object, after: object) -> Kind:
    return "added" if before is None else "removed" if after is None else "changed"


def _by_content(side: EnvironmentSnapshot, other: EnvironmentSnapshot) -> dict[object, str]:
    """Return the names of the models that only one side has, by all that a new name keeps."""
    keys = {name: frozenset(side.config_keys.get(name, {}).items()) for name in side.models}
    return {
        (release.digest, release.schema, frozenset(release.secrets), keys[name]): name
        for name, release in sorted(side.models.items())
        if name not in other.models
    }
