"""Listening on the loopback interface, which other machines can't reach."""

from __future__ import annotations

import os
import socket

from model_config.format.errors import UsageError

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of the loopback interface.

    Args:
        port: the port; 0 for any free port.

    Raises:
        UsageError: the port is in use, or the user may not use it.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise UsageError(
            f"port {port} of {HOST} can't be used ({os.strerror(error.errno or 0)}): "
            "choose another with --port, or any free port with --port 0"
        ) from None
