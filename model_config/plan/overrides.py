"""What an environment changes about a model: values from its stack's file, through the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar, get_args

from pydantic import ValidationError

from model_config.format.errors import Finding
from model_config.plan.registry import Model
from model_config.plan.settings import (
    NAMESPACE,
    StackConfig,
    message_of,
    nearest,
    set_secret_command,
)
from model_config.schema import Group, SecretRef

_Group = TypeVar("_Group", bound=Group)
_Path: TypeAlias = tuple[str, ...]
_Problem: TypeAlias = tuple[str, str]  # and its fix


def apply_overrides(
    model: Model, overrides: Mapping[str, Any], config: StackConfig
) -> tuple[Model, list[Finding]]:
    """Return the model as this environment has it, and what is wrong with its overrides.

    Where one is wrong, the module's own values stand.
    """
    if not overrides:  # nothing to check twice: a validator may be one that changes the value
        return model, []
    start = (model.name,)
    problems = dict(_problems_in(type(model.config), model.config, overrides, start, config.stack))
    changed = _overridden(model.config, overrides, start, problems)
    if problems:
        return model, [
            Finding(f"{NAMESPACE}:overrides.{'.'.join(path)}", problem, fix, file=config.file)
            for path, (problem, fix) in problems.items()
        ]
    return replace(model, config=changed), []


def _overridden(
    group: _Group, overrides: Mapping[str, Any], path: _Path, problems: dict[_Path, _Problem]
) -> _Group:
    """Return the group with the overrides laid over it; a list or dict is replaced.

    What its class refuses is added to `problems`, and the group stays as it is.
    """
    values = {name: getattr(group, name) for name in type(group).model_fields}
    for name, override in overrides.items():
        inner, here = values.get(name), (*path, name)
        if isinstance(inner, Group) and isinstance(override, Mapping):
            values[name] = _overridden(inner, override, here, problems)
        else:
            values[name] = override
    try:
        return type(group).model_validate(values)
    except ValidationError as error:
        fix = (
            f"give it a value that {type(group).__name__} allows; "
            "a text that looks like a number wants quotes"
        )
        for detail in error.errors():
            problems.setdefault((*path, *map(str, detail["loc"])), (message_of(detail), fix))
        return group


def _problems_in(
    group: type[Group],
    current: object,
    overrides: Mapping[str, Any],
    path: _Path,
    stack: str,
) -> Iterator[tuple[_Path, _Problem]]:
    """Yield the place, problem and fix of each name that isn't there, or must not be set here.

    `current` is the module's own value of that class, if it has one.
    """
    for name, override in overrides.items():
        here = (*path, name)
        field = group.model_fields.get(name)
        if field is None:
            problem = f"{group.__name__} has no field of that name"
            yield here, (problem, nearest(name, group.model_fields))
            continue
        classes = list(_classes_in(field.annotation))
        if SecretRef in classes:
            problem = "it is a secret, and an override would stand in plain text"
            command = set_secret_command("<key>", stack)
            yield here, (problem, f"set the config key its SecretRef names: {command}")
        inner = getattr(current, name, None)
        groups = [kind for kind in classes if issubclass(kind, Group)]
        if isinstance(inner, Group):
            groups = [type(inner)]
        if len(groups) == 1 and isinstance(override, Mapping):  # else pydantic tells which it is
            yield from _problems_in(groups[0], inner, override, here, stack)


def _classes_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _classes_in(argument)
