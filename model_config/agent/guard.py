"""Restricts the agent to applications on this machine that have its token.

An application with a hole for server-side request forgery sends requests as well, but chooses
neither their headers nor, in most cases, their method: it has no token to send. Web pages in a
browser, and proxies that forward requests to this port, are recognised by their headers.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_config.agent.answers import failure

#: The most bytes of a request's body. Set by this package: the longest that makes sense has a key
#: of 1,024 bytes, or the variables of a prompt.
BODY_BYTES = 65_536
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
        self._app, self._expected = app, f"Bearer {token}".encode()
        self._hosts = None if hosts is None else {host.encode() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it to the application, with a body that is not too large."""
        if scope["type"] != "http":  # startup and shutdown
            await self._app(scope, receive, send)
        elif (refusal := self._refusal(scope)) is not None:
            headers = {"Connection": "close", "WWW-Authenticate": "Bearer"}
            answer = failure(refusal[0], "Refused", refusal[1], headers)
            await answer(scope, receive, send)
        else:
            await self._app(scope, _bounded(receive), send)

    def _refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        host = token = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value if value.endswith(b"]") else value.rpartition(b":")[0] or value
            elif name == b"authorization":
                token = value
            elif name == b"origin":
                return HTTPStatus.FORBIDDEN, "the request was sent by a page in a browser"
            elif name == b"forwarded" or name.startswith(b"x-forwarded-"):
                return HTTPStatus.FORBIDDEN, "the request was forwarded by a proxy"
        if self._hosts is not None and host not in self._hosts:
            return HTTPStatus.FORBIDDEN, "the request's host is not this agent's"
        if scope["path"] not in _OPEN and not secrets.compare_digest(token, self._expected):
            text = "the request has no valid token: send `Authorization: Bearer TOKEN` with"
            return HTTPStatus.UNAUTHORIZED, f"{text} the content of the agent's token file"
        return None


def _bounded(receive: Receive) -> Receive:
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_BYTES:
            # Without the header, the server would read the rest of a body that nobody wants.
            text, close = f"the body is over {BODY_BYTES:,} bytes", {"Connection": "close"}
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, close)
        return message

    return bounded
