"""Builds and parses every name in SSM, and checks names and labels.

{prefix}/{environment}/{model}/{group}/{field}            a value
{prefix}/{environment}/{model}/{group}/{field}.part2      its second 4,096 bytes
{prefix}/{environment}/{model}/secrets/{group}/{field}    a secret
{prefix}/{environment}/{model}/release                    the release
{prefix}/{environment}/{model}/release/parts/{hash}       a part of a large release
{prefix}/{environment}/{model}/rollout                    a rollout, and who moved a label last
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from model_config.format.errors import UsageError

#: Reserved at the top of a model.
RELEASE, ROLLOUT, SECRETS = "release", "rollout", "secrets"
RESERVED = frozenset({RELEASE, ROLLOUT, SECRETS})
#: Selects the newest release. No label can have this name.
LATEST = "latest"
#: The suffix of the label that marks a label's previous release.
PREVIOUS = "-previous"
#: The most characters of a label (SSM API reference, LabelParameterVersion).
LABEL_CHARACTERS = 100
#: The most labels on one version (SSM API reference, LabelParameterVersion).
LABELS_ON_A_RELEASE = 10
#: One part of a path, between two slashes (SSM API reference, PutParameter, Name).
SEGMENT = re.compile(r"[A-Za-z0-9_.-]+")
#: A path of such parts.
PREFIX = re.compile(rf"(/{SEGMENT.pattern})+")

_LABEL = re.compile(r"(?!\d|aws|ssm)[a-zA-Z0-9_.-]+", re.IGNORECASE)
_PART = re.compile(r"(.+)\.part([2-9]|[1-9]\d+)")

Kind: TypeAlias = Literal["value", "secret", "release", "release part", "rollout"]


def environment_path(prefix: str, environment: str) -> str:
    """Return the path above all models of an environment, "/ai/prod".

    Raises:
        UsageError: the prefix or the environment is not valid in a parameter's name.
    """
    if not isinstance(prefix, str) or not PREFIX.fullmatch(prefix):
        raise UsageError(
            f"{prefix!r} is not a valid prefix: it must begin with a slash, with no double or "
            'trailing slash, and have only letters, digits, ".", "-" and "_" between slashes, such '
            'as "/ai"'
        )
    _check_segment("environment", environment)
    return f"{prefix}/{environment}"


def model_path(environment: str, model: str) -> str:
    """Return the path above all parameters of a model, given the environment's path.

    Raises:
        UsageError: the model's name is not valid in a parameter's name.
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
    """Return the name of a secret's parameter, given the model's path and the secret's path."""
    return f"{model}/{SECRETS}/{path}"


def field_part(field: str, number: int) -> str:
    """Return the name of a part of a field, counted from 1. The first has the field's own name."""
    return field if number == 1 else f"{field}.part{number}"


def release_parts(release: str) -> str:
    """Return the path above the parts of releases, given the release parameter's name."""
    return f"{release}/parts"


def release_part(model: str, part: str) -> str:
    """Return the name of a part of a release, given the model's path and the part's hash."""
    return f"{release_parts(release_name(model))}/{part}"


class ParameterName(NamedTuple):
    """A parsed parameter name.

    Attributes:
        path: the parameter's path in the model, "generation/temperature".
        field: the path; for a value, without `.partN`.
        part: the number of the field's part, from 1.
    """

    model: str
    path: str
    kind: Kind
    field: str
    part: int = 1


def parse(name: str, environment: str) -> ParameterName:
    """Parse a parameter's full name, which is below the environment's path, "/ai/prod"."""
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
    """Refuse a label that SSM would refuse, and "latest", which selects the newest release.

    Raises:
        UsageError: gives the rule.
    """
    problem = None
    if label.lower() == LATEST:
        problem = f'"{LATEST}" always means the newest release'
    elif not _LABEL.fullmatch(label) or len(label) > LABEL_CHARACTERS:
        problem = (
            f"SSM allows at most {LABEL_CHARACTERS} letters, digits, dots, hyphens and "
            'underscores, not beginning with a digit, "aws" or "ssm"'
        )
    if problem:
        raise UsageError(f"{_shortened(label)} is not a valid label: {problem}. Choose another")


def check_selector(selector: str | int) -> None:
    """Refuse anything that can't select a release: allowed are a label, "latest" and a number.

    Raises:
        UsageError: gives the rule.
    """
    if isinstance(selector, str):
        if selector != LATEST:
            check_label(selector)
    elif isinstance(selector, bool) or not isinstance(selector, int) or selector < 1:
        raise UsageError(f"a release is a whole number from 1, not {selector!r}")


def check_movable_label(label: str) -> None:
    """Refuse a label that no release can be promoted to: there must be room for `-previous`.

    Raises:
        UsageError: gives the rule.
    """
    check_label(label)
    if label.endswith(PREVIOUS):
        raise UsageError(
            f"nothing can be promoted to {_shortened(label)}: each promotion to "
            f"{_shortened(label[: -len(PREVIOUS)])} moves it. Choose another label"
        )
    room = LABEL_CHARACTERS - len(PREVIOUS)
    if len(label) > room:
        raise UsageError(
            f"{_shortened(label)} has {len(label)} characters, and the limit is {room}: SSM allows "
            f'{LABEL_CHARACTERS}, less the {len(PREVIOUS)} of "{PREVIOUS}". Choose a shorter label'
        )


def _check_segment(kind: str, name: object) -> None:
    if not isinstance(name, str) or not SEGMENT.fullmatch(name):
        raise UsageError(
            f"{_shortened(name)} is not a valid {kind} name: use only letters, digits, "
            '".", "-" and "_"'
        )


def _shortened(name: object) -> str:
    is_long = isinstance(name, str) and len(name) > LABEL_CHARACTERS
    return repr(f"{str(name)[:20]}…" if is_long else name)
