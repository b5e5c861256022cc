"""An agent over a FakeReader: called in this process, or served on a port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.agent import CHAT, HEADERS, SECRET, TOKEN

from model_config.agent.app import make_app
from model_config.agent.server import make_server
from model_config.loopback import listen
from model_config.testing import FakeReader


@pytest.fixture
def reader() -> FakeReader:
    made = FakeReader({"chat": CHAT}, secrets={"chat": {"api_key": SECRET}}, ttl=5.0)
    made.get("chat")  # so that the agent's preload, in a thread, has nothing to do
    return made


@pytest.fixture
def call(reader: FakeReader) -> Iterator[Callable[..., TestClient]]:
    """Return a client of an agent, with the token unless the test gives other headers."""
    with ExitStack() as until_the_end:

        def client(
            models: Any = ("chat",), headers: dict[str, str] = HEADERS, **settings: Any
        ) -> TestClient:
            app = make_app(settings.pop("reader", reader), token=TOKEN, models=models, **settings)
            address = "http://127.0.0.1:2774"
            return until_the_end.enter_context(TestClient(app, address, headers=headers))

        yield client


@pytest.fixture
def serve(reader: FakeReader) -> Iterator[Callable[..., str]]:
    """Serve an agent on a port or a socket, and return its address."""
    ends: list[Callable[[], None]] = []

    def start(listener: socket.socket | None = None, **settings: Any) -> str:
        listener = listener or listen(0)
        app = make_app(settings.pop("reader", reader), token=TOKEN, models=("chat",), **settings)
        server = make_server(app)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()

        def end() -> None:
            server.should_exit = True
            thread.join(timeout=20)
            listener.close()

        ends.append(end)
        address = listener.getsockname()
        return address if isinstance(address, str) else f"http://127.0.0.1:{address[1]}"

    yield start
    for end in ends:
        end()
