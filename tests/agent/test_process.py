"""`model-config agent` as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2
import pytest
from support.waiting import wait_until
from typer.main import get_command

from model_config.agent.server import read_or_make_token
from model_config.cli.app import app
from model_config.format.errors import UsageError

LOCAL = {"MODEL_CONFIG_LOCAL": "1", "MODEL_CONFIG_LABEL": "latest"}
TOO_LATE = 60


def get(address: str, path: str, token: Path) -> dict:
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    return httpx2.get(address + path, headers=headers, timeout=TOO_LATE).raise_for_status().json()


def writer_of(pipe: Path, writers: list[int]) -> bool:
    """Open a pipe to write if somebody reads from it."""
    with suppress(OSError):
        writers.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    return bool(writers)


@pytest.mark.usefixtures("first_deploy")
def test_a_newcomer_reads_the_local_aws_and_sigterm_lets_requests_under_way_end(project: Path):
    environment = {**LOCAL, "PATH": os.environ["PATH"], "HOME": str(project)}
    command = [sys.executable, "-m", "model_config", "agent", "--port", "0"]
    command += ["--models", "support_chat"]
    process = subprocess.Popen(
        command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True
    )
    with process, ExitStack() as until_the_end:
        until_the_end.callback(process.kill)
        line = process.stderr.readline()
        named = re.fullmatch(r"The agent listens on (\S+), and its token is in (\S+)\.\n", line)
        assert named, line + process.stderr.read()
        address, token = named[1], Path(named[2])
        assert token.stat().st_mode & 0o777 == 0o600
        said = get(address, "/v1/models/support_chat", token)
        assert (said["environment"], said["release"]) == ("dev", 1)
        assert httpx2.get(f"{address}/v1/models", timeout=TOO_LATE).status_code == 401

        state = project / ".local" / "state.json"
        content = state.read_bytes()
        state.unlink()
        os.mkfifo(state)  # from which the agent reads once there is a writer
        pool = until_the_end.enter_context(ThreadPoolExecutor(1))
        under_way = pool.submit(get, address, "/v1/models/passage_reranker", token)
        writers: list[int] = []
        wait_until(lambda: writer_of(state, writers))  # until it reads
        process.send_signal(signal.SIGTERM)
        with suppress(httpx2.TransportError):
            while True:  # until it takes no new connections
                httpx2.get(f"{address}/healthz", timeout=TOO_LATE)
        os.set_blocking(writers[0], True)
        with os.fdopen(writers[0], "wb") as writer:
            writer.write(content)
        assert under_way.result(TOO_LATE)["release"] == 1
        assert process.wait(TOO_LATE) == 0
        assert not token.parent.exists()


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


def test_a_token_is_kept_and_a_file_without_one_or_for_others_refused(tmp_path):
    file = tmp_path / "token"
    token = read_or_make_token(file)
    assert (len(token), read_or_make_token(file)) == (43, token)
    for mode in (0o640, 0o604):
        file.chmod(mode)
        with pytest.raises(UsageError, match=f"its mode is 0{mode:o}.: run `chmod 600"):
            read_or_make_token(file)
    file.chmod(0o600)
    for text in ("", "short", "grüße-an-alle-auf-der-welt", "two words of a long text"):
        file.write_text(text)
        with pytest.raises(UsageError, match="holds no token"):
            read_or_make_token(file)
    for path in (tmp_path, tmp_path / "none" / "token"):
        with pytest.raises(UsageError, match="can't be used"):
            read_or_make_token(path)
