"""The alarms and the next action of a watched rollout, for a job that runs every few minutes.

If the job stops running, the share stays as it is: it never grows unwatched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from model_config.format.errors import UsageError
from model_config.format.rollout import Rollout, Step
from model_config.operate.clients import ask
from model_config.operate.rollouts.plan import due_at, next_step, phase, plan_of

#: The maximum number of alarms that watch a rollout.
MAX_ALARMS = 5
Action: TypeAlias = Literal["none", "wait", "step", "finish", "abort"]


@dataclass(frozen=True, slots=True)
class Decision:
    """The next action for a rollout, its reason in words, and the step to write, if any."""

    action: Action
    message: str
    step: Step | None = None


def decide(rollout: Rollout | None, alarms: Mapping[str, str], now: datetime) -> Decision:
    """Return the next action for the rollout in progress, if any, by the states of its alarms."""
    if rollout is None:
        return Decision("none", "no rollout is under way")
    if firing := ", ".join(name for name in sorted(alarms) if alarms[name] == "ALARM"):
        return Decision("abort", f"in alarm: {firing}")
    if silent := ", ".join(name for name in sorted(alarms) if alarms[name] != "OK"):
        return Decision("wait", f"no step without data: {silent}")
    where = phase(rollout, now)
    if where == "paused":
        return Decision("wait", "it is paused")
    if where == "due":
        return Decision("finish", "all steps are taken, and the bake time is over")
    return _next(rollout, now)


def alarm_states(client: Any, names: Sequence[str]) -> dict[str, str]:
    """Return the state of each alarm, metric or composite: "OK", "ALARM" or "INSUFFICIENT_DATA".

    Needs a boto3 client for CloudWatch, and `cloudwatch:DescribeAlarms`.

    Raises:
        UsageError: no alarm or more than five are named, or an alarm doesn't exist.
        StoreError: AWS is unavailable or refuses.
    """
    wanted = list(dict.fromkeys(names))
    if not 1 <= len(wanted) <= MAX_ALARMS:
        raise UsageError(f"name one to {MAX_ALARMS} alarms, not {len(wanted)}")
    answer = ask(
        client,
        "cloudwatch:DescribeAlarms",
        ", ".join(wanted),
        AlarmNames=wanted,
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
    )
    found = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
    states = {each["AlarmName"]: str(each["StateValue"]) for each in found}
    if missing := [name for name in wanted if name not in states]:
        region = client.meta.region_name
        raise UsageError(f"there is no alarm {', '.join(missing)} in {region}: nothing was done")
    return states


def _next(rollout: Rollout, now: datetime) -> Decision:
    step = next_step(rollout, now)
    if step is None:
        return Decision("wait", f"all steps are taken; due to be finished at {due_at(rollout)}")
    if step.at > now or not plan_of(rollout).watched:
        return Decision("wait", f"the next step is to {step.percent:g} % at {step.at}")
    return Decision(
        "step", f"all alarms are OK: {step.percent:g} % from now on", Step(now, step.percent)
    )
