"""The server of `model-config ui`: it builds each page on request, until Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import os
import queue
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from socket import socket
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from model_config.operate.ssm import Watch
from model_config.web.build import STATIC, read, render
from model_config.web.guard import Guard
from model_config.web.pages import OVERVIEW, SERVED, Content, Page, Selection, compare_page
from model_config.web.site import Site

Item = TypeVar("Item")

#: The paths of the views, with their arguments.
_ADDRESSES = (
    "/",
    "/model/{stack}/{model}",
    "/release/{stack}/{model}/{selector}",
    "/rollout/{stack}/{model}",
    "/drift/{stack}",
    "/search",
    "/compare/{before}/{after}",
    "/compare/{before}/{after}/{model}",
)
#: Seconds after which progress is shown, and between two lines of it. Set by this package.
PATIENCE, _PACE = 0.4, 0.2


def make_app(site: Site, *, token: str, port: int) -> ASGIApp:
    """Return the web application; `token` is the secret in the address that is printed."""

    async def page(request: Request) -> Response:
        view = request.url.path.split("/")[1]
        page = Page(view, tuple(request.path_params.values())) if view else OVERVIEW
        if view == "search":
            page = Page.of(view, request.query_params.get("for", ""))
        options = (
            {"commits": True} if page == OVERVIEW and "commits" in request.query_params else {}
        )

        def build(watch: Watch) -> HTMLResponse:
            content = read(site, page, watch, **options)
            return HTMLResponse(render(site, page, content, SERVED), content.status)

        return await answer(
            build, lambda: render(site, page, Content("loading", "Loading"), SERVED)
        )

    async def compare(request: Request) -> Response:
        """Redirect to the comparison that was selected in a form."""
        form = request.query_params
        before, after = (Selection.parse(form.get(name, "")) for name in ("before", "after"))
        return RedirectResponse(compare_page(before, after, form.get("model")).path, 303)

    routes = [
        *(Route(address, page) for address in _ADDRESSES),
        Route("/compare", compare),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Guard(Starlette(routes=routes), token, port)


async def answer(build: Callable[[Watch], HTMLResponse], beginning: Callable[[], str]) -> Response:
    """Return a page; if it takes long, its beginning first, followed by progress and the page."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def watch(items: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
        for number, item in enumerate(items, start=1):
            yield item
            lines.put(f"{what} {number}{f' of {total}' if total else ''} …")

    building = asyncio.ensure_future(run_in_threadpool(build, watch))
    done, _ = await asyncio.wait({building}, timeout=PATIENCE)
    if done:
        return building.result()

    async def parts() -> AsyncIterator[str]:
        yield await run_in_threadpool(beginning)
        while not building.done():
            await asyncio.wait({building}, timeout=_PACE)
            line = ""
            while not lines.empty():
                line = lines.get()
            if line:
                yield f"<p>{escape(line)}</p>\n"
        html = bytes(building.result().body).decode()
        yield "</div>\n"
        yield html[html.index("<main") :]

    return StreamingResponse(parts(), media_type="text/html")


def serve(app: ASGIApp, listener: socket) -> None:
    """Serve until Ctrl-C."""
    # The loaded modules stay in use: the garbage collector need not scan them repeatedly.
    gc.freeze()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # the first address contains the token
        proxy_headers=False,  # no proxy forwards requests to this server
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def opened_in_browser(address: str) -> Iterator[bool]:
    """Open an address in the user's browser; yield whether there is one.

    The address is passed in a file that only its owner can read: it contains the token, and a
    command's arguments are visible to all users of a machine.
    """
    handle, name = tempfile.mkstemp(prefix="model-config-", suffix=".html")  # with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f'<meta http-equiv="refresh" content="0; url={escape(address)}">\n')
        yield webbrowser.open(Path(name).as_uri())
    finally:
        Path(name).unlink(missing_ok=True)
