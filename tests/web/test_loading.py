"""A slow page shows progress; a fast one is sent whole."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
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

    def make(watch: Watch) -> HTMLResponse:
        for number in watch(range(3), "Reading <releases>", 3):
            time.sleep(0.5 if number == 2 else 0)
        return HTMLResponse("<html><head></head><body><main>the page</main></body></html>", 404)

    answered = client(make).get("/")
    assert answered.status_code == 200  # sent before the page was built
    assert answered.text.startswith("<html><body><div class='loading'>")
    assert "<p>Reading &lt;releases&gt; 2 of 3 …</p>" in answered.text
    assert answered.text.endswith("</div>\n<main>the page</main></body></html>")


def test_a_slow_page_does_not_delay_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 5)
    together = threading.Barrier(2, timeout=5)

    def make(_: Watch) -> HTMLResponse:
        together.wait()
        return HTMLResponse("<main></main>")

    with client(make) as asked:
        threads = [threading.Thread(target=asked.get, args=("/",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=5)
        assert not together.broken
