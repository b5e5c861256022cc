"""Serving the pages until somebody ends it."""

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
    # What is loaded stays: the collector would look at all of it again and again.
    gc.freeze()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # an address has the token once
        proxy_headers=False,  # nobody forwards requests to this
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def opened_in_browser(address: str) -> Iterator[bool]:
    """Open an address in the reader's browser; give whether there is one.

    It is handed over in a file that only its owner may read: all users of a machine see the
    arguments that a browser is started with, and the address has the token.
    """
    handle, name = tempfile.mkstemp(prefix="model-config-", suffix=".html")  # with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f'<meta http-equiv="refresh" content="0; url={escape(address)}">\n')
        yield webbrowser.open(Path(name).as_uri())
    finally:
        Path(name).unlink(missing_ok=True)
