"""The local AWS on a loopback port, so that an application can be developed against it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from model_config.format.errors import LocalError
from model_config.local import local_aws
from model_config.local.state import StateFolder
from model_config.plan.project import Project

HOST = "127.0.0.1"


def serve(project: Project, port: int, ready: Callable[[int], None]) -> None:
    """Serve the local AWS until interrupted.

    Args:
        project: the project whose `.local/` it is.
        port: the port; 0 for any that is free.
        ready: called with the port once requests are answered.

    Raises:
        LocalError: the port is in use, or the state can't be read.
    """
    listener = _listen(port)
    with listener, local_aws.local_aws():
        application = _Shared(StateFolder(project), DomainDispatcherApplication(create_backend_app))
        server = make_server(HOST, port, application, threaded=True, fd=listener.fileno())
        ready(listener.getsockname()[1])
        try:
            server.serve_forever()
        finally:
            server.server_close()


class _Shared:
    """Answers each request from what is saved, and saves what a request changed.

    `make local` writes the same file while this runs, so nothing is kept from one request to the
    next but where the file hasn't changed.
    """

    def __init__(self, folder: StateFolder, application: WSGIApplication) -> None:
        self._folder = folder
        self._application = application
        self._threads = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._read()  # a damaged state is told at the start, not to the first request

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._threads, self._folder.locked():
            self._read()
            answer = list(self._application(environ, start_response))
            self._write()
        return answer

    def _read(self) -> None:
        stamp = self._folder.stamp()
        if stamp != self._stamp:
            self._state = self._folder.load()
            local_aws.restore(self._state)
            self._stamp = stamp

    def _write(self) -> None:
        parameters: dict[str, Any] = local_aws.snapshot()
        if parameters != self._state.parameters:
            self._state = replace(self._state, parameters=parameters)
            self._folder.save(self._state)
            self._stamp = self._folder.stamp()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise LocalError(
            f"port {port} of {HOST} can't be used ({error.strerror}): "
            "choose another with --port, or --port 0 for any that is free"
        ) from None
    listener.listen()
    return listener
