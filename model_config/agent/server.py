"""Serves the agent: its token, its socket, and the limits of its connections."""

import asyncio
import errno
import os
import secrets
import socket
import stat
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

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
        if path.is_socket():
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(path)) == errno.ECONNREFUSED:  # of an agent that was killed
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
