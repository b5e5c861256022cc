"""Listening on the loopback interface, which other machines can't reach."""

from __future__ import annotations

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
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"port {port} of {HOST} can't be used ({error.strerror}): "
            "choose another with --port, or any free port with --port 0"
        ) from None
    listener.listen()
    return listener
