"""Listening on the loopback interface, which other machines can't reach."""

import os
import socket

from model_config.format.errors import UsageError

HOST = "127.0.0.1"


def listen(port: int, host: str = HOST) -> socket.socket:
    """Return a socket that listens on a port of the host; 0 is any free one."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(
            f"port {port} of {host} can't be used ({os.strerror(error.errno or 0)}): "
            "choose another with --port, or any free port with --port 0"
        ) from None
    # Connections inherit it. asyncio sets it for sockets of another origin only, and without it an
    # answer's body waits 40 ms for the acknowledgement of its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
