"""Three ways to look at a parameter: what the program says, the newest release, and SSM itself.

Pure, and without pydantic: the runtime hands in what SSM holds.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from itertools import pairwise, takewhile
from typing import Literal, TypeAlias

from model_config.core.codec import Value, encode, split
from model_config.core.release import Release


class Mark(Enum):
    """What stands where there is no text to compare."""

    ABSENT = "nothing"
    SECRET = "a secret"  # noqa: S105 - only a deploy knows its value
    UNREAD = "something"  # nobody's business here: it may be a secret


Side: TypeAlias = str | Mark
Texts: TypeAlias = Mapping[str, Side]
State = Literal[
    "edited by hand", "stopped half-way", "not deployed", "left over", "foreign", "unclear"
]

#: How a deploy stores every parameter; the release alone is Advanced.
TYPE, TIER, RELEASE_TIER = "SecureString", "Standard", "Advanced"
RELEASE = "release"


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


@dataclass(frozen=True, slots=True)
class Sides:
    """What each of the three says."""

    program: Side
    release: Side
    ssm: Side


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same everywhere.

    Attributes:
        aspect: "value", "document", or how it is stored: "type", "tier", "key". Of that, releases
            say nothing.
        held: the parameter, where SSM has it.
    """

    model: str
    path: str
    state: State
    aspect: str
    sides: Sides
    held: Held | None


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


def compare(  # noqa: PLR0913 - three sides, and what is known of them
    base: str,
    program: Texts,
    released: Texts | None,
    ssm: Texts,
    *,
    held: Mapping[str, Held],
    former: AbstractSet[str],
) -> list[Difference]:
    """Return what has not the same value everywhere.

    Args:
        base: the model's path in SSM.
        program: what the program says.
        released: what the newest release says; None where that isn't known.
        ssm: what SSM holds. What it lists and is not in here couldn't be read: it is left out.
        held: what SSM lists.
        former: names that older releases have.
    """
    found = []
    for name in sorted({*program, *(released or {}), *held}):
        if name in held and name not in ssm:
            continue
        three = (texts.get(name, Mark.ABSENT) for texts in (program, released or {}, ssm))
        sides = Sides(*three)
        if state := _state(sides, known=released is not None, former=name in former):
            model, path = base.rpartition("/")[2], name.removeprefix(f"{base}/")
            found.append(Difference(model, path, state, "value", sides, held.get(name)))
    if any(each.state == "stopped half-way" for each in found):
        # What a deploy that stopped had not come to yet belongs to it.
        return [
            replace(each, state="stopped half-way") if each.state == "not deployed" else each
            for each in found
        ]
    return found


def check_attributes(
    model: str, path: str, held: Held, keys: AbstractSet[str]
) -> Iterator[Difference]:
    """Yield how a parameter is stored, where no deploy stores it so.

    Args:
        model: the model's name.
        path: the parameter's path in the model.
        held: the parameter.
        keys: the names of the key it must have; empty where that isn't known.
    """
    wanted = {"type": TYPE, "tier": RELEASE_TIER if path == RELEASE else TIER}
    actual = {"type": held.type, "tier": held.tier}
    if keys and held.type == TYPE and held.key not in keys:
        wanted["key"], actual["key"] = max(keys, key=len), held.key or "none"
    for aspect, right in wanted.items():
        if (ssm := actual[aspect]) != right:
            sides = Sides(right, Mark.ABSENT, ssm)
            yield Difference(model, path, "edited by hand", aspect, sides, held)


def stranger(model: str, path: str, state: State, held: Held) -> Difference:
    """Return that SSM has a parameter which nobody else knows."""
    sides = Sides(Mark.ABSENT, Mark.ABSENT, Mark.UNREAD)
    return Difference(model, path, state, "value", sides, held)


def _state(sides: Sides, *, known: bool, former: bool) -> State | None:
    program, released, ssm = sides.program, sides.release, sides.ssm
    if not known:
        return None if program == ssm else "unclear"
    if program is released is Mark.ABSENT:
        return "left over" if former else "foreign"
    if ssm == released:
        return None if program == released else "not deployed"
    # A deploy deletes last, after the release: what the release still has, no deploy deleted.
    if ssm == program and ssm is not Mark.ABSENT:
        return "stopped half-way"
    return "edited by hand"
