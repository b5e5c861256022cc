"""examples/rollout-guard: what it makes, and what its state machine does to a document."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from jsonata.jsonata import Jsonata
from support.project import CHECKOUT
from support.ssm_recorder import ARN, Ssm

from model_config.format.rollout import (
    EMPTY,
    Moved,
    Rollout,
    RolloutDocument,
    Step,
    read_rollout,
    write_rollout,
)
from model_config.operate.record import Written, events
from model_config.plan.project import StackConfig
from model_config.testing.fake import FakeReader
from model_config.testing.program import run_program

GUARD = CHECKOUT / "examples" / "rollout-guard"
ROLLOUT = "/ai/prod/support_chat/rollout"
MACHINE = "aws:sfn/stateMachine:StateMachine"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"


def run(region: str | None = None, **config: str) -> Ssm:
    values = {"model": "support_chat", "environment": "prod", **config}
    recorder = Ssm(versions={"/ai/prod/support_chat/release": 4}, region=region)
    with patch.object(sys, "path", [str(GUARD), *sys.path]):  # as the engine runs a program
        settings = {f"model-config:{key}": value for key, value in values.items()}
        run_program(GUARD, StackConfig("prod", settings), recorder)
    for module in ("alarms", "guard"):
        del sys.modules[module]
    return recorder


@pytest.fixture(scope="module")
def made() -> Ssm:
    return run()


def states_of(made: Ssm) -> dict[str, Any]:
    definition = json.loads(made.registered[MACHINE, "rollout-guard"].inputs["definition"])
    assert (definition["QueryLanguage"], definition["StartAt"]) == ("JSONata", "Read")
    return dict(definition["States"])


def evaluated(value: Any, known: dict[str, Any]) -> Any:
    """Return a field of a state, its `{% … %}` evaluated as Step Functions does."""
    if isinstance(value, dict):
        return {key: evaluated(item, known) for key, item in value.items()}
    if not (isinstance(value, str) and value.startswith("{%")):
        return value
    expression = Jsonata(value.removeprefix("{%").removesuffix("%}"))
    for name, item in known.items():
        expression.assign(name, item)
    expression.register_lambda("parse", json.loads)  # Step Functions has it in $eval's place
    return expression.evaluate(None)


def fired(made: Ssm, stored: str) -> list[dict[str, Any]]:
    """Let an alarm fire while the parameter holds a text; return what is written over it."""
    event = {"detail": {"alarmName": "candidate-errors-1a2b", "state": {"value": "ALARM"}}}
    states, known, written = states_of(made), {"states": {"input": event}}, []
    name = "Read"
    while True:
        state = states[name]
        if state["Type"] == "Choice":
            chosen = [
                each["Next"]
                for each in state["Choices"]
                if evaluated(each["Condition"], known) is True
            ]
            name = chosen[0] if chosen else state["Default"]
            continue
        if state["Type"] == "Succeed":
            return written
        arguments = evaluated(state["Arguments"], known)
        if state["Resource"].endswith(":putParameter"):
            return [*written, arguments]
        assert arguments == {"Name": ROLLOUT}
        known["states"]["result"] = {"Parameter": {"Value": stored}}
        known |= evaluated(state["Assign"], known)
        known["states"]["input"] = evaluated(state["Output"], known)
        name = state["Next"]


def under_way(moved: Moved | None = None) -> RolloutDocument:
    steps = (Step(datetime(2026, 12, 1, 10, tzinfo=UTC), 5.5),)
    return RolloutDocument(moved, Rollout("stable", 8, 7, "00112233445566ff", steps, plan={"a": 1}))


BEFORE = Moved("stable", 7, 6, "shorter answers")


@pytest.mark.parametrize("moved", [None, BEFORE, Moved("canary", 8, 7)])
def test_an_alarm_ends_the_rollout_that_is_under_way(made: Ssm, moved: Moved | None):
    before = under_way(moved)
    (put,) = fired(made, write_rollout(before))
    assert {**put, "Value": ""} == {
        "Name": ROLLOUT, "Type": "String", "Tier": "Standard", "Overwrite": True, "Value": "",
    }  # fmt: skip
    after = read_rollout(put["Value"])
    reason = "the alarm candidate-errors-1a2b fired"  # as `rollout abort --reason` has it
    assert after == RolloutDocument(Moved("stable", 7, 7, reason))

    moment = datetime(2026, 12, 1, 11, tzinfo=UTC)
    history = [Written(1, moment, "anna", before), Written(2, moment, "guard", after)]
    (event,) = events(history)
    assert (event.what, event.reason) == ("rollout of release 8 to stable aborted", reason)


def test_where_no_rollout_is_under_way_nothing_is_written(made: Ssm):
    for stored in (
        EMPTY,
        write_rollout(RolloutDocument(BEFORE)),
        write_rollout(under_way(Moved("stable", 8, 7))),  # finished: the label has moved since
        json.dumps({"format": 2, "rollout": {"label": "stable", "from": 7}}),
    ):
        assert fired(made, stored) == []


def test_only_these_alarms_start_it_and_only_when_they_fire(made: Ssm):
    pattern = json.loads(made.registered[RULE, "rollout-guard"].inputs["eventPattern"])
    # The engine registers them in any order; the rule names them in one.
    arns = [alarm.outputs["arn"] for _, alarm in sorted(made.of_type(ALARM).items())]
    assert pattern == {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "resources": arns,
        "detail": {"state": {"value": ["ALARM"]}},
    }
    assert {kind for kind, _ in made.registered} == {  # nothing with code in it
        ALARM, MACHINE, RULE, TARGET, ROLE, ROLE_POLICY, "model-config:index:RolloutGuard",
    }  # fmt: skip
    target = made.registered[TARGET, "rollout-guard"].inputs
    assert target["arn"] == made.registered[MACHINE, "rollout-guard"].outputs["arn"]
    assert target["rule"] == made.registered[RULE, "rollout-guard"].outputs["name"]


def test_each_role_has_one_permission_of_its_own_and_one_service_that_takes_it(made: Ssm):
    policies = {
        each.inputs["role"]: json.loads(each.inputs["policy"])["Statement"]
        for each in made.of_type(ROLE_POLICY).values()
    }
    trusts = {
        name: json.loads(each.inputs["assumeRolePolicy"])["Statement"][0]
        for name, each in made.of_type(ROLE).items()
    }
    machine = made.registered[MACHINE, "rollout-guard"]
    writes, starts = ["ssm:GetParameter", "ssm:PutParameter"], "states:StartExecution"
    assert [statements for _, statements in sorted(policies.items())] == [
        [{"Effect": "Allow", "Action": writes, "Resource": f"{ARN}{ROLLOUT}"}],
        [{"Effect": "Allow", "Action": starts, "Resource": machine.outputs["arn"]}],
    ]
    for name, service in (
        ("rollout-guard-ends", "states.amazonaws.com"),
        ("rollout-guard-starts", "events.amazonaws.com"),
    ):
        assert trusts[name]["Principal"] == {"Service": service}
        account = {"StringEquals": {"aws:SourceAccount": "111122223333"}}
        assert trusts[name]["Condition"] == account
    assert machine.inputs["roleArn"] == "arn:rollout-guard-ends"
    assert made.registered[TARGET, "rollout-guard"].inputs["roleArn"] == "arn:rollout-guard-starts"


def test_the_alarms_look_at_what_the_candidate_serves(made: Ssm):
    reader = FakeReader({"support_chat": {"a": 1}}, environment="prod")
    attributes = reader.get("support_chat").attributes()
    for alarm in made.of_type(ALARM).values():
        queries = [
            each["metric"] for each in alarm.inputs.get("metricQueries", []) if "metric" in each
        ]
        for metric in queries or [alarm.inputs]:
            dimensions = metric["dimensions"]
            assert dimensions["feature_flag.result.variant"] == "candidate"
            for name in ("feature_flag.key", "feature_flag.set.id"):
                assert dimensions[name] == attributes[name]
            assert dimensions.keys() <= attributes.keys()


def test_how_much_is_too_much_can_be_set_and_the_region():
    made = run("cn-north-1", maxErrorPercent="2", maxLatencyMs="900", namespace="Chat")
    errors, latency = (
        made.registered[ALARM, f"candidate-{what}"].inputs for what in ("errors", "latency")
    )
    assert (errors["threshold"], latency["threshold"]) == (2, 900)
    assert latency["namespace"] == "Chat"
    states = states_of(made)
    assert states["Read"]["Resource"] == "arn:aws-cn:states:::aws-sdk:ssm:getParameter"
