"""The agent's HTTP interface: models as JSON, and OFREP 0.3 for OpenFeature's clients."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from model_config.agent import flags
from model_config.agent.answers import HANDLERS, LOOPBACK, Guard, Json, answer
from model_config.format import errors, names
from model_config.reader.configuration import Configuration
from model_config.reader.reader import Reader, check_key


class _BadRequestError(Exception):
    """The body of an evaluation can't be used: OpenFeature's code, and why."""


def make_app(
    reader: Reader,
    *,
    token: str,
    models: Sequence[str] = (),
    serves_secrets: bool = False,
    hosts: Collection[str] | None = LOOPBACK,
) -> ASGIApp:
    """Return the agent's web application. It preloads `models`; `/readyz` waits for them."""
    return Guard(Agent(reader, models, serves_secrets=serves_secrets).app, token, hosts)


class Agent:
    """The endpoints. `app` answers requests without a check of their origin."""

    def __init__(self, reader: Reader, models: Sequence[str], *, serves_secrets: bool) -> None:
        for model in models:
            names.check_segment("model", model)
        self._reader, self._named, self._serves_secrets = reader, models, serves_secrets
        self._preloading: asyncio.Task[None] | None = None
        self._is_stale = flags.Staleness(reader)
        self.routes = [  # tried in this order: those that are asked for most come first
            Route("/ofrep/v1/evaluate/flags/{flag:path}", self._flag, methods=["POST"]),
            Route("/v1/models/{model}/values/{path:path}", self._value),
            Route("/v1/models/{model}", self._configuration),
            Route("/v1/models/{model}/render", self._render, methods=["POST"]),
            Route("/v1/models", self._models),
            Route("/ofrep/v1/evaluate/flags", self._all_flags, methods=["POST"]),
            Route("/v1/status", self._status),
            Route("/healthz", self._health),
            Route("/readyz", self._ready),
        ]
        self.app = Starlette(
            routes=self.routes, exception_handlers=HANDLERS, lifespan=self._lifespan
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        # In a thread, so that /healthz answers meanwhile.
        preload = asyncio.to_thread(self._reader.preload, self._named)
        self._preloading = asyncio.create_task(preload)
        yield
        await asyncio.wait([self._preloading])
        self._reader.close()

    async def _health(self, _: Request) -> Response:
        return Json({"healthy": True})

    async def _ready(self, _: Request) -> Response:
        is_ready = self._preloading is not None and self._preloading.done()
        if is_ready:
            reads = (self._reader.aget(model) for model in self._named)
            answers = await asyncio.gather(*reads, return_exceptions=True)
            is_ready = not any(isinstance(answer, BaseException) for answer in answers)
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Json({"ready": is_ready}, status)

    async def _status(self, _: Request) -> Response:
        return Json(self._reader.status())

    async def _models(self, _: Request) -> Response:
        return Json({"models": self._names()})

    async def _configuration(self, request: Request) -> Response:
        configuration = await self._read(request, "secrets")
        wanted = request.query_params.get("secrets", "false")
        if wanted not in {"true", "false"}:
            raise errors.UsageError(f"secrets is true or false, not {wanted!r}")
        texts: dict[str, dict[str, str]] = {}
        if wanted == "true":
            if not self._serves_secrets:
                text = "this agent serves no secrets: start it with --secrets"
                raise HTTPException(HTTPStatus.FORBIDDEN, text)
            secrets = configuration.secrets.items()
            texts = {"secrets": {path: secret.reveal() for path, secret in secrets}}
        about, config = self._about(configuration), dict(configuration)
        return answer(request, (about, texts), lambda: {**about, "config": config, **texts})

    async def _value(self, request: Request) -> Response:
        configuration = await self._read(request)
        path, about = request.path_params["path"], self._about(configuration)
        value = flags.value_at(configuration, path)
        return answer(request, about, lambda: {**about, "path": path, "value": value})

    async def _render(self, request: Request) -> Response:
        path, variables = _prompt_in(await request.body())
        configuration = await self._read(request)
        text = configuration.render(path, **variables)
        return Json({**self._about(configuration), "path": path, "value": text})

    async def _flag(self, request: Request) -> Response:
        key = request.path_params["flag"]
        model, path = flags.parse_key(key)
        try:
            unit = _targeting_key(await request.body())
            configuration = await self._reader.aget(model, key=unit)
            value = flags.value_at(configuration, path)
        except _BadRequestError as error:
            return Json({"key": key, **_details(*error.args)}, HTTPStatus.BAD_REQUEST)
        except errors.ModelConfigError as error:
            code, status = flags.error_code(error), HTTPStatus.INTERNAL_SERVER_ERROR
            if code == "FLAG_NOT_FOUND":
                status = HTTPStatus.NOT_FOUND
            return Json({"key": key, **_details(code, str(error))}, status)
        return Json(_evaluated(key, value, self._outcome(configuration)))

    async def _all_flags(self, request: Request) -> Response:
        try:
            unit = _targeting_key(await request.body())
        except _BadRequestError as error:
            return Json(_details(*error.args), HTTPStatus.BAD_REQUEST)
        read: dict[str, Configuration] = {}
        outcomes: dict[str, flags.Outcome | dict[str, str]] = {}
        for model in self._names():
            try:
                read[model] = await self._reader.aget(model, key=unit)
                outcomes[model] = self._outcome(read[model])
            except errors.ModelConfigError as error:
                outcomes[model] = _details(flags.error_code(error), str(error))

        def evaluated() -> Iterator[dict[str, Any]]:
            for model, result in outcomes.items():
                if isinstance(result, flags.Outcome):
                    values = flags.flags(model, dict(read[model]))
                    yield from (_evaluated(key, value, result) for key, value in values)
                else:
                    yield {"key": model, **result}

        return answer(request, outcomes, lambda: {"flags": list(evaluated())})

    def _outcome(self, configuration: Configuration) -> flags.Outcome:
        return flags.outcome(configuration, is_stale=self._is_stale(configuration))

    def _names(self) -> list[str]:
        status = self._reader.status()["models"]
        read = sorted(entry["model"] for entry in status if entry["served"])
        return list(dict.fromkeys([*self._named, *read]))

    async def _read(self, request: Request, *options: str) -> Configuration:
        given = request.query_params
        if unknown := given.keys() - {"label", "release", "key", *options}:
            raise errors.UsageError(f"there is no parameter {', '.join(sorted(unknown))}")
        number = given.get("release")
        if number is not None and not re.fullmatch("[0-9]{1,20}", number):
            raise errors.UsageError(f"release is a number, not {number!r}")
        return await self._reader.aget(
            request.path_params["model"],
            label=given.get("label"),
            release=None if number is None else int(number),
            key=given.get("key"),
        )

    def _about(self, configuration: Configuration) -> dict[str, Any]:
        return {
            "model": configuration.model,
            "environment": configuration.environment,
            "release": configuration.release,
            "digest": configuration.digest,
            "rollout": configuration.rollout,
            "stale": self._is_stale(configuration),
        }


def _prompt_in(body: bytes) -> tuple[str, dict[str, Any]]:
    try:
        given = json.loads(body)
        json.dumps(given, ensure_ascii=False).encode()  # no half of a surrogate pair
    except (ValueError, RecursionError):
        raise errors.UsageError("the body is not JSON") from None
    match {"variables": {}, **given} if isinstance(given, dict) else given:
        case {"path": str(path), "variables": dict(variables), **rest} if not rest:
            return path, variables
    raise errors.UsageError(
        'the body is an object with a path and its variables: {"path": "prompts/system", '
        '"variables": {"name": "Ada"}}'
    )


def _evaluated(key: str, value: Any, result: flags.Outcome) -> dict[str, Any]:
    # Without a value, a client takes the one in its application's code.
    given = {} if value is None else {"value": value}
    return {"key": key, **given, **result._asdict()}


def _details(code: str, text: str) -> dict[str, str]:
    return {"errorCode": code, "errorDetails": text}


def _targeting_key(body: bytes) -> str | None:
    """Return the rollout's unit that a request's context names, or None for the agent's own."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise _BadRequestError("PARSE_ERROR", "the body is not JSON") from None
    context = given.get("context", {}) if isinstance(given, dict) else None
    if not isinstance(context, dict):
        raise _BadRequestError("INVALID_CONTEXT", 'the body is an object with a "context", another')
    # The protocol requires the key, but clients leave it out where the application gives none.
    if "targetingKey" not in context:
        return None
    try:
        return check_key(context["targetingKey"])
    except errors.UsageError as error:
        raise _BadRequestError("INVALID_CONTEXT", f"targetingKey: {error}") from None
