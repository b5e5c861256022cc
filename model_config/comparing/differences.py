"""The differences between two snapshots, by environment and model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from model_config.comparing.change_text import to_json
from model_config.comparing.changes import Change, changes
from model_config.comparing.snapshot import EnvironmentSnapshot, Snapshot
from model_config.format.release import Release

#: Replaces a model's name where a stack's settings changed. It is not a valid model name.
STACK_FILE = "stack file"


@dataclass(frozen=True, slots=True)
class ModelDifference:
    """How a model differs in one environment.

    Attributes:
        model: its name, or `STACK_FILE`.
        kind: "unreadable" if it is invalid on one side or both.
        changes: value by value. For an added or removed model, all of its values.
        renamed_from: its former name, if only the name changed.
    """

    environment: str
    model: str
    kind: Literal["added", "removed", "changed", "renamed", "unreadable"]
    changes: tuple[Change, ...] = ()
    renamed_from: str | None = None


def differences(before: Snapshot, after: Snapshot) -> list[ModelDifference]:
    """Return the differences, sorted by environment and model."""
    return [
        difference
        for stack in sorted({*before.environments, *after.environments})
        for difference in _in_environment(
            stack, before.environments.get(stack), after.environments.get(stack)
        )
    ]


def _in_environment(
    stack: str, before: EnvironmentSnapshot | None, after: EnvironmentSnapshot | None
) -> Iterator[ModelDifference]:
    old, new = before or EnvironmentSnapshot(), after or EnvironmentSnapshot()
    changed = tuple(setting_changes(old.settings, new.settings))
    if before is None or after is None or changed:
        yield ModelDifference(stack, STACK_FILE, _kind(before, after), changed)
    unreadable = {*old.unreadable, *new.unreadable}
    for model in sorted(unreadable):
        yield ModelDifference(stack, model, "unreadable")
    renamed = _renamed(old.models, new.models)
    for model in sorted({*old.models, *new.models} - unreadable - set(renamed.values())):
        one, other = old.models.get(model), new.models.get(model)
        if model in renamed:
            yield ModelDifference(stack, model, "renamed", renamed_from=renamed[model])
        elif changed := tuple(changes(one or _as_release({}), other or _as_release({}))):
            yield ModelDifference(stack, model, _kind(one, other), changed)


def _kind(before: object, after: object) -> Literal["added", "removed", "changed"]:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


def _renamed(before: Mapping[str, Release], after: Mapping[str, Release]) -> dict[str, str]:
    """Return the former name of each model that was renamed and not changed."""
    gone = {_content(before[name]): name for name in sorted(set(before) - set(after))}
    new = {_content(after[name]): name for name in sorted(set(after) - set(before))}
    return {new[content]: gone[content] for content in new.keys() & gone.keys()}


def _content(release: Release) -> tuple[object, ...]:
    return release.digest, release.schema, *sorted(release.secrets)


def setting_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """Return the differences between the settings of two stacks, by their full keys."""
    return changes(_as_release(before), _as_release(after))


def _as_release(settings: Mapping[str, str]) -> Release:
    """Return settings as a release, so that lists and maps among them are compared by item."""
    config = {key: _from_json(text) for key, text in settings.items()}
    return Release.of("", "", "", config)


def _from_json(text: str) -> Any:
    # Numbers stay text: some, such as 1e999, have no digest.
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return text


@dataclass(frozen=True, slots=True)
class Section:
    """Differences that several environments share, so that a reviewer reads them once."""

    model: str
    kind: str
    renamed_from: str | None
    environments: tuple[str, ...]
    changes: tuple[Change, ...]


def sections(found: list[ModelDifference]) -> list[Section]:
    """Return the differences by model, each change once with all of its environments."""
    shared: dict[tuple[str, str, str | None, str], tuple[list[str], Change | None]] = {}
    for each in found:
        for change in each.changes or (None,):
            # As JSON: to Python, True is 1 and a list has no hash.
            key = json.dumps(to_json(change), sort_keys=True) if change else ""
            about = (each.model, each.kind, each.renamed_from, key)
            shared.setdefault(about, ([], change))[0].append(each.environment)
    grouped: dict[tuple[str, str, str | None, tuple[str, ...]], list[Change]] = {}
    for (model, kind, renamed_from, _), (environments, change) in shared.items():
        group = grouped.setdefault((model, kind, renamed_from, tuple(environments)), [])
        group.extend([change] if change else [])
    found_sections = [Section(*about, tuple(changed)) for about, changed in grouped.items()]
    return sorted(found_sections, key=_widest_first)


def _widest_first(section: Section) -> tuple[bool, str, int, tuple[str, ...]]:
    """Sort by model, then by the number of environments, the most first; stack files last."""
    about_stack = section.model == STACK_FILE
    return about_stack, section.model, -len(section.environments), section.environments
