"""The function: it answers a customer's question as its release of the model says."""

from __future__ import annotations

import json
import os
from http.client import HTTPSConnection
from typing import Any

from model_config import Reader

MODEL = "support_chat"
RELEASE = os.environ.get("MODEL_CONFIG_RELEASE")

# One reader for all requests of this process. Without a release it reads by MODEL_CONFIG_LABEL.
reader = Reader(os.environ["MODEL_CONFIG_ENVIRONMENT"], prefix=os.environ["MODEL_CONFIG_PREFIX"])


def configuration(customer: str | None = None) -> Any:
    """Return the model's configuration; AWS is asked for it once in five minutes.

    During a rollout a customer stays on one release from one request to the next.
    """
    if RELEASE:
        return reader.get(MODEL, release=int(RELEASE))
    return reader.get(MODEL, key=customer)


# While the function starts: so no request waits for it, and one that can't read doesn't start.
configuration()


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer `event["question"]`; say which release did, which is no secret.

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
    """Ask the provider, which is OpenAI here."""
    generation = chat["generation"]
    request = {
        "model": chat["model_id"],
        "messages": messages,
        "temperature": generation["temperature"],
        "max_tokens": generation["max_output_tokens"],
    }
    connection = HTTPSConnection("api.openai.com", timeout=chat["limits"]["timeout_seconds"])
    # The one place where the key's text is needed. Print `chat.secrets` and you see a mask.
    key = chat.secrets["api_key"].reveal()
    connection.request(
        "POST",
        "/v1/chat/completions",
        body=json.dumps(request),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    response = json.load(connection.getresponse())
    return str(response["choices"][0]["message"]["content"])
