"""Ends a rollout automatically: alarms on its candidate, and the guard that reacts to them."""

import pulumi
from alarms import error_alarm, latency_alarm
from guard import Guard

from model_config.consumer import ModelStack

config = pulumi.Config()
name = config.require("model")
stack = ModelStack.from_aws(
    environment=config.require("environment"), prefix=config.get("prefix") or "/ai"
)
model = stack.model(name)

# The application's metrics, and their thresholds. README.md has the application's side.
namespace = config.get("namespace") or "ModelConfig"
dimensions = {
    "feature_flag.key": name,
    "feature_flag.set.id": config.require("environment"),
    "feature_flag.result.variant": "candidate",
}
alarms = [
    error_alarm(namespace, dimensions, percent=config.get_int("maxErrorPercent") or 5),
    latency_alarm(namespace, dimensions, milliseconds=config.get_int("maxLatencyMs") or 5_000),
]

guard = Guard("rollout-guard", model, [alarm.arn for alarm in alarms])

pulumi.export("alarms", [alarm.name for alarm in alarms])
pulumi.export("state_machine", guard.state_machine_arn)
