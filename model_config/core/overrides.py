"""What an environment changes about a model: values from its stack's file, through the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import ValidationError

from model_config.core.errors import Finding
from model_config.core.registry import Model
from model_config.core.settings import (
    NAMESPACE,
    StackConfig,
    message_of,
    nearest,
    set_secret_command,
)
from model_config.schema import Group, ModelConfig, SecretRef


def apply_overrides(
    model: Model, overrides: Mapping[str, Any], config: StackConfig, findings: list[Finding]
) -> ModelConfig:
    """Return the model's configuration as this environment has it.

    Where an override is wrong it is reported, and the module's own value stands.
    """
    problems = list(_problems_in(type(model.config), overrides, (model.name,), config.stack))
    if not problems:
        try:
            return type(model.config).model_validate(_merged(model.config, overrides))
        except ValidationError as error:
            problems = [
                (
                    (model.name, *map(str, detail["loc"])),
                    message_of(detail),
                    (
                        f"give it a value that {type(model.config).__name__} allows; "
                        "a text that looks like a number wants quotes"
                    ),
                )
                for detail in error.errors()
            ]
    findings.extend(
        Finding(f"{NAMESPACE}:overrides.{'.'.join(path)}", problem, fix, file=config.file)
        for path, problem, fix in problems
    )
    return model.config


def _merged(group: Group, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the group's values with the overrides laid over them; a list or dict is replaced."""
    values = {name: getattr(group, name) for name in type(group).model_fields}
    for name, override in overrides.items():
        inner = values[name]
        if isinstance(inner, Group) and isinstance(override, Mapping):
            values[name] = _merged(inner, override)
        else:
            values[name] = override
    return values


def _problems_in(
    group: type[Group], overrides: Mapping[str, Any], path: tuple[str, ...], stack: str
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield the place, problem and fix of each name that isn't there, or must not be set here."""
    for name, override in overrides.items():
        here = (*path, name)
        field = group.model_fields.get(name)
        if field is None:
            yield (
                here,
                f"{group.__name__} has no field of that name",
                nearest(name, group.model_fields),
            )
            continue
        classes = set(_classes_in(field.annotation))
        if SecretRef in classes:
            yield (
                here,
                "it is a secret, and an override would stand in plain text",
                f"set the config key its SecretRef names: {set_secret_command('<key>', stack)}",
            )
        inner = [kind for kind in classes if issubclass(kind, Group)]
        if inner and isinstance(override, Mapping):
            yield from _problems_in(inner[0], override, here, stack)


def _classes_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _classes_in(argument)
