"""`model-config ui` and `report`, as a user starts them."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
import webbrowser
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from model_config.web import server

SECRET = "sk-local-0815"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports that would have been served, had anybody waited."""
    ports: list[int] = []
    monkeypatch.setattr(
        server, "serve", lambda _, listener: ports.append(listener.getsockname()[1])
    )
    return ports


@pytest.mark.usefixtures("ssm")
def test_the_address_that_is_printed_has_the_port_and_a_token(run: Any, served: Any) -> None:
    address = re.search(
        r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]{43})\n", run("ui", "--port", "0").out
    )
    assert address
    assert [int(address[1])] == served


@pytest.mark.usefixtures("ssm", "served")
def test_what_can_not_be_is_told_with_the_way_out(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} of 127.0.0.1 can't be used" in run("ui", "--port", port, code=2).err
    for verb in (("ui", "--port", "0"), ("report", "--output", "x")):
        assert 'did you mean "prod"' in run(*verb, "-e", "prdo", code=2).err
    said = run("report", "--output", "out", "--base", "HEAD", "-e", "dev", code=2)
    assert "takes neither --environment nor --prefix" in said.err
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    said = run("ui", "--port", "0", "--open")
    assert "No browser could be started" in said.err
    assert "http://127.0.0.1" in said.out


@pytest.mark.usefixtures("ssm", "served")
def test_a_browser_is_not_handed_the_token_where_others_see_it(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, int, str]] = []

    def look(address: str) -> bool:
        file = Path(address.removeprefix("file://"))
        opened.append((address, file.stat().st_mode & 0o777, file.read_text()))
        return True

    monkeypatch.setattr(webbrowser, "open", look)
    printed = re.search(r"http://\S+", run("ui", "--port", "0", "--open").out)
    assert printed
    ((address, mode, text),) = opened
    assert "token" not in address
    assert (mode, printed[0] in text) == (0o600, True)
    assert not Path(address.removeprefix("file://")).exists()


def test_a_real_server_shows_the_local_aws_until_it_is_interrupted(released_locally: Any) -> None:
    released_locally(secrets={"api_key": SECRET}, model="support_chat")
    command = [sys.executable, "-m", "model_config", "ui", "--local", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with browser.open(address, timeout=20) as answer:
            page = answer.read().decode()
            assert "token" not in answer.url
        base = address.partition("/?")[0]
        with browser.open(f"{base}/release/dev/support_chat/latest", timeout=20) as answer:
            release = answer.read().decode()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert "support_chat" in page
    assert "secrets/api_key" in release
    assert SECRET not in page + release
    assert (process.returncode, "Stopped." in out, err) == (
        0,
        True,
        "On local AWS (.local/): dev, prod\n",
    )


@pytest.mark.usefixtures("ssm")
def test_a_report_is_written_and_tells_where_to_begin(run: Any, project: Path) -> None:
    said = run("report", "--output", "out", "-e", "dev")
    assert said.out == "Open out/index.html\n"
    assert "support_chat" in (project / "out" / "index.html").read_text()
    assert "exists and is not empty" in run("report", "--output", "out", code=2).err
