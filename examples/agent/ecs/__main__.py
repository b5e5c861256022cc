"""An ECS task on Fargate: an application in any language, and the agent beside it."""

import json

import pulumi
import pulumi_aws as aws

from model_config.consumer import ModelStack

config = pulumi.Config()
environment = config.require("environment")
models = config.get_object("models") or ["support_chat"]
stack = ModelStack.from_aws(environment=environment, prefix=config.get("prefix") or "/ai")

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            }
        ],
    }
)
# Pulls the images and writes the logs; the containers can't use it.
execution = aws.iam.Role("support-bot-execution", assume_role_policy=TRUST)
aws.iam.RolePolicyAttachment(
    "pulls-and-logs",
    role=execution.name,
    policy_arn=aws.iam.ManagedPolicy.AMAZON_ECS_TASK_EXECUTION_ROLE_POLICY,
)
# The task's role: the application's container has it too.
task_role = aws.iam.Role("support-bot", assume_role_policy=TRUST)
readers = [
    aws.iam.RolePolicyAttachment(
        f"reads-{name}", role=task_role.name, policy_arn=stack.model(name).reader_policy_arn
    )
    for name in models
]

READY = "from urllib.request import urlopen; urlopen('http://127.0.0.1:2774/readyz')"
TOKENS = {"sourceVolume": "agent", "containerPath": "/run/agent"}
USER = "10001:10001"  # one user for both, since the token is readable by its owner alone
containers = [
    {
        "name": "agent",
        "image": config.require("agentImage"),
        "command": [
            *("--environment", environment),
            *(argument for name in models for argument in ("--models", name)),
        ],
        "essential": True,
        "user": USER,
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
        "mountPoints": [TOKENS],
        "healthCheck": {
            "command": ["CMD", "python", "-c", READY],
            "interval": 5,
            "timeout": 3,
            "startPeriod": 60,
        },
        "stopTimeout": 30,
    },
    {
        "name": "app",
        "image": config.require("appImage"),
        "essential": True,
        "user": USER,
        "dependsOn": [{"containerName": "agent", "condition": "HEALTHY"}],
        "mountPoints": [{**TOKENS, "readOnly": True}],
        # All containers of a task share one loopback interface.
        "environment": [
            {"name": "AGENT_URL", "value": "http://127.0.0.1:2774"},
            {"name": "AGENT_TOKEN_FILE", "value": "/run/agent/token"},
        ],
    },
]
task = aws.ecs.TaskDefinition(
    "support-bot",
    family="support-bot",
    requires_compatibilities=["FARGATE"],
    network_mode="awsvpc",
    cpu="256",
    memory="512",
    execution_role_arn=execution.arn,
    task_role_arn=task_role.arn,
    volumes=[{"name": "agent"}],
    container_definitions=json.dumps(containers),
    # The agent reads at its start, so the role needs the permissions before.
    opts=pulumi.ResourceOptions(depends_on=readers),
)

pulumi.export("task", task.arn)
