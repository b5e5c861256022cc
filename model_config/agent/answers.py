"""The agent's answers whatever is asked: JSON with an ETag, errors, and refusals."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_config.format import errors

#: The HTTP status of each family of errors; any other is an answer of AWS.
_STATUS: dict[type[Exception], HTTPStatus] = {
    LookupError: HTTPStatus.NOT_FOUND,  # no such model, release, label or value
    errors.UsageError: HTTPStatus.BAD_REQUEST,
    errors.PromptError: HTTPStatus.BAD_REQUEST,
    errors.StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StaleConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ModelConfigError: HTTPStatus.BAD_GATEWAY,
}
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# Of this process, so that an ETag tells nothing about a secret.
_KEY = os.urandom(32)


class Json(JSONResponse):
    """An answer as JSON. One encoder for all takes half the time."""

    def render(self, content: Any) -> bytes:
        return _ENCODER.encode(content).encode()


def answer(request: Request, content: object, body: Callable[[], dict[str, Any]]) -> Response:
    """Return a body, or 304 if the client has it: the ETag differs if the content's `repr` does."""
    digest = hashlib.blake2b(repr(content).encode(), key=_KEY, digest_size=16).hexdigest()
    etag = f'"{digest}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    known = ",".join(request.headers.getlist("if-none-match"))
    if etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Json(body(), headers=headers)


def failure(
    status: int, name: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    # What a client sent may hold half of a surrogate pair, and the message may repeat it.
    message = message.encode(errors="replace").decode()
    return Json({"error": name, "message": message}, status, headers)


async def _of_reader(_: Request, error: Exception) -> Response:
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    return failure(status, type(error).__name__, str(error))


async def _of_address(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as registered
    return failure(error.status_code, "Refused", error.detail, error.headers)


async def _of_agent(_: Request, error: Exception) -> Response:
    text = "an error of the agent, whose log has the details"
    return failure(HTTPStatus.INTERNAL_SERVER_ERROR, type(error).__name__, text)


HANDLERS = {errors.ModelConfigError: _of_reader, HTTPException: _of_address, Exception: _of_agent}


#: The most bytes of a request's body. Set by this package: the longest that makes sense has a key
#: of 1,024 bytes, or the variables of a prompt.
BODY_BYTES = 65_536
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OPEN = {"/healthz", "/readyz"}


class Guard:
    """Refuses requests without the token, and those to other hosts; None allows any host."""

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str] | None = LOOPBACK) -> None:
        self._app, self._expected = app, token.encode()
        self._hosts = None if hosts is None else {host.lower().encode() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # startup and shutdown
            await self._app(scope, receive, send)
        elif (refusal := self._refusal(scope)) is not None:
            headers = {"Connection": "close", "WWW-Authenticate": "Bearer"}
            answer = failure(refusal[0], "Refused", refusal[1], headers)
            await answer(scope, receive, send)
        else:
            await self._app(scope, _bounded(receive), send)

    def _refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        host = token = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value if value.endswith(b"]") else value.rpartition(b":")[0] or value
            elif name == b"authorization":
                scheme, _, given = value.partition(b" ")
                token = given.lstrip() if scheme.lower() == b"bearer" else b""
            elif name == b"origin":
                return HTTPStatus.FORBIDDEN, "the request was sent by a page in a browser"
            elif name == b"forwarded" or name.startswith(b"x-forwarded-"):
                return HTTPStatus.FORBIDDEN, "the request was forwarded by a proxy"
        if self._hosts is not None and host.lower() not in self._hosts:
            return HTTPStatus.FORBIDDEN, "the request's host is not this agent's"
        if scope["path"] not in _OPEN and not secrets.compare_digest(token, self._expected):
            text = "the request has no valid token: send `Authorization: Bearer TOKEN` with"
            return HTTPStatus.UNAUTHORIZED, f"{text} the content of the agent's token file"
        return None


def _bounded(receive: Receive) -> Receive:
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_BYTES:
            # Without the header, the server would read the rest of a body that nobody wants.
            text, close = f"the body is over {BODY_BYTES:,} bytes", {"Connection": "close"}
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, close)
        return message

    return bounded
