"""The shares and times of a rollout, parsed from a user's input."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from model_config.format.errors import UsageError

_DURATION = re.compile(r"(\d{1,8})\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
#: The maximum duration, far longer than any rollout.
_MOST_DAYS = 365
#: How far the first step may be in the past, in seconds, to allow for clocks and typing.
_JUST_NOW = 60


def percents_of(text: str) -> tuple[float, ...]:
    """Return the shares in a text such as "5,25,50,100".

    Raises:
        UsageError: they are not increasing numbers above 0 and at most 100.
    """
    rule = "give increasing shares in percent, such as 5,25,50,100"
    try:
        given = tuple(float(each) for each in text.split(","))
    except ValueError:
        raise UsageError(f"{text!r} is not a list of steps: {rule}") from None
    percents = tuple(int(each) if each.is_integer() else each for each in given)
    if not all(0 < each <= 100 for each in percents):  # noqa: PLR2004 - percent
        raise UsageError(f"each step must be above 0 and at most 100 percent, unlike {text!r}")
    if sorted(set(percents)) != list(percents):
        raise UsageError(f"the steps {text!r} don't increase: {rule}")
    return percents


def duration_of(text: str) -> timedelta:
    """Return the duration in a text such as "90s", "30m", "2h" or "1d".

    Raises:
        UsageError: it is not a number with a unit.
    """
    found = _DURATION.fullmatch(text.strip())
    if not found or (seconds := int(found[1]) * _SECONDS[found[2]]) > _MOST_DAYS * _SECONDS["d"]:
        raise UsageError(
            f"{text!r} is not a duration of at most {_MOST_DAYS} days: write a number and s, m, h "
            "or d, such as 30m"
        )
    return timedelta(seconds=seconds)


def time_of(text: str, now: datetime) -> datetime:
    """Return the time in a text such as "2026-12-01T10:00:00Z".

    Raises:
        UsageError: it is not a time with a time zone, or it is in the past.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(
            f'{text!r} is not a time with a time zone: write it as "2026-12-01T10:00:00Z" or '
            '"2026-12-01T11:00:00+01:00"'
        )
    if at < now - timedelta(seconds=_JUST_NOW):
        raise UsageError(f"{text} is in the past: omit --at to start now")
    return max(at, now).astimezone(UTC)
