"""Three ways to look at a parameter: what the program says, the newest release, and SSM itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from model_config.format.names import Kind
from model_config.operate.parameters import Content, Contents, ListedParameter, NoText

State: TypeAlias = Literal[
    "edited",  # by hand
    "interrupted",  # a deploy stopped half-way
    "not deployed",  # the program is ahead
    "orphaned",  # an earlier program left it
    "unmanaged",  # nobody but SSM knows it
    "unclear",  # the newest release can't be read
]

#: How a deploy stores a parameter of each kind: its type and its tier.
STORED: Mapping[Kind, tuple[str, str]] = {
    "value": ("SecureString", "Standard"),
    "secret": ("SecureString", "Standard"),
    "release": ("SecureString", "Advanced"),
    "release part": ("SecureString", "Standard"),
    "rollout": ("String", "Standard"),
}


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """What a parameter holds by the program, by the newest release, and in SSM."""

    program: Content
    release: Content
    ssm: Content


@dataclass(frozen=True, slots=True)
class DriftedParameter:
    """A parameter that is not the same everywhere.

    Attributes:
        aspect: "value", "document", or how it is stored: "type", "tier", "key". Of that, releases
            say nothing.
        listed: the parameter, where SSM has it.
    """

    model: str
    path: str
    state: State
    aspect: str
    contents: ThreeWay
    listed: ListedParameter | None


@dataclass(frozen=True, slots=True)
class DriftedAccess:
    """Something about the key, or about who may read, that is not as the program has it.

    Attributes:
        model: the model that a reader policy is for; empty for the key.
        resource: the key's alias, or the policy's ARN.
        aspect: "alias", "key", "state", "rotation" or "policy".
        program: what the program says.
        aws: what AWS has.
    """

    model: str
    resource: str
    aspect: str
    program: str
    aws: str


def compare(  # noqa: PLR0913 - three sides, and what is known of them
    base: str,
    program: Contents,
    released: Contents | None,
    ssm: Contents,
    *,
    listed: Mapping[str, ListedParameter],
    former: AbstractSet[str],
) -> list[DriftedParameter]:
    """Return the parameters whose values differ.

    Args:
        base: the model's path in SSM.
        program: what the program says.
        released: what the newest release says; None where that isn't known.
        ssm: what SSM holds. A parameter that is listed and not in here couldn't be read: it is
            left out.
        listed: what SSM lists.
        former: names that older releases have.
    """
    found = []
    for name in sorted({*program, *(released or {}), *listed}):
        if name in listed and name not in ssm:
            continue
        three = (each.get(name, NoText.ABSENT) for each in (program, released or {}, ssm))
        contents = ThreeWay(*three)
        if state := _state(contents, known=released is not None, former=name in former):
            model, path = base.rpartition("/")[2], name.removeprefix(f"{base}/")
            found.append(DriftedParameter(model, path, state, "value", contents, listed.get(name)))
    if any(each.state == "interrupted" for each in found):
        # What a deploy that stopped had not come to yet belongs to it.
        return [
            replace(each, state="interrupted") if each.state == "not deployed" else each
            for each in found
        ]
    return found


def check_attributes(
    model: str, path: str, kind: Kind, listed: ListedParameter, keys: AbstractSet[str]
) -> Iterator[DriftedParameter]:
    """Yield how a parameter is stored, where no deploy stores it so.

    Args:
        model: the model's name.
        path: the parameter's path in the model.
        kind: what it holds.
        listed: the parameter.
        keys: the names of the key it must have; empty where that isn't known.
    """
    type_, tier = STORED[kind]
    wanted = {"type": type_, "tier": tier}
    actual = {"type": listed.type, "tier": listed.tier}
    if keys and type_ == listed.type == "SecureString" and listed.key not in keys:
        wanted["key"], actual["key"] = max(keys, key=len), listed.key or "none"
    for aspect, right in wanted.items():
        if (ssm := actual[aspect]) != right:
            contents = ThreeWay(right, NoText.ABSENT, ssm)
            yield DriftedParameter(model, path, "edited", aspect, contents, listed)


def only_in_ssm(model: str, path: str, state: State, listed: ListedParameter) -> DriftedParameter:
    """Return a parameter that neither the program nor the newest release has."""
    contents = ThreeWay(NoText.ABSENT, NoText.ABSENT, NoText.UNREAD)
    return DriftedParameter(model, path, state, "value", contents, listed)


def _state(contents: ThreeWay, *, known: bool, former: bool) -> State | None:
    program, released, ssm = contents.program, contents.release, contents.ssm
    if not known:
        return None if program == ssm else "unclear"
    if program is released is NoText.ABSENT:
        return "orphaned" if former else "unmanaged"
    if ssm == released:
        return None if program == released else "not deployed"
    # A deploy deletes last, after the release: what the release still has, no deploy deleted.
    if ssm == program and ssm is not NoText.ABSENT:
        return "interrupted"
    return "edited"
