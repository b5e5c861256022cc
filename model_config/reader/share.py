"""A rollout in a reader, imported only during one: who is served the candidate."""

import logging
import math

from model_config.format.errors import RolloutError
from model_config.format.rollout import Rollout, bucket, rollout_in, threshold
from model_config.reader.configuration import Configuration
from model_config.reader.source import Stored

_log = logging.getLogger("model_config.reader")


class Share:
    def __init__(self, plan: Rollout, control: Configuration, candidate: Configuration) -> None:
        self.plan = plan
        self.control = control.replaced(rollout="control")
        self.candidate = candidate.replaced(rollout="candidate")
        self._steps = [(step.at.timestamp(), step.percent) for step in plan.steps]
        self._since, self._until, self._below = math.inf, -math.inf, 0

    def serve(self, unit: str, now: float) -> Configuration:
        if not self._since <= now < self._until:  # a step, or a clock that was set back
            times = [-math.inf, *(at for at, _ in self._steps), math.inf]
            self._below = threshold(self.percent(now))
            self._since = max(at for at in times if at <= now)
            self._until = min(at for at in times if at > now)
        if unit in self.plan.units and now >= self._steps[0][0]:
            is_served = self.plan.units[unit] == self.plan.release
        else:
            is_served = bucket(self.plan.salt, unit) < self._below
        return self.candidate if is_served else self.control

    def percent(self, now: float) -> float:
        return max((percent for at, percent in self._steps if at <= now), default=0)


def plan_in(stored: Stored, current: Configuration) -> Rollout | None:
    """Return the rollout that a parameter holds, if it is of this label and from this release."""
    try:
        plan = rollout_in(stored.text or "")
    except RolloutError as error:
        _log.info("ignoring %s: %s", stored.name, error)
        return None
    applies = plan is not None and (plan.label, plan.before) == (current.label, current.release)
    return plan if applies else None
