"""Serves the pages until Ctrl-C."""

from __future__ import annotations

import gc
import os
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from socket import socket

import uvicorn
from starlette.types import ASGIApp


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
