"""The local AWS on a loopback port, for developing an application against it."""

from collections.abc import Callable
from wsgiref.types import StartResponse, WSGIEnvironment

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from model_config.local import local_aws
from model_config.local.local_aws import LiveState
from model_config.local.state import StateFolder
from model_config.loopback import HOST, listen
from model_config.plan.project import Project


def serve(project: Project, port: int, ready: Callable[[int], None]) -> None:
    """Serve the local AWS until interrupted. `ready` is called with the port; 0 is any free one."""
    listener = listen(port)
    with listener, local_aws.local_aws():
        state = LiveState(StateFolder(project))
        aws = DomainDispatcherApplication(create_backend_app)

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
            with state.held():
                return list(aws(environ, start_response))

        server = make_server(HOST, port, application, threaded=True, fd=listener.fileno())
        ready(listener.getsockname()[1])
        try:
            server.serve_forever()
        finally:
            server.server_close()
