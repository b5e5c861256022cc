from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from support.documents import Documents
from support.waiting import wait_until

from model_config import Reader
from model_config.format.errors import (
    LabelNotFoundError,
    ReleaseError,
    SecretUnavailableError,
    StoreUnavailableError,
    UsageError,
)
from model_config.reader.files import fallback_document
from model_config.testing.fake import FakeReader

CONFIG = {"n": 1, "texts": ["a", "é{{b}}"]}


@pytest.fixture
def document() -> str:
    """What a build wrote: release 7 of chat, and embed."""
    reader = FakeReader(
        {"chat": CONFIG, "embed": {"dimensions": 3}},
        secrets={"chat": {"api_key": "sk-live"}},
        environment="prod",
        release=7,
    )
    return fallback_document([reader.get("chat"), reader.get("embed")])


@pytest.fixture
def away(loopback: Any) -> Any:
    """AWS, not answering for now."""
    loopback.answers.append(loopback.resets())
    return loopback


def test_a_cold_start_with_aws_away_is_served_from_the_file(
    away: Any, document: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "fallback.json"
    file.write_text(document, encoding="utf-8")
    chat = Reader("prod", client=away.client(), fallback=file).get("chat")
    assert chat.as_dict() == CONFIG
    assert (chat.release, chat.label, chat.schema) == (7, "stable", "FakeReader")
    assert chat.age == math.inf
    assert chat.from_fallback
    assert list(chat.secrets) == ["api_key"]
    with pytest.raises(SecretUnavailableError, match=r"api_key can't be revealed: AWS"):
        chat.secrets["api_key"].reveal()
    told = "AWS can't be reached. <Configuration chat in prod: release 7 (stable)"
    wait_until(lambda: told in caplog.text)


def test_no_secrets_text_is_in_the_file_and_the_same_makes_the_same(document: str) -> None:
    assert "sk-live" not in document
    reader = FakeReader({"embed": {"dimensions": 3}, "chat": CONFIG}, environment="prod", release=7)
    again = fallback_document([reader.get("embed"), reader.get("chat")])
    assert json.loads(again)["releases"]["embed"] == json.loads(document)["releases"]["embed"]
    assert list(json.loads(again)["releases"]) == ["chat", "embed"]


def test_a_fallback_is_for_a_cold_start_only_and_never_for_a_refusal(document: str) -> None:
    source = Documents()
    source.deploy(CONFIG, promote=False)
    with pytest.raises(LabelNotFoundError):
        Reader("prod", source=source, fallback=json.loads(document)).get("chat")


@pytest.mark.parametrize("made_from", ["canary", "stable", None])
def test_a_fallback_answers_for_the_label_it_was_made_from_and_no_other(
    made_from: str | None,
) -> None:
    source = Documents()
    source.error = StoreUnavailableError("away")
    built = FakeReader({"chat": CONFIG}, environment="prod", release=7, label=made_from)
    asked: dict[str, Any] = {} if made_from else {"release": 7}
    document = json.loads(fallback_document([built.get("chat", **asked)]))
    assert document["releases"]["chat"]["label"] == made_from
    reader = Reader("prod", source=source, fallback=document)
    for label in ("canary", "stable", "latest"):
        if label == made_from:
            assert reader.get("chat", label=label).from_fallback
        else:
            with pytest.raises(StoreUnavailableError):
                reader.get("chat", label=label)
    assert reader.get("chat", release=7).from_fallback
    assert reader.get("chat", release=7).label is None
    for other in ({"model": "other"}, {"model": "chat", "release": 6}):
        with pytest.raises(StoreUnavailableError):
            reader.get(**other)


def spoilt(document: str, *path: str, value: Any) -> dict[str, Any]:
    whole = json.loads(document)
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return whole


CHAT = ("releases", "chat")


def test_a_spoilt_fallback_is_found_when_the_reader_is_made(document: str) -> None:
    cases: list[tuple[tuple[str, ...], Any, str]] = [
        ((*CHAT, "document", "config"), '{"n":2}', "chat: the configuration was changed"),
        ((*CHAT, "document"), None, "not a JSON object"),
        ((*CHAT, "release"), "7", "no release number"),
        ((*CHAT, "release"), 0, "no release number"),
        ((*CHAT, "release"), True, "no release number"),
        (CHAT, [], "no release number"),
        ((*CHAT, "label"), 7, "the label is not text"),
        (("format",), True, "has a format other than 1"),
        (("format",), 2, "has a format other than 1"),
        (("releases",), [], "has no releases"),
    ]
    for path, value, text in cases:
        with pytest.raises(ReleaseError, match=text) as caught:
            Reader("prod", fallback=spoilt(document, *path, value=value))
        assert "model-config export --fallback" in str(caught.value)
    with pytest.raises(ReleaseError, match="for environment 'prod', not 'dev'"):
        Reader("dev", fallback=json.loads(document))


@pytest.mark.parametrize(
    ("text", "problem"), [(None, "can't be read"), ("{", "not JSON"), ("[]", "a format other")]
)
def test_a_file_that_is_no_fallback_is_named(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    file = tmp_path / "fallback.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ReleaseError, match=f"fallback.json.*{problem}"):
        Reader("prod", fallback=str(file))


def test_one_fallback_holds_one_environment_and_one_release_of_each_model() -> None:
    dev = FakeReader({"chat": {}}, environment="dev").get("chat")
    prod = FakeReader({"embed": {}}, environment="prod").get("embed")
    with pytest.raises(UsageError, match="several environments: dev, prod"):
        fallback_document([dev, prod])
    with pytest.raises(UsageError, match="two releases of a model: chat"):
        fallback_document([dev, dev])
