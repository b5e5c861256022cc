"""Flattens a typed configuration into paths, each with its parameters and their sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, cast

from model_config.format.codec import Value, encode, size_in_bytes, split_at_lines
from model_config.format.errors import CodecError
from model_config.format.names import SECRETS, field_part, secret_name
from model_config.format.release import Config
from model_config.schema import Group, SecretRef
from model_config.schema.group import scalars, secrets_below
from model_config.schema.texts import Template

_Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    path: str
    name: str
    content: str | SecretRef


def leaves(model: Group) -> Iterator[tuple[_Path, Value | SecretRef]]:
    """Yield all that has a parameter, with its path: values in the class's order, secrets."""
    for path, value in _fields(model):
        if not isinstance(value, SecretRef) and (json := plain(value)) is not None:
            yield path, json
    for keys, secret in secrets_below(model):
        yield tuple(map(str, keys)), secret


def config_of(model: Group) -> Config:
    return cast(Config, plain(model))


def secrets_of(model: Group) -> dict[str, SecretRef]:
    return {"/".join(map(str, path)): secret for path, secret in secrets_below(model)}


def none_of(model: Group) -> list[str]:
    return ["/".join(path) for path, value in _fields(model) if plain(value) is None]


def templates_of(model: Group) -> list[str]:
    """Return the templates' paths; a position is `*` if all texts there are, else a number."""
    places = defaultdict[_Path, dict[_Path, bool]](dict)
    for path, text in scalars(model):
        if isinstance(text, str):
            place = tuple("*" if isinstance(segment, int) else segment for segment in path)
            places[place][tuple(map(str, path))] = isinstance(text, Template)
    paths: list[_Path] = []
    for place, texts in places.items():
        paths += [place] if all(texts.values()) else [path for path in texts if texts[path]]
    return list(map("/".join, paths))


def parameters_of(path: _Path, value: Value | SecretRef, base: str) -> list[Parameter]:
    """Return the parameters of a leaf of the model at `base`, or raise CodecError."""
    relative = "/".join(path)
    if isinstance(value, SecretRef):
        return [Parameter(f"{SECRETS}/{relative}", secret_name(base, relative), value)]
    return [
        Parameter(field_part(relative, number), f"{base}/{field_part(relative, number)}", text)
        for number, text in enumerate(split_at_lines(encode(value)), start=1)
    ]


def plain(value: object) -> Value:
    """Return a value as plain JSON, without its secrets, its None fields and its empty groups."""
    match value:
        case Enum():
            return plain(value.value)
        case str():
            return str(value)  # of a template, the text
        case Group():
            fields: dict[str, Value] = {}
            for name in sorted(type(value).model_fields):
                item = getattr(value, name)
                json = None if isinstance(item, SecretRef) else plain(item)
                if json is not None and not (json == {} and isinstance(item, Group)):
                    fields[name] = json
            return fields
        case list():
            return [plain(item) for item in value]
        case dict():
            return {
                cast(str, plain(key)): plain(item)
                for key, item in value.items()
                if not isinstance(item, SecretRef)
            }
        case _:
            return cast(Value, value)


def texts_in(value: object, path: str = "", separator: str = "/") -> Iterator[tuple[str, str]]:
    """Yield each text in plain JSON, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts_in(item, f"{path}{separator}{name}" if path else str(name), separator)


@dataclass(frozen=True, slots=True)
class Leaf:
    path: str
    type: str  #: "text", "integer", …, "secret", "rollout" or "release".
    bytes: int | None  #: Of all its parts, if known.
    parts: int = 1
    versions: tuple[int, ...] = ()  #: Of each part, if read from AWS.
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelTree:
    name: str
    path: str
    schema: str | None
    digest: str | None
    leaves: list[Leaf]
    release: int | None = None  #: The newest, if it was read from AWS; and how many SSM has.
    releases: int | None = None
    labels: dict[str, int] = field(default_factory=dict)
    held: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        return sum(leaf.parts for leaf in self.leaves)


def leaf(path: str, value: Value, versions: tuple[int, ...] = ()) -> Leaf:
    words = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list"}
    kind = words.get(type(value), "object")
    try:
        text = encode(value)
    except CodecError as error:
        return Leaf(path, kind, None, 0, versions, f"it can't be stored: {error}")
    return Leaf(path, kind, size_in_bytes(text), len(split_at_lines(text)), versions)


def _fields(group: Group, above: _Path = ()) -> Iterator[tuple[_Path, object]]:
    for name in type(group).model_fields:
        value = getattr(group, name)
        if isinstance(value, Group):
            yield from _fields(value, (*above, name))
        else:
            yield (*above, name), value
