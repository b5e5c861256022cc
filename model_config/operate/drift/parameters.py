"""Parameters as SSM lists them, their contents by release, and what the versions prove."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import pairwise, takewhile
from typing import TypeAlias

from model_config.format.codec import Value, encode, split_at_lines
from model_config.format.names import field_part
from model_config.format.release import Release
from model_config.operate.releases.past_release import PastRelease


class NoText(Enum):
    """Replaces a parameter's text if there is no text to compare."""

    ABSENT = "nothing"
    SECRET = "a secret"  # noqa: S105 - only a deploy knows its value
    UNREAD = "something"  # not read, since it may be a secret


Content: TypeAlias = str | NoText
#: Contents by the parameters' full names.
Contents: TypeAlias = Mapping[str, Content]


@dataclass(frozen=True, slots=True)
class ListedParameter:
    """A parameter as SSM lists it, without its value.

    Attributes:
        key: the KMS key as the writer named it: an id, an ARN or an alias.
        by: the ARN of who wrote it last, as far as SSM says.
    """

    name: str
    type: str
    tier: str
    key: str | None
    version: int
    at: datetime
    by: str


def contents_of(release: Release, base: str, known: Container[str]) -> dict[str, Content]:
    """Return the content of each parameter of a release.

    Args:
        release: the release.
        base: the model's path in SSM.
        known: names of parameters. A release doesn't distinguish a group from a field that holds an
            object: a path with a parameter is a field.
    """
    contents: dict[str, Content] = dict.fromkeys(release.secret_names(base).values(), NoText.SECRET)
    for name, value in _fields(release.config, base, known):
        for number, text in enumerate(split_at_lines(encode(value)), start=1):
            contents[field_part(name, number)] = text
    return contents


def _fields(
    values: Mapping[str, Value], base: str, known: Container[str]
) -> Iterator[tuple[str, Value]]:
    for key, value in values.items():
        name = f"{base}/{key}"
        if isinstance(value, dict) and value and name not in known:
            yield from _fields(value, name, known)
        else:
            yield name, value


def only_deploys_wrote(
    listed: ListedParameter, opened: Sequence[tuple[PastRelease, Contents]], *, whole: bool
) -> bool:
    """Return whether a parameter's version proves that only deploys have written it.

    Each change of its value from one release to the next was written by a deploy. If it has exactly
    as many versions as changes, nobody else wrote a version.

    Args:
        listed: the parameter.
        opened: the releases and their contents, newest first.
        whole: whether they include the first release.
    """
    contents = (each.get(listed.name, NoText.ABSENT) for _, each in opened)
    values = list(takewhile(lambda content: content is not NoText.ABSENT, contents))
    changes = [number for number, (new, old) in enumerate(pairwise(values)) if new != old]
    whole = whole or len(values) < len(opened)  # created after a release that doesn't have it
    if not values or not whole or listed.version != len(changes) + 1:
        return False
    last_write = opened[changes[0] if changes else len(values) - 1][0]
    # It was deleted and created again, which starts its versions at 1.
    return listed.at <= last_write.at and listed.by == last_write.by
