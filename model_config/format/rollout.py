"""Rollouts, which serve a release to a growing share of units; and the last move of a label.

Nothing has to run for a rollout to proceed: it is a plan of times, and each reader works out the
share. `rollout_document` reads and writes its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: The number of buckets for units. With it, a share is exact to a hundredth of a percent.
BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Moved:
    """A label's last move.

    Attributes:
        release: the release that it was moved to, or None if it was taken off.
        before: the release that it was on, or None if it was on none.
        reason: the reason, in the words of whoever moved it.
        held: whether the move holds the label, as a rollback does; None if the record doesn't say.
    """

    label: str
    release: int | None
    before: int | None
    reason: str | None = None
    held: bool | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The share of units, in percent, from a time on."""

    at: datetime
    percent: float


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout under way.

    Attributes:
        label: only reads by this label take part.
        release: the candidate.
        before: the release that the label is on. Once the label moves, the rollout is over.
        salt: 16 hex digits, drawn anew for each rollout.
        steps: in order of time, with rising percents.
        units: units that are given a release by name: the candidate, or the label's.
        plan: for the command line; readers ignore it.
    """

    label: str
    release: int
    before: int
    salt: str
    steps: tuple[Step, ...]
    units: Mapping[str, int] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)

    def percent(self, now: datetime) -> float:
        """Return the share that is served the candidate at a time: 0 before the first step."""
        return max((step.percent for step in self.steps if step.at <= now), default=0)


@dataclass(frozen=True, slots=True)
class RolloutDocument:
    """The content of a model's rollout parameter."""

    moved: Moved | None = None
    rollout: Rollout | None = None


def bucket(salt: str, unit: str) -> int:
    """Return the bucket of a unit, from 0 to 9,999. It is the same in every language."""
    digest = hashlib.sha256(f"{salt}:{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def threshold(percent: float) -> int:
    """Return the first bucket outside of a share."""
    return round(percent * BUCKETS / 100)
