"""The server of `model-config ui`, for a browser that opened the printed address, until Ctrl-C."""

import asyncio
import gc
import os
import queue
import secrets
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from starlette import responses
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_config.operate.ssm import Watch
from model_config.web.build import STATIC, read, refusal, render
from model_config.web.site import OVERVIEW, Content, Page, Selection, Site

_HEADERS = {
    # Pages may load files from this server only, and send forms to it only.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HOSTS = {"127.0.0.1", "localhost"}


class Guard:
    """Refuses requests unless they come from a browser that opened the printed address.

    Listening on the loopback interface excludes other machines. The token and the checks of headers
    exclude this machine's other users, and other pages in the browser.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._cookie = f"model-config-{port}"  # cookies themselves ignore ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = self._answer(Request(scope)) if scope["type"] == "http" else None
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """Return a refusal or a redirect to the address without the token; None to continue."""
        for reason in _refusals(request):
            return responses.PlainTextResponse(f"Refused: {reason}.\n", status_code=403)
        if (token := request.query_params.get("token")) is not None:
            if not self._is_ours(token):
                return HTMLResponse(refusal("has an outdated token"), status_code=403)
            rest = [item for item in parse_qsl(request.url.query) if item[0] != "token"]
            address = request.url.path + (f"?{urlencode(rest)}" if rest else "")
            # A second leading slash would redirect to another host.
            response = RedirectResponse(f"/{address.lstrip('/')}", status_code=303)
            # Lax: links from elsewhere, such as a chat, work.
            response.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
            return response
        is_ours = self._is_ours(request.cookies.get(self._cookie, ""))
        if is_ours or request.url.path.startswith("/static/"):
            return None
        why = "has no token, or the token was used in another browser"
        return HTMLResponse(refusal(why), status_code=403)

    def _is_ours(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self._token.encode())


def _refusals(request: Request) -> Iterator[str]:
    headers = request.headers
    host = headers.get("host", "")
    # The browser's port may differ: that of a tunnel or a container.
    if host.rpartition(":")[0] not in _HOSTS and host not in _HOSTS:
        yield "the host name in the address is not localhost or 127.0.0.1"
    if any(name == "forwarded" or name.startswith("x-forwarded-") for name in headers):
        yield "the request was forwarded"
    is_foreign = headers.get("origin", f"http://{host}") != f"http://{host}"
    visit = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    is_from_elsewhere = headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}
    if is_foreign or (is_from_elsewhere and visit != ("navigate", "document")):
        yield "the request was sent by another site"


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
    async def page(request: Request) -> Response:
        view = request.url.path.split("/")[1]
        page = Page(view, tuple(request.path_params.values())) if view else OVERVIEW
        if view == "search":
            page = Page.of(view, request.query_params.get("for", ""))
        has_commits = page == OVERVIEW and "commits" in request.query_params
        options = {"commits": True} if has_commits else {}

        def build(watch: Watch) -> HTMLResponse:
            content = read(site, page, watch, **options)
            return HTMLResponse(render(site, page, content), content.status)

        return await answer(build, lambda: render(site, page, Content("loading", "Loading")))

    async def compare(request: Request) -> Response:
        form = request.query_params
        before, after = (Selection.parse(form.get(name, "")) for name in ("before", "after"))
        return RedirectResponse(Page.compare(before, after, form.get("model")).path, 303)

    routes = [
        *(Route(address, page) for address in _ADDRESSES),
        Route("/compare", compare),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Guard(Starlette(routes=routes), token, port)


async def answer(build: Callable[[Watch], HTMLResponse], beginning: Callable[[], str]) -> Response:
    """Return a page; if it takes long, its beginning first, followed by progress and the page."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def watch(items: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
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

    return responses.StreamingResponse(parts(), media_type="text/html")


def serve(app: ASGIApp, listener: socket) -> None:
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
