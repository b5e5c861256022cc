"""The shares and times of a rollout, as a user writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from model_config.format.errors import UsageError

_DURATION = re.compile(r"(\d{1,8})\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
#: The longest time that a duration can be: ours, far beyond any rollout.
_MOST_DAYS = 365
#: Seconds that a first step may be in the past: a clock's difference, and the time to type.
_JUST_NOW = 60


def percents_of(text: str) -> tuple[float, ...]:
    """Return the shares that a user wrote, "5,25,50,100".

    Raises:
        UsageError: they are not numbers above 0 and up to 100 that rise.
    """
    rule = "give shares in percent that rise, such as 5,25,50,100"
    try:
        given = tuple(float(each) for each in text.split(","))
    except ValueError:
        raise UsageError(f"{text!r} are not steps: {rule}") from None
    percents = tuple(int(each) if each.is_integer() else each for each in given)
    if not all(0 < each <= 100 for each in percents):  # noqa: PLR2004 - percent
        raise UsageError(f"a step is above 0 and at most 100 percent, and {text!r} has others")
    if sorted(set(percents)) != list(percents):
        raise UsageError(f"the steps {text!r} don't rise: {rule}")
    return percents


def duration_of(text: str) -> timedelta:
    """Return the time that a user wrote, "90s", "30m", "2h" or "1d".

    Raises:
        UsageError: it is not a number with a unit.
    """
    found = _DURATION.fullmatch(text.strip())
    if not found or (seconds := int(found[1]) * _SECONDS[found[2]]) > _MOST_DAYS * _SECONDS["d"]:
        raise UsageError(
            f"{text!r} is not a time of at most {_MOST_DAYS} days: write a number and s, m, h or "
            "d, such as 30m"
        )
    return timedelta(seconds=seconds)


def time_of(text: str, now: datetime) -> datetime:
    """Return the time of the first step that a user wrote, "2026-12-01T10:00:00Z".

    Raises:
        UsageError: it is not a time with its zone, or in the past.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(
            f'{text!r} is not a time with its zone: write it as "2026-12-01T10:00:00Z" or '
            '"2026-12-01T11:00:00+01:00"'
        )
    if at < now - timedelta(seconds=_JUST_NOW):
        raise UsageError(f"{text} is in the past: leave --at out to begin now")
    return max(at, now).astimezone(UTC)
