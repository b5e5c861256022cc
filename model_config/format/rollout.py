"""Rollouts: which share of units is served another release, and who moved a label last.

Nothing has to run for a rollout to proceed: it is a plan of times, and each reader works out the
share. `rollout_document` reads and writes the text of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: Buckets that units are spread over, so that a share is exact to a hundredth of a percent.
BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Moved:
    """A label's last promotion or rollback.

    Attributes:
        release: the release it is on since.
        before: the release it was on, or None where it was on none.
        reason: why, in the words of who moved it.
        held: whether it was left held there, as a rollback does; None where the record doesn't say.
    """

    label: str
    release: int
    before: int | None
    reason: str | None = None
    held: bool | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """From a time on, a share in percent of all units."""

    at: datetime
    percent: float


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout under way.

    Attributes:
        label: only reads by this label take part.
        release: the candidate.
        before: the release that the label is on; once it is on another, this is no rollout.
        salt: 16 hex digits, drawn anew for each rollout.
        steps: in order of time, with rising percents.
        poll_seconds: how often readers look at the document while the rollout is under way.
        plan: for the command line; readers ignore it.
    """

    label: str
    release: int
    before: int
    salt: str
    steps: tuple[Step, ...]
    poll_seconds: int = 30
    plan: Mapping[str, Any] = field(default_factory=dict)

    def percent(self, now: datetime) -> float:
        """Return the share that is served the candidate at a time: 0 before the first step."""
        return max((step.percent for step in self.steps if step.at <= now), default=0)

    def serves(self, unit: str, now: datetime) -> bool:
        """Tell whether a unit is served the candidate at a time."""
        return bucket(self.salt, unit) < threshold(self.percent(now))


@dataclass(frozen=True, slots=True)
class RolloutDocument:
    """What a model's rollout parameter says."""

    moved: Moved | None = None
    rollout: Rollout | None = None


def bucket(salt: str, unit: str) -> int:
    """Return the bucket of a unit, from 0 to 9,999: the same in every language."""
    digest = hashlib.sha256(f"{salt}:{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def threshold(percent: float) -> int:
    """Return the bucket from which on units are not in a share any more."""
    return round(percent * BUCKETS / 100)
