"""The Python on docs/applications.md is run, with a reader in memory in place of AWS."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import model_config
from model_config.testing import FakeReader

PAGE = Path(__file__).parents[2] / "docs" / "applications.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
CHAT = {
    "provider": "p",
    "model_id": "m",
    "prompts": {"system": "Hello from {{company_name}}"},
    "generation": {"temperature": 0.2},
}


def reader(environment: str) -> FakeReader:
    models = {"support_chat": CHAT, "passage_reranker": {}, "document_embedding": {}}
    secrets = {"support_chat": {"api_key": "made up"}}
    return FakeReader(models, secrets=secrets, environment=environment)


def test_the_page_can_be_followed_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_config, "Reader", reader)
    seen: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), seen)  # noqa: S102 - it is our own page
    assert len(BLOCKS) > 8
    assert seen["temperature"] == 0.2
    assert seen["text"] == "Hello from Acme"
    assert seen["side"] is None
    assert seen["attributes"]["gen_ai.prompt.name"] == "support_chat"
    assert seen["counters"]["hits"] > 0
