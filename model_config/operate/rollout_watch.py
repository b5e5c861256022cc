"""The next action for a watched rollout, for a job that runs every few minutes.

If the job stops running, the share stays as it is: it never grows unwatched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from model_config.format.rollout import Rollout, Step
from model_config.operate.rollout_plan import due_at, next_step, phase, plan_of

Action: TypeAlias = Literal["none", "wait", "step", "finish", "abort"]


@dataclass(frozen=True, slots=True)
class Decision:
    """The next action for a rollout.

    Attributes:
        action: the action.
        message: the reason, in words.
        step: the step to write, if that is the action.
    """

    action: Action
    message: str
    step: Step | None = None


def decide(rollout: Rollout | None, alarms: Mapping[str, str], now: datetime) -> Decision:
    """Return the next action for a rollout.

    Args:
        rollout: the rollout in progress, or None.
        alarms: the state of each alarm.
        now: the current time.
    """
    if rollout is None:
        return Decision("none", "no rollout is under way")
    if firing := _in_state(alarms, "ALARM"):
        return Decision("abort", f"in alarm: {firing}")
    if silent := ", ".join(name for name in sorted(alarms) if alarms[name] != "OK"):
        return Decision("wait", f"no step without data: {silent}")
    where = phase(rollout, now)
    if where == "paused":
        return Decision("wait", "it is paused")
    if where == "due":
        return Decision("finish", "all steps are taken, and the bake time is over")
    return _next(rollout, now)


def _next(rollout: Rollout, now: datetime) -> Decision:
    step = next_step(rollout, now)
    if step is None:
        return Decision("wait", f"all steps are taken; due to be finished at {due_at(rollout)}")
    if step.at > now or not plan_of(rollout).watched:
        return Decision("wait", f"the next step is to {step.percent:g} % at {step.at}")
    return Decision(
        "step", f"all alarms are OK: {step.percent:g} % from now on", Step(now, step.percent)
    )


def _in_state(alarms: Mapping[str, str], state: str) -> str:
    return ", ".join(name for name in sorted(alarms) if alarms[name] == state)
