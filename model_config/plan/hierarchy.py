"""Flattens a typed configuration into paths, each with the text of its parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import cast

from model_config.format.codec import Value, encode, split_at_lines
from model_config.format.names import SECRETS, field_part, secret_name
from model_config.format.release import Config
from model_config.schema import Group, SecretRef


@dataclass(frozen=True, slots=True)
class Parameter:
    """One SSM parameter of a model.

    Attributes:
        path: relative to the model, "generation/temperature".
        name: the full name in SSM.
        content: the text to store, or the reference to a secret that only a deploy knows.
    """

    path: str
    name: str
    content: str | SecretRef


def leaves(group: Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield every field that has a value, with its path, in the order of the class."""
    for field in type(group).model_fields:
        value = getattr(group, field)
        if isinstance(value, Group):
            yield from leaves(value, (*path, field))
        elif plain(value) is not None:  # an enum's member may be None, too
            yield (*path, field), value


def config_of(model: Group) -> Config:
    """Return the model's values as nested plain dicts: no secret, no None, no empty group."""
    config: Config = {}
    for path, value in leaves(model):
        if not isinstance(value, SecretRef):
            group = config
            for name in path[:-1]:
                group = cast(Config, group.setdefault(name, {}))
            group[path[-1]] = plain(value)
    return config


def secrets_of(model: Group) -> dict[str, SecretRef]:
    """Return the model's secrets by their path under `secrets/`."""
    return {"/".join(path): ref for path, ref in leaves(model) if isinstance(ref, SecretRef)}


def parameters_of(path: tuple[str, ...], value: object, base: str) -> list[Parameter]:
    """Return the parameters of one field. A long text takes several.

    Args:
        path: the field's path in the model, ("generation", "temperature").
        value: the field's value, or a reference to a secret.
        base: the model's path in SSM, "/ai/dev/support_chat".

    Raises:
        CodecError: the value can't be stored.
    """
    relative = "/".join(path)
    if isinstance(value, SecretRef):
        return [Parameter(f"{SECRETS}/{relative}", secret_name(base, relative), value)]
    return [
        Parameter(field_part(relative, number), f"{base}/{field_part(relative, number)}", text)
        for number, text in enumerate(split_at_lines(encode(plain(value))), start=1)
    ]


def plain(value: object) -> Value:
    """Return a field's value as plain JSON, with enum members replaced by their values."""
    match value:
        case Enum():
            return plain(value.value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {cast(str, plain(key)): plain(item) for key, item in value.items()}
        case _:
            return cast(Value, value)
