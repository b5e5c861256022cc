"""The local AWS on a loopback port, for developing an application against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from model_config.local import local_aws
from model_config.local.live import LiveState
from model_config.local.state import StateFolder
from model_config.loopback import HOST, listen
from model_config.plan.project import Project


def serve(project: Project, port: int, ready: Callable[[int], None]) -> None:
    """Serve the local AWS until interrupted.

    Args:
        project: the project whose `.local/` it is.
        port: the port; 0 for any free one.
        ready: called with the port once requests are answered.

    Raises:
        UsageError: the port is in use.
        LocalError: the state can't be read.
    """
    listener = listen(port)
    with listener, local_aws.local_aws():
        state = LiveState(StateFolder(project))
        application = _Shared(state, DomainDispatcherApplication(create_backend_app))
        server = make_server(HOST, port, application, threaded=True, fd=listener.fileno())
        ready(listener.getsockname()[1])
        try:
            server.serve_forever()
        finally:
            server.server_close()


class _Shared:
    """Answers each request from the saved state, and saves its changes."""

    def __init__(self, state: LiveState, application: WSGIApplication) -> None:
        self._state = state
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._state.held():
            return list(self._application(environ, start_response))
