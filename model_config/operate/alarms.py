"""The states of CloudWatch alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_config.format.errors import UsageError
from model_config.operate.clients import ask

#: The maximum number of alarms that watch a rollout.
MAX_ALARMS = 5


def alarm_states(client: Any, names: Sequence[str]) -> dict[str, str]:
    """Return the state of each alarm: "OK", "ALARM" or "INSUFFICIENT_DATA".

    Needs `cloudwatch:DescribeAlarms`.

    Args:
        client: a boto3 client for CloudWatch.
        names: the alarms' names, metric and composite ones.

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
