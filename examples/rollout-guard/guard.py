"""Ends a rollout when an alarm fires, with EventBridge and Step Functions and no code to run."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from model_config.consumer import Model

# A rollout is under way unless its label has moved since, which the document records.
_UNDER_WAY = (
    "$document.format = 1 and $exists($document.rollout) and $not("
    "$document.moved.label = $document.rollout.label"
    " and $document.moved.release != $document.rollout.from)"
)
# The document that `model-config rollout abort --reason …` writes.
_WITHOUT_IT = (
    '$string({"format": 1, "moved": {'
    '"label": $document.rollout.label, '
    '"release": $document.rollout.from, '
    '"from": $document.rollout.from, '
    '"reason": "the alarm " & $states.input.detail.alarmName & " fired"}})'
)


class Guard(pulumi.ComponentResource):
    """Ends the rollout of a model as soon as one of its alarms fires.

    An alarm that is already in ALARM when a rollout starts causes no event, and so ends nothing.

    Args:
        model: the model.
        alarms: the alarms' ARNs.

    Attributes:
        state_machine_arn: the state machine that ends the rollout; its executions are the record.
    """

    def __init__(
        self, name: str, model: pulumi.Output[Model], alarms: list[pulumi.Input[str]]
    ) -> None:
        super().__init__("model-config:index:RolloutGuard", name)
        self._child = pulumi.ResourceOptions(parent=self)
        self._account = model.apply(lambda found: found.release.arn.split(":")[4])
        arn = model.apply(lambda found: f"{found.release.arn.rpartition('/')[0]}/rollout")
        rewrites = {
            "Effect": "Allow",
            "Action": ["ssm:GetParameter", "ssm:PutParameter"],
            "Resource": arn,
        }
        machine = aws.sfn.StateMachine(
            name,
            role_arn=self._role(f"{name}-ends", "states.amazonaws.com", rewrites),
            definition=model.apply(definition),
            opts=self._child,
        )
        starts = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine.arn}
        rule = aws.cloudwatch.EventRule(
            name,
            event_pattern=pulumi.Output.json_dumps(
                {
                    "source": ["aws.cloudwatch"],
                    "detail-type": ["CloudWatch Alarm State Change"],
                    "resources": alarms,
                    "detail": {"state": {"value": ["ALARM"]}},
                }
            ),
            opts=self._child,
        )
        aws.cloudwatch.EventTarget(
            name,
            rule=rule.name,
            arn=machine.arn,
            role_arn=self._role(f"{name}-starts", "events.amazonaws.com", starts),
            opts=self._child,
        )
        self.state_machine_arn: pulumi.Output[str] = machine.arn
        self.register_outputs({"state_machine_arn": machine.arn})

    def _role(self, name: str, service: str, allowed: dict[str, Any]) -> pulumi.Output[str]:
        """Return the ARN of a role that a service assumes, with one statement in its policy."""
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": service},
            "Condition": {"StringEquals": {"aws:SourceAccount": self._account}},
        }
        role = aws.iam.Role(
            name,
            assume_role_policy=pulumi.Output.json_dumps(_document(trust)),
            opts=self._child,
        )
        aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=pulumi.Output.json_dumps(_document(allowed)),
            opts=self._child,
        )
        return role.arn


def definition(model: Model) -> str:
    """Return the state machine: it reads the rollout, and ends it if it is under way."""
    name, partition = f"{model.path}/rollout", model.release.arn.split(":")[1]
    sdk = f"arn:{partition}:states:::aws-sdk:ssm"
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 8}]
    states = {
        "Read": {
            "Type": "Task",
            "Resource": f"{sdk}:getParameter",
            "Arguments": {"Name": name},
            "Assign": {"document": "{% $parse($states.result.Parameter.Value) %}"},
            "Output": "{% $states.input %}",
            "Retry": retry,
            "Next": "Is one under way?",
        },
        "Is one under way?": {
            "Type": "Choice",
            "Choices": [{"Condition": f"{{% {_UNDER_WAY} %}}", "Next": "End it"}],
            "Default": "There is none",
        },
        "End it": {
            "Type": "Task",
            "Resource": f"{sdk}:putParameter",
            "Arguments": {
                "Name": name,
                "Type": "String",
                "Tier": "Standard",
                "Overwrite": True,
                "Value": f"{{% {_WITHOUT_IT} %}}",
            },
            "Retry": retry,
            "End": True,
        },
        "There is none": {"Type": "Succeed"},
    }
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": "Read", "States": states})


def _document(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}
