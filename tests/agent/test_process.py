"""`model-config agent` as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest
from typer.main import get_command

from model_config.agent.server import read_or_make_token
from model_config.cli.app import app
from model_config.format.errors import UsageError

LOCAL = {"MODEL_CONFIG_LOCAL": "1", "MODEL_CONFIG_LABEL": "latest"}
TOO_LATE = 60


@pytest.fixture
def start(project: Path):
    """Start the verb in a process of its own; return it, the address and the token."""
    started: list[subprocess.Popen[str]] = []

    def run(*options: str, **environment: str):
        command = [sys.executable, "-m", "model_config", "agent", *options]
        settings = {"PATH": os.environ["PATH"], "HOME": str(project), **environment}
        process = subprocess.Popen(
            command, cwd=project, env=settings, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        said = process.stderr.readline()
        named = re.fullmatch(r"The agent listens on (\S+), and its token is in (\S+)\.\n", said)
        assert named, said + process.stderr.read()
        return process, named[1], Path(named[2])

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=TOO_LATE)


def get(address: str, path: str, token: Path) -> dict:
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    return httpx2.get(address + path, headers=headers, timeout=TOO_LATE).raise_for_status().json()


@pytest.mark.usefixtures("first_deploy")
def test_a_newcomer_reads_the_local_aws(start):
    process, address, token = start("--port", "0", "--models", "support_chat", **LOCAL)
    assert token.stat().st_mode & 0o777 == 0o600
    said = get(address, "/v1/models/support_chat", token)
    assert (said["environment"], said["release"]) == ("dev", 1)
    assert httpx2.get(f"{address}/v1/models", timeout=TOO_LATE).status_code == 401
    process.send_signal(signal.SIGTERM)
    assert process.wait(TOO_LATE) == 0
    assert not token.parent.exists()


def test_sigterm_lets_requests_under_way_end(start, loopback):
    answered, asked = threading.Event(), threading.Event()
    answer = loopback.holds({"n": 1}, after=answered)

    def when_asked(handler):
        asked.set()
        answer(handler)

    loopback.answers = [when_asked]
    process, address, token = start(
        "--port",
        "0",
        "-e",
        "prod",
        AWS_ENDPOINT_URL=loopback.url,
        AWS_DEFAULT_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
    )
    said = []
    client = threading.Thread(target=lambda: said.append(get(address, "/v1/models/chat", token)))
    client.start()
    assert asked.wait(TOO_LATE)
    process.send_signal(signal.SIGTERM)
    while True:  # until it takes no new connections
        try:
            httpx2.get(f"{address}/healthz", timeout=TOO_LATE)
        except httpx2.TransportError:
            break
    answered.set()
    client.join(TOO_LATE)
    assert said[0]["config"] == {"n": 1}
    assert process.wait(TOO_LATE) == 0


def test_options_that_make_no_agent(tmp_path, capsys):
    def refused(*options: str) -> str:
        assert get_command(app)(["agent", *options], standalone_mode=False) == 2
        return str(capsys.readouterr().err)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} of 127.0.0.1 can't" in refused("--port", port)
    assert "--host needs --token-file" in refused("--host", "10.0.0.5")
    (tmp_path / "file").touch()
    said = refused("--socket", str(tmp_path / "file"))
    assert "can't be made (Address already in use): choose another" in said
    assert (tmp_path / "file").exists()
    assert "model" in refused("--port", "0", "--models", "a b")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_that_others_can_read_is_refused(tmp_path, mode):
    file = tmp_path / "token"
    file.write_text("a-token-of-a-user\n")
    file.chmod(mode)
    with pytest.raises(UsageError, match=f"its mode is 0{mode:o}.: run `chmod 600"):
        read_or_make_token(file)


def test_a_token_is_kept_and_a_file_without_one_refused(tmp_path):
    file = tmp_path / "token"
    token = read_or_make_token(file)
    assert (len(token), read_or_make_token(file)) == (43, token)
    for text in ("", "short", "grüße-an-alle-auf-der-welt", "two words of a long text"):
        file.write_text(text)
        with pytest.raises(UsageError, match="holds no token"):
            read_or_make_token(file)
    for path in (tmp_path, tmp_path / "none" / "token"):
        with pytest.raises(UsageError, match="can't be used"):
            read_or_make_token(path)
