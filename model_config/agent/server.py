"""Serves the agent: its token, its socket, its guard, and the limits of its connections."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import stat
from collections.abc import Collection
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvicorn
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from model_config.agent.answers import failure
from model_config.format.errors import UsageError

#: The most connections at a time, and the seconds in which a request must arrive. Set by this
#: package: a host has a few applications with a few connections each.
CONNECTIONS = 256
REQUEST_SECONDS = 10.0
#: The seconds that requests under way may take after a SIGTERM, and that an idle connection lasts.
_DRAIN_SECONDS, _IDLE_SECONDS = 10, 75


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Return a server that ends at SIGTERM or Ctrl-C, when the requests under way are answered."""
    config = uvicorn.Config(
        app,
        http=_Connection,
        log_level="warning",
        access_log=False,  # it would show the keys of units
        proxy_headers=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    return uvicorn.Server(config)


def listen_on(path: Path) -> socket.socket:
    """Return a socket that listens on a path, and that only the user and the group may use."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        if path.is_socket() and not _is_used(path):  # of an agent that was killed
            path.unlink()
        mask = os.umask(0o117)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        listener.listen()
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno) if error.errno else error
        raise UsageError(
            f"the socket {path} can't be made ({reason}): choose another path with --socket"
        ) from None
    return listener


def read_or_make_token(path: Path) -> str:
    """Return the token in a file that only its owner may read; if there is none, make both."""
    try:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read_token(path)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            token = secrets.token_urlsafe()
            file.write(f"{token}\n")
            return token
    except OSError as error:
        raise UsageError(f"the token file {path} can't be used: {error.strerror}") from None


def _read_token(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise UsageError(f"the token file {path} is no file")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(
                f"other users may read the token file {path} (its mode is {stat.S_IMODE(mode):04o})"
                f": run `chmod 600 {path}`"
            )
        token = file.read(4096).strip()
    if not (token.isascii() and token.isprintable() and len(token) >= 16 and " " not in token):  # noqa: PLR2004
        raise UsageError(
            f"the token file {path} holds no token: at least 16 letters, digits and signs. Delete "
            "it, and the agent makes one"
        )
    return token


def _is_used(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


class _Connection(H11Protocol):
    """A connection that must send each request in time, and is one of a bounded number."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        else:
            self._expect_a_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            self._expect_a_request()
        else:
            self._expect_nothing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect_a_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


#: The most bytes of a request's body. Set by this package: the longest that makes sense has a key
#: of 1,024 bytes, or the variables of a prompt.
BODY_BYTES = 65_536
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OPEN = {"/healthz", "/readyz"}


class Guard:
    """Refuses requests without the token, and those to other hosts; None allows any host."""

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str] | None = LOOPBACK) -> None:
        self._app, self._expected = app, f"Bearer {token}".encode()
        self._hosts = None if hosts is None else {host.encode() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
