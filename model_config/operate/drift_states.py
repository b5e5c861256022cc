"""Three ways to look at a parameter: what the program says, the newest release, and SSM itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

from model_config.operate.listed import Held, Mark, Side, Texts

State = Literal[
    "edited by hand", "stopped half-way", "not deployed", "left over", "foreign", "unclear"
]

#: How a deploy stores every parameter; the release alone is Advanced.
TYPE, TIER, RELEASE_TIER = "SecureString", "Standard", "Advanced"
RELEASE = "release"


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
