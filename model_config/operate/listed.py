"""What SSM lists, what a release says of each parameter, and what the two prove together.

Pure, and without pydantic: the runtime hands in what it was told.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import pairwise, takewhile
from typing import TypeAlias

from model_config.format.codec import Value, encode, split
from model_config.format.release import Release


class Mark(Enum):
    """What stands where there is no text to compare."""

    ABSENT = "nothing"
    SECRET = "a secret"  # noqa: S105 - only a deploy knows its value
    UNREAD = "something"  # nobody's business here: it may be a secret


Side: TypeAlias = str | Mark
Texts: TypeAlias = Mapping[str, Side]


@dataclass(frozen=True, slots=True)
class Held:
    """A parameter as SSM lists it, without its value."""

    name: str
    type: str
    tier: str
    key: str | None
    version: int
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class PastRelease:
    """One release in a model's history.

    Attributes:
        text: the document.
        content: what it says, verified; None where it can't be read or was not opened.
        problem: why it can't be read.
    """

    number: int
    at: datetime
    by: str
    labels: tuple[str, ...]
    text: str = field(repr=False)
    content: Release | None
    problem: str | None


def texts_of(release: Release, base: str, known: Container[str]) -> dict[str, Side]:
    """Return the text of each parameter that a release was made of.

    Args:
        release: what it says.
        base: the model's path in SSM.
        known: names of parameters. A release doesn't tell a group from a field that holds an
            object: what has a parameter of that name is a field.
    """
    texts: dict[str, Side] = dict.fromkeys(release.secrets.values(), Mark.SECRET)
    for name, value in _fields(release.config, base, known):
        for number, text in enumerate(split(encode(value)), start=1):
            texts[name if number == 1 else f"{name}.part{number}"] = text
    return texts


def _fields(
    values: Mapping[str, Value], base: str, known: Container[str]
) -> Iterator[tuple[str, Value]]:
    for key, value in values.items():
        name = f"{base}/{key}"
        if isinstance(value, dict) and value and name not in known:
            yield from _fields(value, name, known)
        else:
            yield name, value


def vouched(held: Held, past: Sequence[tuple[PastRelease, Texts]], *, whole: bool) -> bool:
    """Tell whether a parameter's version shows that nobody but deploys has written it.

    Each change of its value from one release to the next took a deploy that wrote it. With exactly
    as many versions as changes, no version is left for anybody else.

    Args:
        held: the parameter.
        past: the releases and their texts, newest first.
        whole: whether they go back to the first release.
    """
    sides = (texts.get(held.name, Mark.ABSENT) for _, texts in past)
    values = list(takewhile(lambda side: side is not Mark.ABSENT, sides))
    changes = [number for number, (new, old) in enumerate(pairwise(values)) if new != old]
    whole = whole or len(values) < len(past)  # it was made after a release that hasn't got it
    if not values or not whole or held.version != len(changes) + 1:
        return False
    last_write = past[changes[0] if changes else len(values) - 1][0]
    # Later, and it was deleted and made again: versions begin anew then.
    return held.at <= last_write.at and held.by == last_write.by
