"""Who may ask: a browser on this machine that was given the address, and nobody through it.

Pages are served on the loopback interface alone. That keeps other machines out, but neither other
users of this one nor the web pages that the browser has open; hence a token and checks of headers.
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

#: What a page may load and where its forms may go: here, and nowhere else.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer", a browser sends our own forms with the origin "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HOSTS = {"127.0.0.1", "localhost"}
_READS = {"GET", "HEAD"}


class Guard:
    """Refuses what doesn't come from a browser that was given the address.

    Args:
        app: what answers the rest.
        token: the secret in the address.
        port: where the server listens. Cookies ignore ports, so it is in the cookie's name.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._cookie = f"model-config-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":  # the server's start and end
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
        """Return a refusal, or the way to the address without its token; None: go on."""
        for reason in _refusals(request):
            return PlainTextResponse(f"Refused: {reason}.\n", status_code=403)
        given = request.query_params.get("token")
        if given is not None and request.method in _READS:
            return self._let_in(request) if self._is_token(given) else _no_entry("has an old token")
        if request.url.path.startswith("/static/"):
            return None
        if not self._is_token(request.cookies.get(self._cookie, "")):
            return _no_entry("has no token, or another browser was given it")
        return None

    def _let_in(self, request: Request) -> Response:
        rest = [item for item in parse_qsl(request.url.query) if item[0] != "token"]
        address = request.url.path + (f"?{urlencode(rest)}" if rest else "")
        # Leading slashes would lead to another host.
        response = RedirectResponse(f"/{address.lstrip('/')}", status_code=303)
        # Lax: a link that a colleague sends still opens; nothing is posted across sites.
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
        return response

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


def _no_entry(why: str) -> Response:
    return HTMLResponse(refusal_as_html(why), status_code=403)


def _refusals(request: Request) -> Iterator[str]:
    headers = request.headers
    host = headers.get("host", "")
    # The port may be another one on the reader's side: that of a tunnel, or of a container.
    if host.rpartition(":")[0] not in _HOSTS and host not in _HOSTS:
        yield "this host's name is not one of the loopback interface"
    if any(name == "forwarded" or name.startswith("x-forwarded-") for name in headers):
        yield "the request was forwarded"
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        yield "it comes from another page"
    site, reads = headers.get("sec-fetch-site"), request.method in _READS
    is_visit = headers.get("sec-fetch-mode") == "navigate" and (
        headers.get("sec-fetch-dest") == "document"
    )
    if site not in {None, "same-origin", "none"} and not (reads and is_visit):
        yield "another page asks for it"
    if not reads and site is None and origin is None:
        yield "nothing says where it comes from"
