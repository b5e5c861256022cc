"""Restricts access to a browser on this machine that opened the printed address.

The server listens only on the loopback interface. This excludes other machines, but neither other
users of this machine nor web pages that are open in the browser: the token and the checks of the
request's headers exclude those.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_config.web.build import refusal

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

    Args:
        app: the application that answers all other requests. It must only read.
        token: the secret in the printed address.
        port: the server's port. Cookies ignore ports, so it is part of the cookie's name.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._cookie = f"model-config-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it to the application."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = self._answer(Request(scope)) if scope["type"] == "http" else None
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """Return a refusal or a redirect to the address without the token; None to continue."""
        for reason in _refusals(request):
            return PlainTextResponse(f"Refused: {reason}.\n", status_code=403)
        token = request.query_params.get("token")
        if token is not None:
            return (
                self._admit(request) if self._is_ours(token) else _refused("has an outdated token")
            )
        if request.url.path.startswith("/static/"):
            return None
        if not self._is_ours(request.cookies.get(self._cookie, "")):
            return _refused("has no token, or the token was used in another browser")
        return None

    def _admit(self, request: Request) -> Response:
        rest = [item for item in parse_qsl(request.url.query) if item[0] != "token"]
        address = request.url.path + (f"?{urlencode(rest)}" if rest else "")
        # A second leading slash would redirect to another host.
        response = RedirectResponse(f"/{address.lstrip('/')}", status_code=303)
        # Lax: links from elsewhere, such as a chat, work.
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
        return response

    def _is_ours(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self._token.encode())


def _refused(why: str) -> Response:
    return HTMLResponse(refusal(why), status_code=403)


def _refusals(request: Request) -> Iterator[str]:
    headers = request.headers
    host = headers.get("host", "")
    # The browser's port may differ: that of a tunnel or a container.
    if host.rpartition(":")[0] not in _HOSTS and host not in _HOSTS:
        yield "the host name in the address is not localhost or 127.0.0.1"
    if any(name == "forwarded" or name.startswith("x-forwarded-") for name in headers):
        yield "the request was forwarded"
    is_foreign = headers.get("origin", f"http://{host}") != f"http://{host}"
    is_visit = headers.get("sec-fetch-mode") == "navigate" and (
        headers.get("sec-fetch-dest") == "document"
    )
    if is_foreign or (
        headers.get("sec-fetch-site", "none") not in {"same-origin", "none"} and not is_visit
    ):
        yield "the request was sent by another site"
