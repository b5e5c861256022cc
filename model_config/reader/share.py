"""A rollout in a reader: which units are served the candidate, and which the control.

This module is imported only during a rollout, because most readers start outside of one.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from datetime import UTC, datetime

from model_config.format.errors import RolloutError
from model_config.format.rollout import Rollout, bucket, threshold
from model_config.format.rollout_document import read_rollout
from model_config.reader.configuration import Configuration
from model_config.reader.source import Stored

_log = logging.getLogger(__name__)


class Share:
    """A rollout under way: a share of units is served the candidate, all others the control.

    Attributes:
        plan: the times and the shares.
        control, candidate: the label's release and the new one, each marked with its side.
    """

    def __init__(self, plan: Rollout, control: Configuration, candidate: Configuration) -> None:
        self.plan = plan
        self.control = replace(control, rollout="control")
        self.candidate = replace(candidate, rollout="candidate")
        self._below = 0
        self._until = -math.inf

    def serve(self, unit: str, now: float) -> Configuration:
        """Return the configuration for a unit at a time, in seconds since 1970."""
        if now >= self._until:
            self._update(now)
        if bucket(self.plan.salt, unit) < self._below:
            return self.candidate
        return self.control

    def percent(self, now: float) -> float:
        """Return the share of units, in percent, that are served the candidate at a time."""
        return self.plan.percent(datetime.fromtimestamp(now, UTC))

    def _update(self, now: float) -> None:
        """Compute the share, once for each step."""
        later = (step.at.timestamp() for step in self.plan.steps)
        self._below = threshold(self.percent(now))
        self._until = min((at for at in later if at > now), default=math.inf)


def plan_in(stored: Stored, current: Configuration) -> Rollout | None:
    """Return the rollout that a parameter holds, if it is of this label and from this release."""
    try:
        plan = read_rollout(stored.text).rollout
    except RolloutError as error:
        _log.info("ignoring %s: %s", stored.name, error)
        return None
    applies = plan is not None and (plan.label, plan.before) == (current.label, current.release)
    return plan if applies else None
