"""OpenFeature's Remote Evaluation Protocol (OFREP 0.3), for its clients in every language."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from model_config.agent import flags
from model_config.agent.answers import Json, answer
from model_config.agent.flags import Outcome, Staleness, error_code, parse_key, value_at
from model_config.format.errors import ModelConfigError, UsageError
from model_config.reader.configuration import Configuration
from model_config.reader.reader import Reader, check_key

_Details: TypeAlias = dict[str, str]
_STATUS = {"FLAG_NOT_FOUND": HTTPStatus.NOT_FOUND}


class _BadRequestError(Exception):
    """The body can't be used: OpenFeature's code, and why."""


class Evaluation:
    """The protocol's two endpoints. `models` names those whose flags are evaluated in bulk."""

    def __init__(
        self, reader: Reader, models: Callable[[], list[str]], is_stale: Staleness
    ) -> None:
        self._reader, self._models, self._is_stale = reader, models, is_stale

    async def flag(self, request: Request) -> Response:
        key = request.path_params["flag"]
        model, path = parse_key(key)
        try:
            unit = _targeting_key(await request.body())
            configuration = await self._reader.aget(model, key=unit)
            value = value_at(configuration, path)
        except _BadRequestError as error:
            return Json({"key": key, **_details(*error.args)}, HTTPStatus.BAD_REQUEST)
        except ModelConfigError as error:
            code = error_code(error)
            status = _STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
            return Json({"key": key, **_details(code, str(error))}, status)
        return Json(_evaluated(key, value, self._outcome(configuration)))

    async def all_flags(self, request: Request) -> Response:
        try:
            unit = _targeting_key(await request.body())
        except _BadRequestError as error:
            return Json(_details(*error.args), HTTPStatus.BAD_REQUEST)
        read: dict[str, Configuration] = {}
        outcomes: dict[str, Outcome | _Details] = {}
        for model in self._models():
            try:
                read[model] = await self._reader.aget(model, key=unit)
                outcomes[model] = self._outcome(read[model])
            except ModelConfigError as error:
                outcomes[model] = _details(error_code(error), str(error))
        return answer(request, outcomes, lambda: {"flags": list(_all(read, outcomes))})

    def _outcome(self, configuration: Configuration) -> Outcome:
        return flags.outcome(configuration, is_stale=self._is_stale(configuration))


def _all(
    read: Mapping[str, Configuration], outcomes: Mapping[str, Outcome | _Details]
) -> Iterator[dict[str, Any]]:
    for model, result in outcomes.items():
        if isinstance(result, Outcome):
            yield from (_evaluated(key, value, result) for key, value in flags.flags(read[model]))
        else:
            yield {"key": model, **result}


def _evaluated(key: str, value: Any, result: Outcome) -> dict[str, Any]:
    # Without a value, a client takes the one in its application's code.
    given = {} if value is None else {"value": value}
    return {"key": key, **given, **result._asdict()}


def _details(code: str, text: str) -> _Details:
    return {"errorCode": code, "errorDetails": text}


def _targeting_key(body: bytes) -> str | None:
    """Return the rollout's unit that a request's context names, or None for the agent's own.

    The protocol requires a targeting key; its clients leave it out, and the context too, where the
    application gives none.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise _BadRequestError("PARSE_ERROR", "the body is not JSON") from None
    context = given.get("context", {}) if isinstance(given, dict) else None
    if not isinstance(context, dict):
        raise _BadRequestError("INVALID_CONTEXT", 'the body is an object with a "context", another')
    if "targetingKey" not in context:
        return None
    try:
        return check_key(context["targetingKey"])
    except UsageError as error:
        raise _BadRequestError("INVALID_CONTEXT", f"targetingKey: {error}") from None
