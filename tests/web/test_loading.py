"""A slow page shows progress; a fast one is sent whole."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from model_config.operate.ssm import Watch
from model_config.web import server
from model_config.web.server import answer


def client(make: Any) -> TestClient:
    async def page(_: Any) -> Response:
        return await answer(make, lambda: "<html><body><div class='loading'>\n")

    return TestClient(Starlette(routes=[Route("/", page)]))


def test_a_fast_page_is_sent_whole_with_its_status() -> None:
    answered = client(lambda _: HTMLResponse("<html><main>gone</main></html>", 404)).get("/")
    assert (answered.status_code, answered.text) == (404, "<html><main>gone</main></html>")


def test_progress_is_shown_until_the_page_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0)
    is_shown = threading.Event()

    def make(watch: Watch) -> HTMLResponse:
        list(watch(range(2), "Reading <releases>", 3))
        assert is_shown.wait(timeout=60)
        return HTMLResponse("<html><head></head><body><main>the page</main></body></html>", 404)

    async def read() -> list[str]:
        answered = await answer(make, lambda: "<div class='loading'>\n")
        assert isinstance(answered, StreamingResponse)
        assert answered.status_code == 200  # sent before the page was built
        parts = []
        async for part in answered.body_iterator:
            parts.append(str(part))
            if "Reading" in parts[-1]:
                is_shown.set()
        return parts

    assert asyncio.run(read()) == [
        "<div class='loading'>\n",
        "<p>Reading &lt;releases&gt; 2 of 3 …</p>\n",
        "</div>\n",
        "<main>the page</main></body></html>",
    ]


def test_a_slow_page_does_not_delay_others() -> None:
    together = threading.Barrier(2, timeout=60)

    def make(_: Watch) -> HTMLResponse:
        together.wait()
        return HTMLResponse("<main></main>")

    with client(make) as asked:
        threads = [threading.Thread(target=asked.get, args=("/",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not together.broken
