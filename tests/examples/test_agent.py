"""examples/agent: an ECS task under mocks, and a pod and an image as text."""

from __future__ import annotations

import json
import re
import shlex

import yaml
from support.project import CHECKOUT
from support.ssm_recorder import Ssm
from typer.main import get_command

from model_config.cli.app import app
from model_config.plan.project import StackConfig
from model_config.testing.program import run_program

AGENT = CHECKOUT / "examples" / "agent"
DOCKERFILE = (AGENT / "Dockerfile").read_text()
USER = re.search(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[1]
(ENTRYPOINT,) = re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)


def started_with(arguments):
    """Return what the command line makes of the image's entry point and a container's arguments."""
    program, *words = [*json.loads(ENTRYPOINT), *arguments]
    assert program == "model-config"
    command = get_command(app)
    with command.make_context(program, words) as context:
        verb = command.get_command(context, words[0])
        return verb.make_context("agent", words[1:]).params


def test_the_ecs_task_runs_both_and_reads_its_models_alone():
    settings = {
        "environment": "prod",
        "models": json.dumps(["support_chat", "other"]),
        "agentImage": "agent@sha256:1",
        "appImage": "app@sha256:2",
    }
    releases = {"/ai/prod/support_chat/release": 4, "/ai/prod/other/release": 1}
    provider = Ssm({}, releases)
    values = {f"model-config:{key}": value for key, value in settings.items()}
    run_program(AGENT / "ecs", StackConfig("prod", values), provider)

    def inputs(kind, name):
        return provider.registered[kind, name].inputs

    task = inputs("aws:ecs/taskDefinition:TaskDefinition", "support-bot")
    agent, application = json.loads(task["containerDefinitions"])
    given = started_with(agent["command"])
    assert (given["environment"], given["models"]) == ("prod", ["support_chat", "other"])
    assert agent["readonlyRootFilesystem"]
    assert agent["user"] == application["user"] == USER
    assert application["dependsOn"] == [{"containerName": "agent", "condition": "HEALTHY"}]
    (mount,), (volume,) = agent["mountPoints"], task["volumes"]
    assert (mount["sourceVolume"], mount["containerPath"]) == (volume["name"], "/run/agent")
    read = {each["name"]: each["value"] for each in application["environment"]}
    assert read["AGENT_TOKEN_FILE"] == str(given["token_file"])

    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    policies = {
        name: each.inputs["policyArn"]
        for (kind, name), each in provider.registered.items()
        if kind == attachment and each.inputs["role"] == "support-bot"
    }
    assert policies.keys() == {"reads-support_chat", "reads-other"}
    assert all(name.removeprefix("reads-") in arn for name, arn in policies.items())


def test_the_pod_has_the_agent_as_a_locked_sidecar():
    pod = yaml.safe_load((AGENT / "kubernetes.yaml").read_text())["spec"]
    (agent,), (application,) = pod["initContainers"], pod["containers"]
    assert agent["restartPolicy"] == "Always"
    given = started_with(agent["args"])
    assert (given["environment"], given["models"]) == ("prod", ["support_chat"])
    identity = pod["securityContext"]
    assert f"{identity['runAsUser']}:{identity['runAsGroup']}" == USER
    for container in (agent, application):
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["volumeMounts"][0]["mountPath"] == str(given["token_file"].parent)
    for probe in ("startupProbe", "livenessProbe"):
        assert f"127.0.0.1:{given['port']}/" in agent[probe]["exec"]["command"][-1]


def test_the_image_is_pinned_and_not_root():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)
    check = json.loads(re.search(r"HEALTHCHECK .*?CMD (\[.*?\])\n", DOCKERFILE, re.DOTALL)[1])
    assert f"127.0.0.1:{started_with([])['port']}/readyz" in check[-1]
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = shlex.split(line)
        assert all((CHECKOUT / source).exists() for source in sources)
