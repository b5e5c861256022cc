"""A port of the loopback interface, which no other machine can reach."""

from __future__ import annotations

import socket

from model_config.format.errors import UsageError

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        port: the port; 0 for any that is free.

    Raises:
        UsageError: it is in use, or may not be used.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"port {port} of {HOST} can't be used ({error.strerror}): "
            "choose another with --port, or --port 0 for any that is free"
        ) from None
    listener.listen()
    return listener
