"""The local AWS on a port, asked by boto3 as an application asks AWS."""

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import boto3
import pytest
import werkzeug.serving

from model_config.format.errors import UsageError
from model_config.local import serve as room
from model_config.local.serve import serve
from model_config.local.state import StateFolder
from model_config.plan.project import Project

NAME = "/ai/dev/support_chat/generation/temperature"
RELEASE = "/ai/dev/support_chat/release"


@pytest.fixture
def ssm(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_PROFILE", "company-prod")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    servers, ports = list[Any](), Queue[int]()

    def made(*arguments: Any, **options: Any) -> Any:
        servers.append(werkzeug.serving.make_server(*arguments, **options))
        return servers[0]

    monkeypatch.setattr(room, "make_server", made)
    serving = threading.Thread(target=serve, args=(Project(project), 0, ports.put), daemon=True)
    serving.start()
    port = ports.get(timeout=20)
    yield boto3.Session("local", "local", region_name="eu-west-1").client(
        "ssm", endpoint_url=f"http://127.0.0.1:{port}"
    )
    servers[0].shutdown()
    serving.join(20)


@pytest.mark.usefixtures("first_deploy")
def test_an_application_reads_and_writes_and_it_lasts(project: Path, ssm):
    def read(name: str) -> Any:
        return ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]

    assert read(NAME)["Value"] == "0.7"
    with pytest.raises(ssm.exceptions.ClientError, match=r"\{\{"):
        ssm.put_parameter(Name=NAME, Value="{{x}}", Type="SecureString", Overwrite=True)
    ssm.label_parameter_version(Name=RELEASE, ParameterVersion=1, Labels=["stable"])

    # What another process writes beside it is served from then on, with what was written before.
    folder = StateFolder(Project(project))
    with folder.locked():
        state = folder.load()
        held = state.parameters["eu-west-1"]
        assert held[RELEASE][0]["labels"] == ["stable"]
        for name in (NAME, RELEASE):
            held[name].append({**held[name][0], "version": 2, "value": "0.8", "labels": []})
        folder.save(state)
    assert read(NAME)["Value"] == "0.8"
    assert read(f"{RELEASE}:stable")["Version"] == 1
    assert read(RELEASE)["Version"] == 2


def test_a_port_in_use_is_told(project: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=re.escape(f"port {port}")):
            serve(project, port, lambda _: None)
