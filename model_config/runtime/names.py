"""The names that are put together for SSM, and the rules they are checked against beforehand."""

from __future__ import annotations

import re

from model_config.core.errors import UsageError

#: Asks for the newest release. No label can have this name.
LATEST = "latest"
#: What a label's former release is labelled with.
PREVIOUS = "-previous"
#: Characters that a label may have (SSM API reference, LabelParameterVersion).
LABEL_CHARACTERS = 100
#: Labels that one version may carry (SSM API reference, LabelParameterVersion).
LABELS_ON_A_RELEASE = 10

_PREFIX = re.compile(r"(/[A-Za-z0-9_.-]+)+")
_SEGMENT = re.compile(r"[A-Za-z0-9_.-]+")
_LABEL = re.compile(r"(?!\d|aws|ssm)[a-zA-Z0-9_.-]+", re.IGNORECASE)


def environment_path(prefix: str, environment: str) -> str:
    """Return the path all models of an environment stand below, "/ai/prod".

    Raises:
        UsageError: the prefix or the environment has a form that SSM has no parameter for.
    """
    if not _PREFIX.fullmatch(prefix):
        raise UsageError(
            f"the prefix {prefix!r} can't be used: it begins with one slash, has no double and no "
            'trailing one, and only letters, digits, ".", "-" and "_" between them, such as "/ai"'
        )
    _check_segment("environment", environment)
    return f"{prefix}/{environment}"


def release_name(path: str, model: str) -> str:
    """Return the name of a model's release parameter, below an environment's path.

    Raises:
        UsageError: the model's name has a character that stands for something else in SSM.
    """
    _check_segment("model", model)
    return f"{path}/{model}/release"


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


def _check_segment(what: str, name: str) -> None:
    if not _SEGMENT.fullmatch(name):
        raise UsageError(
            f"the {what} {_shortened(name)} can't be used: its name has letters, digits, "
            '".", "-" and "_" only'
        )


def _shortened(text: str) -> str:
    return repr(text if len(text) <= LABEL_CHARACTERS else f"{text[:20]}…")
