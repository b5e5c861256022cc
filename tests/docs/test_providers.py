"""docs/providers.md hands a configuration to each provider's client, here to a local server."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import model_config
from model_config.plan.hierarchy import config_of
from model_config.schema import (
    ChatModel,
    Generation,
    Guardrail,
    Message,
    Prompts,
    SecretRef,
    Tool,
)
from model_config.testing import FakeReader

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text("utf-8")
SHARED, *EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PROVIDERS = ["OpenAI", "Azure OpenAI", "Anthropic", "Amazon Bedrock", "Gemini"]

TEXT = {"type": "string"}
SCHEMA = {"type": "object", "properties": {"verdict": TEXT, "because": TEXT}}
ORDER = {"type": "object", "properties": {"number": TEXT}, "required": ["number"]}
QUESTION = "Where is my order?"
SYSTEM = "You help customers of Acme."


def chat(base_url: str) -> ChatModel:
    return ChatModel(
        provider="any",
        model_id="model-1",
        base_url=base_url,
        deployment="chat-eu",
        api_version="2024-10-21",
        region="eu-central-1",
        headers={"X-Team": "support"},
        prompts=Prompts(system="You help customers of {{company_name}}."),
        messages=[
            Message(role="user", content="Hi"),
            Message(role="assistant", content="Hello, how can I help?"),
        ],
        tools=[Tool(name="get_order", description="Looks an order up.", parameters=ORDER)],
        tool_choice="get_order",
        response_schema=SCHEMA,
        generation=Generation(
            temperature=0.2,
            top_k=40,
            max_output_tokens=512,
            stop=["END"],
            reasoning_effort="low",
            extra={"user": "team-support"},
        ),
        guardrail=Guardrail(id="gr4453cg26", version="3"),
        api_key=SecretRef("key"),
    )


class Provider(BaseHTTPRequestHandler):
    """Answers as every provider does, and keeps the requests."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append((self.path, body))  # type: ignore[attr-defined]
        answer = json.dumps({
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Tomorrow."}}],
            "content": [{"type": "text", "text": "Tomorrow."}],
            "output": {"message": {"role": "assistant", "content": [{"text": "Tomorrow."}]}},
            "candidates": [{"content": {"role": "model", "parts": [{"text": "Tomorrow."}]}}],
        }).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class Unused(ModuleType):
    """A part of a client that the page doesn't use. To import them all takes three seconds."""

    __path__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class UnusedParts:
    NAMES = tuple(
        f"{client}.{part}"
        for client, parts in {
            "anthropic": "types.beta resources.beta lib.vertex lib.bedrock lib.aws lib.tools "
            "lib.foundry lib.streaming",
            "openai": "types.beta resources.beta types.realtime resources.realtime types.evals "
            "resources.evals types.responses resources.responses resources.webhooks",
        }.items()
        for part in parts.split()
    )

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.startswith(self.NAMES) else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Unused(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


@pytest.fixture
def provider() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


OPENAI_MESSAGES = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello, how can I help?"},
    {"role": "user", "content": QUESTION},
]
TOOL = {"name": "get_order", "description": "Looks an order up."}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "OpenAI": ("/chat/completions", {
        "model": "model-1",
        "messages": OPENAI_MESSAGES,
        "tools": [{"type": "function", "function": {**TOOL, "parameters": ORDER}}],
        "tool_choice": {"type": "function", "function": {"name": "get_order"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
        "temperature": 0.2,
        "max_completion_tokens": 512,
        "stop": ["END"],
        "reasoning_effort": "low",
        "user": "team-support",
    }),
    "Azure OpenAI": ("/openai/deployments/chat-eu/chat/completions?api-version=2024-10-21", {
        "model": "model-1",
        "messages": OPENAI_MESSAGES,
        "temperature": 0.2,
        "max_completion_tokens": 512,
    }),
    "Anthropic": ("/v1/messages", {
        "model": "model-1",
        "system": [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
        "messages": OPENAI_MESSAGES[1:],
        "tools": [{**TOOL, "input_schema": ORDER}],
        "tool_choice": {"type": "tool", "name": "get_order"},
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"},
        "max_tokens": 512,
        "stop_sequences": ["END"],
        "user": "team-support",
    }),
    "Amazon Bedrock": ("/model/model-1/converse", {
        "system": [{"text": SYSTEM}],
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "assistant", "content": [{"text": "Hello, how can I help?"}]},
            {"role": "user", "content": [{"text": QUESTION}]},
        ],
        "toolConfig": {
            "tools": [{"toolSpec": {**TOOL, "inputSchema": {"json": ORDER}}}],
            "toolChoice": {"tool": {"name": "get_order"}},
        },
        "outputConfig": {
            "effort": "low",
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"schema": json.dumps(SCHEMA)}},
            },
        },
        "inferenceConfig": {"temperature": 0.2, "maxTokens": 512, "stopSequences": ["END"]},
        "additionalModelRequestFields": {"top_k": 40, "user": "team-support"},
        "guardrailConfig": {"guardrailIdentifier": "gr4453cg26", "guardrailVersion": "3"},
    }),
    "Gemini": ("/v1beta/models/model-1:generateContent", {
        "systemInstruction": {"parts": [{"text": SYSTEM}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Hello, how can I help?"}]},
            {"role": "user", "parts": [{"text": QUESTION}]},
        ],
        "tools": [{"functionDeclarations": [{**TOOL, "parametersJsonSchema": ORDER}]}],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_order"]}
        },
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
            "thinkingConfig": {"thinkingLevel": "low"},
            "temperature": 0.2,
            "topK": 40,
            "maxOutputTokens": 512,
            "stopSequences": ["END"],
        },
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_providers_client_sends_the_configuration(
    name: str, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(chat(f"http://127.0.0.1:{provider.server_port}"))
    models, secrets = {"support_chat": config}, {"support_chat": {"api_key": "made-up"}}
    monkeypatch.setattr(model_config, "Reader", lambda _: FakeReader(models, secrets=secrets))
    monkeypatch.setattr(sys, "meta_path", [UnusedParts(), *sys.meta_path])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    seen: dict[str, Any] = {}
    for block in (SHARED, EXAMPLES[PROVIDERS.index(name)]):
        exec(compile(block, "docs/providers.md", "exec"), seen)  # noqa: S102 - it is our own page
    path, body = REQUESTS[name]
    [(sent_to, sent)] = provider.requests
    assert seen["text"] == "Tomorrow."
    assert sent_to == path
    assert json.loads(sent) == body
    assert sent.find("verdict") <= sent.find("because")  # the schema's order
