"""Existing parameters, the fields they become, and fields that exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from model_config.format.codec import Value
from model_config.importing.names import Path
from model_config.schema import SecretRef


@dataclass(frozen=True, slots=True)
class Found:
    """A parameter to import.

    Attributes:
        path: its name, split, below the imported path: ("generation", "temperature").
        text: its value; None if it looks like a secret, which is not read.
    """

    name: str
    path: Path
    type: str
    tier: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the generated model.

    Attributes:
        path: its path in the model; each name is a Python identifier.
        names: its original names.
        value: a plain value, or a reference to a secret.
        text: the parameter's text; None for a field of a JSON document.
    """

    path: Path
    names: Path
    value: Value | SecretRef
    text: str | None = None


def collisions(fields: Iterable[Field]) -> Iterator[str]:
    """Yield a problem for each pair of fields whose paths are equal or nested."""
    taken: dict[Path, Field] = {}
    for field in fields:
        path = tuple(name.casefold() for name in field.path)
        for length in range(1, len(path) + 1):
            other = taken.get(path[:length])
            if other:
                yield _collision(other, field)
        for each, other in taken.items():
            if len(each) > len(path) and each[: len(path)] == path:
                yield _collision(other, field)
        taken.setdefault(path, field)


def _collision(first: Field, second: Field) -> str:
    here, there = "/".join(first.names), "/".join(second.names)
    if len(first.path) == len(second.path):
        return f"{here} and {there} become the same field: rename or delete one of the two"
    short, long = sorted((here, there), key=len)
    return f"{short} has a value, but {long} is below it: it can't be both a field and a group"
