"""Applies the overrides in a stack's file to a model, checked by the model's schema class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast, get_origin

from pydantic import JsonValue, ValidationError

from model_config.format.errors import Finding
from model_config.plan.messages import message_of, nearest
from model_config.plan.registry import Model
from model_config.plan.stack_config import NAMESPACE, StackConfig, set_secret_command
from model_config.schema import Group, ModelConfig, SecretRef
from model_config.schema.annotations import subclasses_in, union_members

_Path: TypeAlias = tuple[str, ...]


def apply_overrides(
    model: Model, overrides: JsonValue, config: StackConfig
) -> tuple[Model, list[Finding]]:
    """Return the model with its overrides applied, and what is wrong with the overrides.

    If any of them is invalid, the model is returned as its module defines it.

    Args:
        overrides: the values by group and field. Null and an empty map override nothing.
    """
    if _is_nothing(overrides):  # no second validation: a validator may change its value again
        return model, []
    overriding = _Overriding(config)
    changed = overriding.model(model, overrides)
    if overriding.findings:
        return model, overriding.findings
    return replace(model, config=changed), []


def merge_patch(target: JsonValue, patch: JsonValue) -> JsonValue:
    """Apply a JSON Merge Patch to a value (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def group_to_override(annotation: Any, current: object) -> type[Group] | None:
    """Return the group class whose fields the override of a field names.

    Args:
        annotation: the field's type.
        current: the field's value in the module.

    Returns:
        The class of the group in the module. If the module has none, the only group class that the
        field's type allows. None if the type allows no group, or several.
    """
    if isinstance(current, Group):
        return type(current)
    groups = subclasses_in(annotation, Group)
    return groups[0] if len(groups) == 1 else None


def holds_map(annotation: Any, current: object) -> bool:
    """Return whether a field is a group or a dict, which null overrides nothing in."""
    maps = (dict, type(None), *subclasses_in(annotation, Group))
    return isinstance(current, Group | dict) or all(
        (get_origin(kind) or kind) in maps for kind in union_members(annotation)
    )


@dataclass
class _Overriding:
    """Applies a model's overrides to its module's values, and collects their findings."""

    config: StackConfig
    findings: list[Finding] = field(default_factory=list)

    def model(self, model: Model, overrides: JsonValue) -> ModelConfig:
        if isinstance(overrides, dict):
            changed = self._group(type(model.config), model.config, overrides, (model.name,))
            return cast(ModelConfig, changed)
        problem = "a model's overrides are a map of groups and fields"
        self._refuse((model.name,), problem, "write the field's name before the value")
        return model.config

    def _group(
        self, kind: type[Group], current: object, overrides: Mapping[str, JsonValue], path: _Path
    ) -> object:
        values = dict(current) if isinstance(current, Group) else {}
        for name, override in overrides.items():
            if self._may_be_overridden(kind, name, path):
                annotation = kind.model_fields[name].annotation
                if not (_is_nothing(override) and holds_map(annotation, values.get(name))):
                    value = self._value(annotation, values.get(name), override, (*path, name))
                    values[name] = value
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            fix = (
                f"give it a value that {kind.__name__} allows; "
                "a text that looks like a number needs quotation marks"
            )
            for detail in error.errors():
                self._refuse((*path, *map(str, detail["loc"])), message_of(detail), fix)
            return current

    def _value(self, annotation: Any, current: Any, override: JsonValue, path: _Path) -> object:
        group = group_to_override(annotation, current)
        if group and isinstance(override, dict):
            return self._group(group, current, override, path)
        return merge_patch(current, override)

    def _may_be_overridden(self, kind: type[Group], name: str, path: _Path) -> bool:
        if name not in kind.model_fields:
            problem = f"{kind.__name__} has no field of that name"
            self._refuse((*path, name), problem, nearest(name, kind.model_fields))
            return False
        if subclasses_in(kind.model_fields[name].annotation, SecretRef):
            problem = "a secret can't be overridden: an override is plain text"
            command = set_secret_command("<key>", self.config.stack)
            self._refuse((*path, name), problem, f"set the key of its SecretRef: {command}")
            return False
        return True

    def _refuse(self, path: _Path, problem: str, fix: str) -> None:
        where = f"{NAMESPACE}:overrides.{'.'.join(path)}"
        self.findings.append(Finding(where, problem, fix, file=self.config.file))


def _is_nothing(override: JsonValue) -> bool:
    return override is None or override == {}
