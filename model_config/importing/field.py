"""A parameter that exists, and the field it becomes; and fields that can't stand together."""

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
        path: its name below what is imported, "generation", "temperature".
        text: its value; None where it looks like a secret's and so was not read.
    """

    name: str
    path: Path
    type: str
    tier: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the model to be.

    Attributes:
        path: its place in the model, each name a Python identifier.
        names: the same as they were.
        value: a plain value, or the reference that stands for a secret.
        text: the parameter's whole text where it is one value; None in a JSON document.
    """

    path: Path
    names: Path
    value: Value | SecretRef
    text: str | None = None


def collisions(fields: Iterable[Field]) -> Iterator[str]:
    """Yield names that become the same, or one that is both a value and a group."""
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
    return f"{short} is a value and has {long} below it: a field can't be both"
