"""Applies the overrides in a stack's file to a model, checked by the model's schema class.

A group, a `dict[str, Group]` and any other dict are merged by key, as JSON Merge Patch says (RFC
7396), except that a null in what is new stays, and that one that has nothing to remove is a
finding. Everything else is replaced, lists whole; a text stays `Verbatim` where it replaces one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any, TypeAlias, cast, get_origin

from pydantic import JsonValue, ValidationError

from model_config.format.errors import Finding
from model_config.format.text import nearest
from model_config.plan.project import NAMESPACE, StackConfig, set_secret_command
from model_config.plan.registry import Model
from model_config.schema import Group, ModelConfig, SecretRef, Verbatim
from model_config.schema.group import subclasses_in, union_members, value_type
from model_config.schema.problems import nearest_field, problems_of

_Path: TypeAlias = tuple[str, ...]


def apply_overrides(
    model: Model, overrides: JsonValue, config: StackConfig
) -> tuple[Model, list[Finding]]:
    """Return the model with its overrides applied, and what is wrong with the overrides.

    If any of them is invalid, the model is returned as its module defines it.
    """
    if overrides is None or overrides == {}:
        return model, []  # no second validation: a validator may change its value again
    overriding, path = _Overriding(config), (model.name,)
    if not isinstance(overrides, dict):
        problem = "a model's overrides are a map of groups and fields"
        overriding.refuse(path, problem, "write the field's name before the value")
        return model, overriding.findings
    changed = overriding.group(type(model.config), model.config, overrides, path)
    if overriding.findings:
        return model, overriding.findings
    return replace(model, config=cast(ModelConfig, changed)), []


@dataclass
class _Overriding:
    config: StackConfig
    findings: list[Finding] = field(default_factory=list)

    def group(
        self, kind: type[Group], current: object, overrides: Mapping[str, JsonValue], path: _Path
    ) -> object:
        refused: set[_Path] = set()
        values: dict[str, Any] = {}
        if isinstance(current, Group):
            values = {name: getattr(current, name) for name in kind.model_fields}
        for name, override in overrides.items():
            if name not in kind.model_fields:
                problem = f"{kind.__name__} has no field of that name"
                self.refuse((*path, name), problem, nearest_field(name, kind.model_fields))
                continue
            annotation, value = kind.model_fields[name].annotation, values.get(name)
            if not _overrides_nothing(annotation, value, override):
                known = len(self.findings)
                values[name] = self._value(annotation, value, override, (*path, name))
                if len(self.findings) > known:
                    refused.add((name,))
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            fix = (
                f"give it a value that {kind.__name__} allows; "
                "a text that looks like a number needs quotation marks"
            )
            for wrong in problems_of(error, kind):
                if wrong.path[:1] in refused:  # it was not changed
                    continue
                if wrong.type == "secret_ref":
                    self._refuse_secret((*path, *wrong.path))
                else:
                    self.refuse((*path, *wrong.path), wrong.text, wrong.fix or fix)
            return current

    def _value(self, annotation: Any, current: Any, override: JsonValue, path: _Path) -> object:
        members, groups = list(union_members(annotation)), subclasses_in(annotation, Group)
        if SecretRef in members:
            self._refuse_secret(path)
            return current
        if groups and NoneType in members and (override is None or override is False):
            if override is None:
                problem = "null doesn't say whether the group is meant to be off or unchanged"
                self.refuse(path, problem, "write false to switch it off, or remove the line")
            return None
        if isinstance(override, dict):
            if isinstance(current, Group):
                return self.group(type(current), current, override, path)
            if isinstance(current, dict) or any(get_origin(member) is dict for member in members):
                return self._dict(value_type(annotation, dict), current, override, path)
            if len(groups) == 1:
                return self.group(groups[0], None, override, path)
        return _verbatim_as(current, override)

    def _dict(
        self, annotation: Any, current: Any, override: Mapping[str, JsonValue], path: _Path
    ) -> dict[str, object]:
        known = current if isinstance(current, dict) else None
        merged = dict(known or {})
        for key, value in override.items():
            if value is not None or known is None:
                merged[key] = self._value(annotation, merged.get(key), value, (*path, key))
            elif merged.pop(key, self) is self:
                problem = "null removes a key, and there is no key of that name"
                self.refuse((*path, key), problem, nearest(key, known))
        return merged

    def _refuse_secret(self, path: _Path) -> None:
        problem = "a secret can't be overridden: an override is plain text"
        command = set_secret_command("<key>", self.config.stack)
        self.refuse(path, problem, f"set the key of its SecretRef: {command}")

    def refuse(self, path: Iterable[str], problem: str, fix: str) -> None:
        where = f"{NAMESPACE}:overrides.{'.'.join(path)}"
        self.findings.append(self.config.finding(where, problem, fix))


def _verbatim_as(current: object, override: JsonValue) -> Any:
    """Return an override whose texts are `Verbatim` where the value that they replace is."""
    if isinstance(current, Verbatim) and isinstance(override, str):
        return Verbatim(override)
    if isinstance(current, list) and isinstance(override, list):
        replaced = [*current, *[None] * len(override)]
        return [_verbatim_as(*pair) for pair in zip(replaced, override, strict=False)]
    if isinstance(current, Group | dict) and isinstance(override, dict):
        values = current if isinstance(current, dict) else vars(current)
        return {key: _verbatim_as(values.get(key), value) for key, value in override.items()}
    return override


def _overrides_nothing(annotation: Any, current: object, override: JsonValue) -> bool:
    """Return whether an override of a group or a dict leaves it as the module has it.

    A line of YAML that is commented out leaves null behind.
    """
    members = {get_origin(kind) or kind for kind in union_members(annotation)}
    is_map = isinstance(current, Group | dict) or members <= {
        dict, NoneType, *subclasses_in(annotation, Group)
    }  # fmt: skip
    return is_map and (override == {} or (override is None and NoneType not in members))
