"""The local AWS on a port: a real process, asked by boto3 as an application asks AWS."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from model_config.format.errors import UsageError
from model_config.local.deploy import deployed
from model_config.local.serve import serve
from model_config.plan.project import Project

SERVE = (
    "import sys; from pathlib import Path\n"
    "from model_config.local.serve import serve\n"
    "from model_config.plan.project import Project\n"
    "serve(Project(Path(sys.argv[1])), 0, lambda port: print(port, flush=True))\n"
)
NAME = "/ai/dev/support_chat/generation/temperature"


@pytest.fixture
def ssm(project: Path) -> Iterator[boto3.client]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(project)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "AWS_PROFILE": "company-prod", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield boto3.client(
            "ssm",
            region_name="eu-west-1",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        server.terminate()


@pytest.mark.usefixtures("first_deploy")
def test_an_application_reads_and_writes_and_it_lasts(project: Path, ssm):
    assert ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]["Value"] == "0.7"
    with pytest.raises(ssm.exceptions.ClientError, match=r"\{\{"):
        ssm.put_parameter(Name=NAME, Value="{{x}}", Type="SecureString", Overwrite=True)
    release = "/ai/dev/support_chat/release"
    ssm.label_parameter_version(Name=release, ParameterVersion=1, Labels=["stable"])

    # A deploy beside it is served from then on, and keeps what was written through the server.
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("temperature: 0.7", "temperature: 0.8"))
    with deployed(Project(project), "dev"):
        pass
    assert ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]["Value"] == "0.8"
    assert ssm.get_parameter(Name=f"{release}:stable")["Parameter"]["Version"] == 1
    assert ssm.get_parameter(Name=release)["Parameter"]["Version"] == 2


def test_a_port_in_use_is_told(project: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=re.escape(f"port {port}")):
            serve(project, port, lambda _: None)
