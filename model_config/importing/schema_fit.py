"""Which of the schema's classes fits the imported fields, and where each field goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast, get_args

from pydantic import ValidationError

from model_config.format.codec import Value, to_json
from model_config.importing.field import Field
from model_config.importing.names import Path
from model_config.schema import (
    ChatModel,
    EmbeddingModel,
    EndpointModel,
    Group,
    ModelConfig,
    SecretRef,
)

#: Values nested in their groups, as a class takes them.
Nested: TypeAlias = dict[str, Any]

CLASSES: tuple[type[ModelConfig], ...] = (ChatModel, EmbeddingModel, EndpointModel)
# Other common names of the schema's fields.
_ALIASES = {
    "model": "model_id",
    "model_name": "model_id",
    "system_prompt": "system",
    "prompt": "system",
    "max_tokens": "max_output_tokens",
    "stop_sequences": "stop",
    "timeout": "timeout_seconds",
    "retries": "max_retries",
    "rpm": "requests_per_minute",
    "url": "endpoint",
    "dimension": "dimensions",
}


@dataclass(frozen=True, slots=True)
class Fit:
    """A class that fits all fields.

    Attributes:
        values: the values to set, in the order of the class.
        paths: the path of each field in the class.
    """

    kind: type[ModelConfig]
    values: Nested
    paths: list[Path]


def fitting_class(fields: Sequence[Field], *, keep_names: bool) -> Fit | None:
    """Return the class that fits all the fields, or None.

    Args:
        fields: the imported fields.
        keep_names: whether each field must keep its path, so that its parameter can be adopted.
    """
    for kind in CLASSES:
        paths_by_name = dict(_leaves(kind))
        placed = {to: field for field in fields if (to := _place(field, paths_by_name, fields))}
        moved = any(to != field.path for to, field in placed.items())
        if len(placed) < len(fields) or (keep_names and moved):
            continue
        if (values := _validated(kind, placed)) is not None:
            return Fit(kind, values, list(placed))
    return None


def group_of(annotation: Any) -> type[Group] | None:
    """Return the group class that a field's annotation allows, or None."""
    kinds = (annotation, *get_args(annotation))
    return next(
        (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Group)), None
    )


def _leaves(kind: type[Group], above: Path = ()) -> Iterator[tuple[str, Path]]:
    for name, field in kind.model_fields.items():
        if group := group_of(field.annotation):
            yield from _leaves(group, (*above, name))
        else:
            yield name, (*above, name)


def _place(field: Field, paths_by_name: Mapping[str, Path], fields: Sequence[Field]) -> Path | None:
    """Return a field's path in a class; None if the class has no such field."""
    if isinstance(field.value, SecretRef):
        # A single secret, such as "openai_key" or "token", is the provider's API key.
        only = sum(isinstance(each.value, SecretRef) for each in fields) == 1
        return paths_by_name.get("api_key") if only else paths_by_name.get(field.path[-1])
    for depth in reversed(range(len(field.path))):
        name = field.path[depth]
        if to := paths_by_name.get(_ALIASES.get(name, name)):
            return (*to, *field.names[depth + 1 :])  # the rest are keys of the field's object
    return None


def _validated(kind: type[ModelConfig], placed: Mapping[Path, Field]) -> Nested | None:
    """Return the values in the class's order; None if it refuses or changes one."""
    values = {to: field.value for to, field in placed.items()}
    try:
        config = kind.model_validate(_nested(values))
    except ValidationError as error:
        # A version such as 2 looks like a number, but the class needs a string.
        texts = {
            to: placed[to].text
            for detail in error.errors()
            if detail["type"] == "string_type"
            and (to := tuple(map(str, detail["loc"]))) in placed
            and placed[to].text is not None
        }
        values |= texts
        try:
            config = kind.model_validate(_nested(values))
        except ValidationError:
            return None
    if any(_at(config, to) != _canonical(value) for to, value in values.items()):
        return None
    return _ordered(kind, _nested(values))


def _nested(values: Mapping[Path, Any]) -> Nested:
    nested: Nested = {}
    for path, value in values.items():
        group: Any = nested
        for name in path[:-1]:
            group = group.setdefault(name, {})
        group[path[-1]] = value
    return nested


def _at(config: Any, path: Path) -> object:
    for name in path:
        config = config[name] if isinstance(config, dict) else getattr(config, name)
    return _canonical(config)


def _canonical(value: object) -> object:
    """Return a value in a form that distinguishes 1 from True."""
    return value if isinstance(value, SecretRef) else to_json(cast(Value, value))


def _ordered(kind: type[Group], values: Nested) -> Nested:
    ordered: Nested = {}
    for name, field in kind.model_fields.items():
        if (value := values.get(name)) is not None:
            group = group_of(field.annotation)
            ordered[name] = _ordered(group, cast(Nested, value)) if group else value
    return ordered
