"""Restricts the agent to applications on this machine that have its token.

An application with a hole for server-side request forgery sends requests as well, but chooses
neither their headers nor, in most cases, their method: it has no token to send. Web pages in a
browser, and proxies that forward requests to this port, are recognised by their headers.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_config.agent.answers import failure

#: The most bytes of a request's body, and the seconds in which it must arrive. Set by this package:
#: the longest that makes sense has a key of 1,024 bytes and the variables of a prompt.
BODY_BYTES = 65_536
BODY_SECONDS = 10.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OPEN = {"/healthz", "/readyz"}


class Guard:
    """Refuses requests that are not from an application with the token.

    Args:
        app: the application that answers all other requests.
        token: the secret that requests send as `Authorization: Bearer`.
        hosts: the names by which requests may address the agent; None for any.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str] | None = LOOPBACK) -> None:
        self._app, self._hosts = app, hosts
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it and its whole body to the application."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            answer = self._refusal(headers, scope["path"])
            if answer is None and not {"content-length", "transfer-encoding"}.isdisjoint(headers):
                answer, receive = await _whole_body(headers, receive)
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers, path: str) -> Response | None:
        host = headers.get("host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self._hosts is not None and name not in self._hosts:
            return _refused(HTTPStatus.FORBIDDEN, "the request's host is not this agent's")
        if any(name == "forwarded" or name.startswith("x-forwarded-") for name in headers):
            return _refused(HTTPStatus.FORBIDDEN, "the request was forwarded by a proxy")
        if "origin" in headers:
            return _refused(HTTPStatus.FORBIDDEN, "the request was sent by a page in a browser")
        given = headers.get("authorization", "").encode("latin-1")
        if path not in _OPEN and not secrets.compare_digest(given, self._expected):
            return _refused(
                HTTPStatus.UNAUTHORIZED,
                "the request has no valid token: send `Authorization: Bearer TOKEN` with the "
                "content of the agent's token file",
                {"WWW-Authenticate": "Bearer"},
            )
        return None


async def _whole_body(headers: Headers, receive: Receive) -> tuple[Response | None, Receive]:
    """Read a body; return a refusal, or a function that gives the body to the application."""
    # Without this header, the server would read the rest of a body that nobody wants.
    close = {"Connection": "close"}
    too_large = _refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {BODY_BYTES:,} bytes", close
    )
    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > BODY_BYTES:
        return too_large, receive
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > BODY_BYTES:
                    return too_large, receive
                if not message.get("more_body"):
                    break
    except TimeoutError:
        late = f"the body did not arrive within {BODY_SECONDS:g} s"
        return _refused(HTTPStatus.REQUEST_TIMEOUT, late, close), receive

    parts: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replay() -> Message:
        return parts.pop() if parts else await receive()

    return None, replay


def _refused(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Response:
    return failure(status, "Refused", message, headers)
