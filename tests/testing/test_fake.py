from __future__ import annotations

import asyncio

import pytest

from model_config import Reader
from model_config.format.errors import ModelNotFoundError, ReleaseError, UsageError
from model_config.format.release import digest_of
from model_config.schema import EmbeddingModel
from model_config.testing.fake import FakeReader


def application(reader: Reader) -> str:
    """What an application does with the reader it is given."""
    chat = reader.get("chat")
    return f"{chat['generation']['temperature']} {chat.secrets['api_key'].reveal()}"


def test_an_applications_test_needs_one_line() -> None:
    reader = FakeReader(
        {"chat": {"generation": {"temperature": 0.2}}}, secrets={"chat": {"api_key": "x"}}
    )
    assert application(reader) == "0.2 x"


def test_it_gives_what_the_reader_gives() -> None:
    reader = FakeReader({"embed": {"provider": "p", "model_id": "m", "dimensions": 8}}, release=4)
    embed = reader.get("embed")
    assert (embed.release, embed.label, embed.environment) == (4, "stable", "test")
    assert embed.digest == digest_of(embed.as_dict())
    assert embed.as_model(EmbeddingModel).dimensions == 8
    assert not embed.from_fallback
    assert reader.get("embed", label="canary").label == "canary"
    assert (reader.get("embed", release=9).release, reader.get("embed", release=9).label) == (
        9,
        None,
    )
    assert asyncio.run(reader.aget("embed")) is embed


def test_its_errors_are_the_readers() -> None:
    reader = FakeReader({"chat": {}, "embed": {}})
    with pytest.raises(ModelNotFoundError, match=r"no other\. There are: chat, embed"):
        reader.get("other")
    with pytest.raises(UsageError):
        reader.get("chat", label="a", release=1)


def test_a_value_no_release_can_hold_is_refused() -> None:
    with pytest.raises(ReleaseError):
        FakeReader({"chat": {"n": float("nan")}})
