"""docs/agent.openapi.json: made from the app, and true of its answers."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator
from starlette.routing import Match
from support.openapi import document
from support.project import CHECKOUT

from model_config.agent.app import Agent
from model_config.testing import FakeReader

ROUTES = Agent(FakeReader({}), [], serves_secrets=False).routes
FILE = CHECKOUT / "docs" / "agent.openapi.json"


def test_the_document_is_that_of_the_app():
    made = json.dumps(document(ROUTES), indent=2) + "\n"
    assert FILE.read_text() == made, "run `make openapi`"


EVALUATE = "/ofrep/v1/evaluate/flags"


def test_an_answer_is_as_the_document_says(call):
    made = json.loads(FILE.read_text())
    client = call(serves_secrets=True)
    for path, body in [
        ("/healthz", None),
        ("/readyz", None),
        ("/v1/status", None),
        ("/v1/models", None),
        ("/v1/models/chat?secrets=true", None),
        ("/v1/models/none", None),
        ("/v1/models/chat/values/generation", None),
        ("/v1/models/chat/render", {"path": "prompts/system", "variables": {"name": "Ada"}}),
        ("/v1/models/chat/render", {}),
        (EVALUATE, {"context": {"targetingKey": "ada"}}),
        (EVALUATE, {"context": {"targetingKey": ""}}),
        (f"{EVALUATE}/chat/streaming", {}),
        (f"{EVALUATE}/none", {}),
    ]:
        said = client.get(path) if body is None else client.post(path, json=body)
        scope = {"type": "http", "path": path.partition("?")[0], "method": said.request.method}
        (template,) = (it.path_format for it in ROUTES if it.matches(scope)[0] is Match.FULL)
        (operation,) = made["paths"][template].values()
        answers = operation["responses"]
        content = answers.get(str(said.status_code), answers["default"])["content"]
        schema = {**content["application/json"]["schema"], "components": made["components"]}
        Draft202012Validator(schema).validate(said.json())
