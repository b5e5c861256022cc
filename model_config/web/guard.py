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

from model_config.web.render import refusal_as_html

#: Pages may load files from this server only, and send forms to it only.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer", browsers send even this server's forms with the origin "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HOSTS = {"127.0.0.1", "localhost"}
_READS = {"GET", "HEAD"}


class Guard:
    """Refuses requests unless they come from a browser that opened the printed address.

    Args:
        app: the application that answers all other requests.
        token: the secret in the printed address.
        port: the server's port. Cookies ignore ports, so it is part of the cookie's name.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._cookie = f"model-config-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it to the application."""
        if scope["type"] != "http":  # startup and shutdown
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._answer(Request(scope)) or self._app
        await answer(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """Return a refusal or a redirect to the address without the token; None to continue."""
        for reason in _refusals(request):
            return PlainTextResponse(f"Refused: {reason}.\n", status_code=403)
        given = request.query_params.get("token")
        if given is not None and request.method in _READS:
            return (
                self._admit(request) if self._is_token(given) else _refusal("has an outdated token")
            )
        if request.url.path.startswith("/static/"):
            return None
        if not self._is_token(request.cookies.get(self._cookie, "")):
            return _refusal("has no token, or the token was used in another browser")
        return None

    def _admit(self, request: Request) -> Response:
        rest = [item for item in parse_qsl(request.url.query) if item[0] != "token"]
        address = request.url.path + (f"?{urlencode(rest)}" if rest else "")
        # A second leading slash would redirect to another host.
        response = RedirectResponse(f"/{address.lstrip('/')}", status_code=303)
        # Lax: links from elsewhere, such as a chat, work; forms from other sites don't.
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
        return response

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


def _refusal(why: str) -> Response:
    return HTMLResponse(refusal_as_html(why), status_code=403)


def _refusals(request: Request) -> Iterator[str]:
    headers = request.headers
    host = headers.get("host", "")
    # The browser's port may differ: that of a tunnel or a container.
    if host.rpartition(":")[0] not in _HOSTS and host not in _HOSTS:
        yield "the host name in the address is not localhost or 127.0.0.1"
    if any(name == "forwarded" or name.startswith("x-forwarded-") for name in headers):
        yield "the request was forwarded"
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        yield "the request was sent by another site"
    site, reads = headers.get("sec-fetch-site"), request.method in _READS
    is_visit = headers.get("sec-fetch-mode") == "navigate" and (
        headers.get("sec-fetch-dest") == "document"
    )
    if site not in {None, "same-origin", "none"} and not (reads and is_visit):
        yield "the request was sent by another site"
    if not reads and site is None and origin is None:
        yield "the browser did not send the request's origin"
