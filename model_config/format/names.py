"""Every name in SSM, put together and taken apart; and the rules of names and labels.

{prefix}/{environment}/{model}/{group}/{field}            a value
{prefix}/{environment}/{model}/{group}/{field}.part2      its second 4,096 bytes
{prefix}/{environment}/{model}/secrets/{group}/{field}    a secret
{prefix}/{environment}/{model}/release                    the release
{prefix}/{environment}/{model}/release/parts/{hash}       a part of a large release
{prefix}/{environment}/{model}/rollout                    a rollout, and who moved a label last
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from model_config.format.errors import UsageError

#: Reserved at the top of a model.
RELEASE, ROLLOUT, SECRETS = "release", "rollout", "secrets"
RESERVED = frozenset({RELEASE, ROLLOUT, SECRETS})
#: Asks for the newest release. No label can have this name.
LATEST = "latest"
#: What a label's former release is labelled with.
PREVIOUS = "-previous"
#: Characters that a label may have (SSM API reference, LabelParameterVersion).
LABEL_CHARACTERS = 100
#: Labels that one version may carry (SSM API reference, LabelParameterVersion).
LABELS_ON_A_RELEASE = 10
#: One name between two slashes (SSM API reference, PutParameter, Name).
SEGMENT = re.compile(r"[A-Za-z0-9_.-]+")
#: A path of such names.
PREFIX = re.compile(rf"(/{SEGMENT.pattern})+")

_LABEL = re.compile(r"(?!\d|aws|ssm)[a-zA-Z0-9_.-]+", re.IGNORECASE)
_PART = re.compile(r"(.+)\.part([2-9]|[1-9]\d+)")

Kind: TypeAlias = Literal["value", "secret", "release", "release part", "rollout"]


def environment_path(prefix: str, environment: str) -> str:
    """Return the path all models of an environment stand below, "/ai/prod".

    Raises:
        UsageError: the prefix or the environment has a form that SSM has no parameter for.
    """
    if not isinstance(prefix, str) or not PREFIX.fullmatch(prefix):
        raise UsageError(
            f"the prefix {prefix!r} can't be used: it begins with one slash, has no double and no "
            'trailing one, and only letters, digits, ".", "-" and "_" between them, such as "/ai"'
        )
    _check_segment("environment", environment)
    return f"{prefix}/{environment}"


def model_path(environment: str, model: str) -> str:
    """Return the path all parameters of a model stand below, "/ai/prod/support_chat".

    Args:
        environment: the environment's path, "/ai/prod".
        model: the model's name.

    Raises:
        UsageError: the model's name has a character that stands for something else in SSM.
    """
    _check_segment("model", model)
    return f"{environment}/{model}"


def release_name(model: str) -> str:
    """Return the name of the release parameter of the model with that path."""
    return f"{model}/{RELEASE}"


def rollout_name(model: str) -> str:
    """Return the name of the rollout parameter of the model with that path."""
    return f"{model}/{ROLLOUT}"


def secret_name(model: str, path: str) -> str:
    """Return the name of a secret's parameter, by the model's path and the secret's own."""
    return f"{model}/{SECRETS}/{path}"


def field_part(field: str, number: int) -> str:
    """Return the name of a field's first part, which is its own, or of a later one."""
    return field if number == 1 else f"{field}.part{number}"


def release_parts(release: str) -> str:
    """Return the path that the parts of releases stand below, by the release parameter's name."""
    return f"{release}/parts"


@dataclass(frozen=True, slots=True)
class ParameterName:
    """A parameter's name, taken apart.

    Attributes:
        model: the model's name.
        path: the parameter's path in the model, "generation/temperature".
        kind: what it holds.
        field: for a value its path without `.partN`, else the whole path.
        part: which part of the field it is, from 1.
    """

    model: str
    path: str
    kind: Kind
    field: str
    part: int = 1


def parse(name: str, environment: str) -> ParameterName:
    """Take a parameter's name apart.

    Args:
        name: the full name; it stands below the environment's path.
        environment: the environment's path, "/ai/prod".
    """
    model, _, path = name.removeprefix(f"{environment}/").partition("/")
    if path == RELEASE:
        return ParameterName(model, path, "release", path)
    if path == ROLLOUT:
        return ParameterName(model, path, "rollout", path)
    if path.startswith(f"{release_parts(RELEASE)}/"):
        return ParameterName(model, path, "release part", path)
    if path.startswith(f"{SECRETS}/"):
        return ParameterName(model, path, "secret", path)
    if part := _PART.fullmatch(path):
        return ParameterName(model, path, "value", part[1], int(part[2]))
    return ParameterName(model, path, "value", path)


def check_label(label: str) -> None:
    """Refuse a label that SSM would refuse, or that means something else to us.

    Raises:
        UsageError: with the rule.
    """
    problem = None
    if label.lower() == LATEST:
        problem = f'"{LATEST}" asks for the newest release and is on whichever that is'
    elif not _LABEL.fullmatch(label) or len(label) > LABEL_CHARACTERS:
        problem = (
            f"SSM takes at most {LABEL_CHARACTERS} letters, digits, dots, hyphens and underscores, "
            'not beginning with a digit, "aws" or "ssm"'
        )
    if problem:
        raise UsageError(f"{_shortened(label)} can't be a label: {problem}. Choose another name")


def check_selector(selector: str | int) -> None:
    """Refuse what no release can be asked for by: a label, "latest" or a number.

    Raises:
        UsageError: with the rule.
    """
    if isinstance(selector, str):
        if selector != LATEST:
            check_label(selector)
    elif isinstance(selector, bool) or not isinstance(selector, int) or selector < 1:
        raise UsageError(f"a release is a whole number from 1, not {selector!r}")


def check_movable_label(label: str) -> None:
    """Refuse a label that can't be promoted to: it needs room for its `-previous` as well.

    Raises:
        UsageError: with the rule.
    """
    check_label(label)
    if label.endswith(PREVIOUS):
        raise UsageError(
            f"{_shortened(label)} is kept by promoting to {_shortened(label[: -len(PREVIOUS)])}, "
            "and can't be promoted to itself. Choose another name"
        )
    room = LABEL_CHARACTERS - len(PREVIOUS)
    if len(label) > room:
        raise UsageError(
            f"{_shortened(label)} has {len(label)} characters; {room} leave room for "
            f'"{PREVIOUS}" within the {LABEL_CHARACTERS} that SSM takes. Choose a shorter name'
        )


def _check_segment(what: str, name: object) -> None:
    if not isinstance(name, str) or not SEGMENT.fullmatch(name):
        raise UsageError(
            f"the {what} {_shortened(name)} can't be used: its name has letters, digits, "
            '".", "-" and "_" only'
        )


def _shortened(name: object) -> str:
    is_long = isinstance(name, str) and len(name) > LABEL_CHARACTERS
    return repr(f"{str(name)[:20]}…" if is_long else name)
