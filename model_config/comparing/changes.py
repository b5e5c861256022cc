"""The values of a release, one by one, and the changes between two releases."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from model_config.format.codec import Value
from model_config.format.release import Release, config_text

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A value, a secret or the schema that differs between two releases.

    Attributes:
        path: "generation/temperature", "secrets/api_key".
        before, after: the values. None for a secret, and on a side that has no value.
        secret: whether it is a secret. A release holds no secret's value, only its name.
    """

    path: str
    change: Literal["added", "removed", "changed"]
    before: Value = None
    after: Value = None
    secret: bool = False

    def __str__(self) -> str:
        return f"{MARKS[self.change]} {self.path}"


MARKS = {"added": "+", "removed": "-", "changed": "~"}


def leaves(values: Mapping[str, Value], path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Yield each value with its path.

    A release doesn't distinguish a group from a field that holds an object, so both are traversed.
    """
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def changes(before: Release, after: Release) -> list[Change]:
    """Return the changes: to the schema, to the values by path, and to the secrets by path."""
    schemas = before.schema, after.schema
    # An added or removed model has a schema on one side only.
    is_other = all(schemas) and before.schema != after.schema
    return [
        *([Change("(schema)", "changed", *schemas)] if is_other else ()),
        *_changed(dict(leaves(before.config)), dict(leaves(after.config))),
        *_changed_secrets(before.secrets, after.secrets),
    ]


def _changed(before: Mapping[Path, Value], after: Mapping[Path, Value]) -> Iterator[Change]:
    for path in sorted({*before, *after}):
        where = "/".join(path)
        if path not in before:
            yield Change(where, "added", after=after[path])
        elif path not in after:
            yield Change(where, "removed", before=before[path])
        elif not _same(before[path], after[path]):
            yield Change(where, "changed", before[path], after[path])


def _changed_secrets(before: Collection[str], after: Collection[str]) -> Iterator[Change]:
    for path in sorted({*before, *after}):
        where = f"secrets/{path}"
        if path not in before:
            yield Change(where, "added", secret=True)
        elif path not in after:
            yield Change(where, "removed", secret=True)


def _same(before: Value, after: Value) -> bool:
    # Compared as text, since True == 1 in Python.
    return config_text({"": before}) == config_text({"": after})
