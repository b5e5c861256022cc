"""The agent's answers: JSON, with an ETag, and errors as JSON."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from model_config.format.errors import (
    ModelConfigError,
    PromptError,
    StaleConfigurationError,
    StoreUnavailableError,
    UsageError,
)

#: The HTTP status of each family of errors; any other is an answer of AWS.
_STATUS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], HTTPStatus], ...] = (
    (LookupError, HTTPStatus.NOT_FOUND),  # no such model, release, label or value
    ((UsageError, PromptError), HTTPStatus.BAD_REQUEST),
    ((StoreUnavailableError, StaleConfigurationError), HTTPStatus.SERVICE_UNAVAILABLE),
    (ModelConfigError, HTTPStatus.BAD_GATEWAY),
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# Of this process, so that an ETag tells nothing about a secret.
_KEY = os.urandom(32)


class Json(JSONResponse):
    """An answer as JSON. One encoder for all takes half the time."""

    def render(self, content: Any) -> bytes:
        return _ENCODER.encode(content).encode()


def answer(request: Request, content: object, body: Callable[[], dict[str, Any]]) -> Response:
    """Return a body, or 304 if the client has it.

    Args:
        content: what the body is made of: the ETag differs if its `repr` does.
        body: makes the body.
    """
    digest = hashlib.blake2b(repr(content).encode(), key=_KEY, digest_size=16).hexdigest()
    etag = f'"{digest}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    known = request.headers.get("if-none-match", "")
    if etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Json(body(), headers=headers)


def failure(
    status: int, name: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    # What a client sent may hold half of a surrogate pair, and the message may repeat it.
    message = message.encode(errors="replace").decode()
    return Json({"error": name, "message": message}, status, headers)


async def of_reader(_: Request, error: Exception) -> Response:
    status = next(status for kinds, status in _STATUS if isinstance(error, kinds))
    return failure(status, type(error).__name__, str(error))


async def of_address(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as registered
    return failure(error.status_code, "Refused", error.detail, error.headers)


async def of_agent(_: Request, error: Exception) -> Response:
    text = "an error of the agent, whose log has the details"
    return failure(HTTPStatus.INTERNAL_SERVER_ERROR, type(error).__name__, text)


HANDLERS = {ModelConfigError: of_reader, HTTPException: of_address, Exception: of_agent}
