"""The function: answers a customer's question with its release of the model."""

from __future__ import annotations

import json
import os
from http.client import HTTPSConnection
from typing import Any

from model_config import Reader

MODEL = "support_chat"
RELEASE = os.environ.get("MODEL_CONFIG_RELEASE")

# One reader for all requests of this process. It reads by MODEL_CONFIG_LABEL if no release is set.
reader = Reader(os.environ["MODEL_CONFIG_ENVIRONMENT"], prefix=os.environ["MODEL_CONFIG_PREFIX"])


def configuration(customer: str | None = None) -> Any:
    """Return the model's configuration. The reader looks for a newer one every 30 seconds.

    During a rollout, a customer gets the same release at every request.
    """
    if RELEASE:
        return reader.get(MODEL, release=int(RELEASE))
    return reader.get(MODEL, key=customer)


# Read at the start, so that no request waits, and a function that can't read doesn't start.
configuration()


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer `event["question"]`, and return the release and digest that answered.

    `event["variables"]` has a value for each variable of the prompt.
    """
    chat = configuration(event["customer"])
    system = chat.render("prompts/system", **event["variables"])
    answer = complete(
        chat,
        [
            {"role": "system", "content": system},
            {"role": "user", "content": event["question"]},
        ],
    )
    return {"answer": answer, "release": chat.release, "digest": chat.digest}


def complete(chat: Any, messages: list[dict[str, str]]) -> str:
    """Call the provider, OpenAI."""
    generation = chat["generation"]
    request = {
        "model": chat["model_id"],
        "messages": messages,
        "temperature": generation["temperature"],
        "max_tokens": generation["max_output_tokens"],
    }
    connection = HTTPSConnection("api.openai.com", timeout=chat["limits"]["timeout_seconds"])
    # The only place where the key's text is needed. Printing `chat.secrets` shows a mask.
    key = chat.secrets["api_key"].reveal()
    connection.request(
        "POST",
        "/v1/chat/completions",
        body=json.dumps(request),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    response = json.load(connection.getresponse())
    return str(response["choices"][0]["message"]["content"])
