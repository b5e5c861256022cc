"""Builds and parses every name in SSM, and checks names and labels.

{prefix}/{environment}/{model}/{group}/{field}            a value
{prefix}/{environment}/{model}/{group}/{field}.part2      its second 4,096 bytes
{prefix}/{environment}/{model}/secrets/{group}/{field}    a secret
{prefix}/{environment}/{model}/release                    the release
{prefix}/{environment}/{model}/release/parts/{hash}       a part of a large release
{prefix}/{environment}/{model}/rollout                    a rollout, and who moved a label last
"""

import re
from typing import Literal, NamedTuple, TypeAlias

from model_config.format import errors, text

#: Reserved at the top of a model.
RELEASE, ROLLOUT, SECRETS = "release", "rollout", "secrets"
RESERVED = frozenset({RELEASE, ROLLOUT, SECRETS})
#: Selects the newest release. No label can have this name.
LATEST = "latest"
#: The suffix of the label that marks a label's previous release.
PREVIOUS = "-previous"
#: The most characters of a label, and labels on a version (SSM API reference,
#: LabelParameterVersion).
LABEL_CHARACTERS, LABELS_ON_A_RELEASE = 100, 10
#: One part of a path, between two slashes (SSM API reference, PutParameter, Name).
SEGMENT = re.compile(r"[A-Za-z0-9_.-]+")
PREFIX = re.compile(rf"(/{SEGMENT.pattern})+")

_LABEL = re.compile(r"(?!\d|aws|ssm)[a-zA-Z0-9_.-]+", re.IGNORECASE)
_PART = re.compile(r"(.+)\.part([2-9]|[1-9]\d+)")

Kind: TypeAlias = Literal["value", "secret", "release", "release part", "rollout"]


def environment_path(prefix: str, environment: str) -> str:
    """Return the path above all models of an environment, "/ai/prod", or raise UsageError."""
    if not isinstance(prefix, str) or not PREFIX.fullmatch(prefix):
        raise errors.UsageError(
            f"{prefix!r} is not a valid prefix: it must begin with a slash, with no double or "
            'trailing slash, and have only letters, digits, ".", "-" and "_" between slashes, such '
            'as "/ai"'
        )
    check_segment("environment", environment)
    return f"{prefix}/{environment}"


def model_path(environment: str, model: str) -> str:
    """Return a model's path, given its environment's, "/ai/prod", or raise UsageError."""
    check_segment("model", model)
    return f"{environment}/{model}"


# `model_path` below is a model's whole path, "/ai/prod/support_chat".
def release_name(model_path: str) -> str:
    return f"{model_path}/{RELEASE}"


def rollout_name(model_path: str) -> str:
    return f"{model_path}/{ROLLOUT}"


def secret_name(model_path: str, path: str) -> str:
    return f"{model_path}/{SECRETS}/{path}"


def field_part(field: str, number: int) -> str:
    return field if number == 1 else f"{field}.part{number}"


def release_parts(release_name: str) -> str:
    return f"{release_name}/parts"


def release_part(model_path: str, part: str) -> str:
    return f"{release_parts(release_name(model_path))}/{part}"


class ParameterName(NamedTuple):
    """A parsed name: `path` is its path in the model, and `field` the path without `.partN`."""

    model: str
    path: str
    kind: Kind
    field: str
    part: int = 1


def parse(name: str, environment: str) -> ParameterName:
    """Parse a parameter's full name, which is below the environment's path, "/ai/prod"."""
    model, _, path = name.removeprefix(f"{environment}/").partition("/")
    kind: Kind = "value"
    if path == RELEASE:
        kind = "release"
    elif path == ROLLOUT:
        kind = "rollout"
    elif path.startswith(f"{release_parts(RELEASE)}/"):
        kind = "release part"
    elif path.startswith(f"{SECRETS}/"):
        kind = "secret"
    elif part := _PART.fullmatch(path):
        return ParameterName(model, path, kind, part[1], int(part[2]))
    return ParameterName(model, path, kind, path)


def check_label(label: str) -> None:
    """Raise UsageError for a label that SSM would refuse, and for "latest"."""
    if label.lower() == LATEST:
        problem = f'"{LATEST}" always means the newest release'
    elif not _LABEL.fullmatch(label) or len(label) > LABEL_CHARACTERS:
        problem = (
            f"SSM allows at most {LABEL_CHARACTERS} letters, digits, dots, hyphens and "
            'underscores, not beginning with a digit, "aws" or "ssm"'
        )
    else:
        return
    name = text.shortened(repr(label), LABEL_CHARACTERS)
    raise errors.UsageError(f"{name} is not a valid label: {problem}. Choose another")


def check_selector(selector: str | int) -> None:
    """Raise UsageError for anything that is no label, "latest" or release number."""
    if not isinstance(selector, str):
        check_release(selector)
    elif selector != LATEST:
        check_label(selector)


def check_release(number: object) -> None:
    """Raise UsageError for anything that is no release number."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise errors.UsageError(f"a release is a whole number from 1, not {number!r}")


def check_movable_label(label: str) -> None:
    """Raise UsageError for a label that no release can be promoted to, such as "x-previous"."""
    check_label(label)
    if label.endswith(PREVIOUS):
        raise errors.UsageError(
            f"nothing can be promoted to {label!r}: each promotion to "
            f"{label.removesuffix(PREVIOUS)!r} moves it. Choose another label"
        )
    room = LABEL_CHARACTERS - len(PREVIOUS)
    if len(label) > room:
        raise errors.UsageError(
            f"{label!r} has {len(label)} characters, and the limit is {room}: SSM allows "
            f'{LABEL_CHARACTERS}, less the {len(PREVIOUS)} of "{PREVIOUS}". Choose a shorter label'
        )


def check_segment(kind: str, name: object) -> None:
    """Raise UsageError unless an environment or a model can have the name."""
    if not isinstance(name, str) or not SEGMENT.fullmatch(name):
        raise errors.UsageError(
            f"{text.shortened(repr(name), LABEL_CHARACTERS)} is not a valid {kind} name: use only "
            'letters, digits, ".", "-" and "_"'
        )
