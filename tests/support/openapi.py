"""The OpenAPI document of the agent, made from its routes: `docs/agent.openapi.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from starlette.routing import Route

from model_config.agent.app import Agent
from model_config.testing import FakeReader

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 1}
_UNIT = {"type": "string", "minLength": 1, "maxLength": 1024}


def _object(*, required: dict[str, Any] | None = None, **optional: Any) -> dict[str, Any]:
    required = required or {}
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": list(required)}


_ABOUT = {
    "model": _TEXT,
    "environment": _TEXT,
    "release": _NUMBER,
    "digest": _TEXT,
    "rollout": {
        "enum": ["candidate", "control", None],
        "description": "The side of a rollout that served the key; null outside of a rollout.",
    },
    "stale": {"type": "boolean", "description": "Whether AWS can't be asked for a newer one."},
}
_FLAG = _object(
    required={
        "key": _TEXT,
        "reason": {"enum": ["STATIC", "SPLIT", "STALE"]},
        "variant": {"type": "string", "description": "The side of a rollout, or else the label."},
        "metadata": _object(required={"release": _NUMBER, "digest": _TEXT}),
    },
    value={"description": "Absent if the release has None: clients take their default."},
)
_FLAG_ERROR = _object(
    required={
        "errorCode": {"enum": ["FLAG_NOT_FOUND", "PARSE_ERROR", "INVALID_CONTEXT", "GENERAL"]},
        "errorDetails": _TEXT,
    },
    key=_TEXT,
)
_SCHEMAS = {
    "Error": _object(required={"error": _TEXT, "message": _TEXT}),
    "Health": _object(required={"healthy": {"const": True}}),
    "Ready": _object(required={"ready": {"type": "boolean"}}),
    "Status": _object(required={"environment": _TEXT, "aws": {}, "models": {}}),
    "Models": _object(required={"models": {"type": "array", "items": _TEXT}}),
    "Configuration": _object(
        required={**_ABOUT, "config": {"type": "object"}},
        secrets={"type": "object", "additionalProperties": _TEXT},
    ),
    "Value": _object(required={**_ABOUT, "path": _TEXT, "value": {}}),
    "Flag": _FLAG,
    "FlagError": _FLAG_ERROR,
    "Flags": _object(
        required={"flags": {"type": "array", "items": {"anyOf": [_FLAG, _FLAG_ERROR]}}}
    ),
    "Prompt": _object(
        required={"path": _TEXT},
        variables={"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
    ),
    "Context": _object(context=_object(targetingKey=_UNIT)),
}
_PARAMETERS = {
    "model": (_TEXT, "The model's name."),
    "path": (_TEXT, "The path of a value, or of a part: generation/temperature."),
    "flag": (_TEXT, "A model, or a model and a path: support_chat/generation/temperature."),
    "label": (_TEXT, 'The label to read by, or "latest". Default: the agent\'s.'),
    "release": (_NUMBER, "The number of the release to read, instead of a label."),
    "key": (_UNIT, "The unit of a rollout, such as a user's id. Default: the agent's own."),
    "secrets": ({"type": "boolean"}, "Whether to add the texts of the secrets."),
}
_READ = ("label", "release", "key")


def _operation(
    summary: str,
    answer: str,
    *query: str,
    body: str | None = None,
    errors: dict[str, str] | None = None,
    is_cached: bool = False,
) -> dict[str, Any]:
    """Return the part of an operation that doesn't follow from its route."""
    kinds = {**(errors or {}), "default": "Error"}
    answers = {"200": _content("The answer.", answer)}
    answers |= {status: _content("An error.", kind) for status, kind in kinds.items()}
    if is_cached:
        answers["304"] = {"description": "If-None-Match has the ETag of the answer."}
    request = {"requestBody": {"required": True, **_content("", body)}} if body else {}
    parameters = [_parameter(name, "query") for name in query]
    return {"summary": summary, "parameters": parameters, **request, "responses": answers}


def _content(text: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": text, "content": content} if text else {"content": content}


def _parameter(name: str, where: str) -> dict[str, Any]:
    schema, text = _PARAMETERS[name]
    is_path = where == "path"
    return {"name": name, "in": where, "required": is_path, "schema": schema, "description": text}


_OPERATIONS = {
    "/healthz": {**_operation("Whether the agent runs.", "Health"), "security": []},
    "/readyz": {
        **_operation(
            "Whether each model named at the start is served.", "Ready", errors={"503": "Ready"}
        ),
        "security": [],
    },
    "/v1/status": _operation("What is served, its age, and what went wrong.", "Status"),
    "/v1/models": _operation("The models named at the start, or read since.", "Models"),
    "/v1/models/{model}": _operation(
        "A whole configuration, from one release.",
        "Configuration",
        *_READ,
        "secrets",
        is_cached=True,
    ),
    "/v1/models/{model}/values/{path}": _operation(
        "One value or part of a configuration.", "Value", *_READ, is_cached=True
    ),
    "/v1/models/{model}/render": _operation(
        "A prompt with its variables filled in, strictly.", "Value", *_READ, body="Prompt"
    ),
    "/ofrep/v1/evaluate/flags": _operation(
        "OFREP: evaluate all flags.",
        "Flags",
        body="Context",
        errors={"400": "FlagError"},
        is_cached=True,
    ),
    "/ofrep/v1/evaluate/flags/{flag}": _operation(
        "OFREP: evaluate one flag.",
        "Flag",
        body="Context",
        errors=dict.fromkeys(("400", "404", "500"), "FlagError"),
    ),
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the OpenAPI document of an agent with these routes."""
    paths: dict[str, Any] = {}
    order = list(_OPERATIONS)
    for route in sorted(routes, key=lambda route: order.index(route.path_format)):
        operation = _OPERATIONS[route.path_format]
        parameters = [_parameter(name, "path") for name in route.param_convertors]
        (method,) = (route.methods or set()) - {"HEAD"}
        paths[route.path_format] = {
            method.lower(): {**operation, "parameters": parameters + operation["parameters"]}
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "model-config agent", "version": "1"},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _SCHEMAS,
        },
    }


if __name__ == "__main__":
    agent = Agent(FakeReader({}), [], serves_secrets=False)
    sys.stdout.write(json.dumps(document(agent.routes), indent=2) + "\n")
