"""Parameters whose contents differ among the program, the newest release and SSM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from model_config.format.names import Kind
from model_config.operate.drift.deployed_model import DeployedModel
from model_config.operate.drift.parameters import Content, Contents, ListedParameter, NoText

State: TypeAlias = Literal[
    "edited",  # by hand
    "interrupted",  # a deploy stopped half-way
    "not deployed",  # the program is ahead
    "orphaned",  # an earlier program left it
    "unmanaged",  # neither the program nor a release has it
    "unclear",  # the newest release can't be read
]

#: The type and the tier with which a deploy stores each kind of parameter.
STORED: Mapping[Kind, tuple[str, str]] = {
    "value": ("SecureString", "Standard"),
    "secret": ("SecureString", "Standard"),
    "release": ("SecureString", "Standard"),
    "release part": ("SecureString", "Standard"),
    "rollout": ("String", "Standard"),
}


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """A parameter's content in the program, in the newest release and in SSM."""

    program: Content
    release: Content
    ssm: Content


@dataclass(frozen=True, slots=True)
class DriftedParameter:
    """A parameter whose contents differ.

    Attributes:
        aspect: "value", "document", or how it is stored: "type", "tier", "key". Releases don't
            record how a parameter is stored.
        listed: the parameter, if SSM has it.
    """

    model: str
    path: str
    state: State
    aspect: str
    contents: ThreeWay
    listed: ListedParameter | None


@dataclass(frozen=True, slots=True)
class DriftedAccess:
    """A difference of the key or a reader policy from the program.

    Attributes:
        model: the reader policy's model; empty for the key.
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


def compare(model: DeployedModel, ssm: Contents) -> list[DriftedParameter]:
    """Return the parameters of a model whose values differ.

    A listed parameter that is missing in `ssm` couldn't be read, and is left out.
    """
    program, released, listed, former = model.program, model.released, model.values, model.former()
    found = []
    for name in sorted({*program, *released, *listed}):
        if name in listed and name not in ssm:
            continue
        contents = ThreeWay(*(each.get(name, NoText.ABSENT) for each in (program, released, ssm)))
        if state := _state(contents, known=model.known, former=name in former):
            path = name.removeprefix(f"{model.planned.path}/")
            parameter = listed.get(name)
            found.append(
                DriftedParameter(model.planned.name, path, state, "value", contents, parameter)
            )
    if any(each.state == "interrupted" for each in found):
        # A parameter that an interrupted deploy had not reached yet belongs to that deploy.
        return [
            replace(each, state="interrupted") if each.state == "not deployed" else each
            for each in found
        ]
    return found


def check_attributes(
    model: str, path: str, kind: Kind, listed: ListedParameter, keys: AbstractSet[str]
) -> Iterator[DriftedParameter]:
    """Yield how a parameter is stored if it differs from how a deploy stores it.

    `keys` are the names of its expected key; empty if the key is unknown.
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
    # A deploy deletes after it has written the release, so no deploy deleted what the newest
    # release still has.
    if ssm == program and ssm is not NoText.ABSENT:
        return "interrupted"
    return "edited"
