from __future__ import annotations

import asyncio
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from support.documents import digest_of

from model_config import Reader
from model_config.format.errors import (
    AccessDeniedError,
    InvalidConfigurationError,
    LabelNotFoundError,
    ModelNotFoundError,
    ProjectNotFoundError,
    ReleaseError,
    ReleaseNotFoundError,
    RolloutError,
    SecretUnavailableError,
    StaleConfigurationError,
    StoreUnavailableError,
    UsageError,
)
from model_config.reader.files import fallback_document
from model_config.schema import ChatModel, EmbeddingModel
from model_config.testing.fake import FakeReader

CHAT = {"generation": {"temperature": 0.2}, "prompts": {"system": "{{name}}"}}


def application(reader: Reader) -> str:
    """What an application does with the reader it is given."""
    chat = reader.get("chat")
    return f"{chat['generation']['temperature']} {chat.secrets['api_key'].reveal()}"


def test_it_gives_what_the_reader_gives() -> None:
    chat = FakeReader({"chat": CHAT}, secrets={"chat": {"api_key": "x"}})
    assert application(chat) == "0.2 x"
    reader = FakeReader({"embed": {"provider": "p", "model_id": "m", "dimensions": 8}}, release=4)
    embed = reader.get("embed")
    assert (embed.release, embed.label, embed.environment) == (4, "stable", "test")
    assert embed.digest == digest_of(embed.as_dict())
    assert embed.as_model(EmbeddingModel).dimensions == 8
    assert not embed.from_fallback
    assert reader.get("embed") is embed
    assert asyncio.run(reader.aget("embed")) is embed
    assert reader.get("embed", label="latest").release == 4
    by_number = reader.get("embed", release=4)
    assert (by_number.release, by_number.label) == (4, None)


def test_a_large_configuration_and_any_secret_come_back(  # parts, and the codec's quoted strings
) -> None:
    values = {"texts": ["".join(map(chr, range(200, 9_000))), ["a", "b"]], "t": "{{x}}"}
    secrets = {"plain": "x", "quoted": '"{{', "keys/empty": ""}
    chat = FakeReader({"chat": values}, secrets={"chat": secrets}).get("chat")
    assert chat == values
    assert {path: secret.reveal() for path, secret in chat.secrets.items()} == secrets


def test_its_errors_are_the_readers() -> None:
    reader: Any = FakeReader({"chat": CHAT}, release=3)
    for error, arguments in [
        (ModelNotFoundError, {"model": "other"}),
        (ReleaseNotFoundError, {"model": "chat", "release": 2}),
        (LabelNotFoundError, {"model": "chat", "label": "canary"}),
        (UsageError, {"model": "a/b"}),
        (UsageError, {"model": "chat", "label": "a", "release": 1}),
        (UsageError, {"model": "chat", "key": ""}),
    ]:
        with pytest.raises(error):
            reader.get(**arguments)


def test_what_no_deploy_and_no_rollout_could_make_is_refused() -> None:
    make: Any = FakeReader
    with pytest.raises(UsageError):
        make({}, label="aws-x")
    with pytest.raises(ReleaseError):
        make({"chat": {"n": float("nan")}})
    reader = make({"chat": {"n": 1}})
    for arguments in (
        {"model": "a/b"},
        {"label": "latest"},
        {"label": "7"},
        {"label": ""},
        {"release": 0},
        {"release": True},
    ):
        with pytest.raises(UsageError):
            reader.set(**{"model": "chat", "config": {}, **arguments})
    for percent in (100.1, -1, 0.001, True):
        with pytest.raises(RolloutError):
            reader.set("chat", {"n": 2}, percent=percent)
    with pytest.raises(RolloutError, match="stable is on no release of /ai/test/other"):
        reader.set("other", {"n": 2}, percent=5)
    assert reader.get("chat")["n"] == 1


# Releases and labels


def test_a_release_that_is_set_is_served_at_once_and_a_secret_is_rotated() -> None:
    reader = FakeReader({"chat": CHAT}, secrets={"chat": {"api_key": "x"}})
    first = reader.get("chat")
    reader.set("chat", {"generation": {"temperature": 1.0}})
    chat = reader.get("chat")
    assert (chat.release, chat.label, application(reader)) == (2, "stable", "1.0 x")
    assert (first.release, first["generation"]["temperature"]) == (1, 0.2)
    assert reader.get("chat", release=1) == CHAT
    reader.set("chat", CHAT, secrets={"api_key": "new"})
    assert application(reader) == "0.2 new"
    reader.set("chat", CHAT, secrets={})
    assert not reader.get("chat").secrets


def test_a_label_moves_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = FakeReader({"chat": {"n": 1}})
    reader.set("chat", {"n": 2}, label="canary", release=7)
    assert reader.get("chat")["n"] == 1
    canary = reader.get("chat", label="canary")
    assert (canary["n"], canary.release, canary.label) == (2, 7, "canary")
    assert reader.get("chat", label="latest")["n"] == 2
    reader.set("chat", {"n": 3})
    assert (reader.get("chat").release, reader.get("chat", label="canary").release) == (8, 7)
    newest = FakeReader({"chat": {"n": 1}}, label="latest")
    newest.set("chat", {"n": 2})
    assert newest.get("chat")["n"] == 2
    monkeypatch.setenv("MODEL_CONFIG_LABEL", "canary")
    assert FakeReader({"chat": CHAT}).get("chat").label == "canary"


@pytest.mark.parametrize("ttl", [0, 1e9, math.inf])
def test_what_is_set_is_seen_whatever_the_time_to_live_and_told(ttl: float) -> None:
    reader = FakeReader({"chat": {"n": 1}, "other": {}}, ttl=ttl)
    changes: list[tuple[Any, Any]] = []
    reader.on_change(lambda old, new: changes.append((old["n"], new["n"])))
    with pytest.raises(ModelNotFoundError):
        reader.get("later")
    assert reader.get("chat")["n"] == 1
    other = reader.get("other")
    reader.set("chat", {"n": 2})
    reader.set("later", {"n": 3})
    assert (reader.get("chat")["n"], reader.get("later")["n"]) == (2, 3)
    assert reader.get("chat", release=1)["n"] == 1
    assert (other.age, reader.get("other").age) == (0, 0)
    assert changes == [(1, 2)]


# Classes and rollouts


def test_a_release_is_rolled_out_to_a_share_of_keys() -> None:
    reader = FakeReader({"chat": {"n": 1}})
    reader.set("chat", {"n": 2}, percent=30)
    served = [reader.get("chat", key=f"user-{number}") for number in range(300)]
    assert {(chat["n"], chat.rollout) for chat in served} == {(1, "control"), (2, "candidate")}
    assert 60 < sum(chat["n"] == 2 for chat in served) < 120
    assert [reader.get("chat", key=f"user-{number}") for number in range(300)] == served
    assert reader.get("chat", label="latest").rollout is None
    reader.set("chat", {"n": 3}, percent=100)
    assert (reader.get("chat")["n"], reader.get("chat").rollout) == (3, "candidate")
    assert reader.get("chat").attributes()["feature_flag.result.variant"] == "candidate"
    reader.set("chat", {"n": 4})
    assert (reader.get("chat")["n"], reader.get("chat").rollout) == (4, None)


# Outages and age


def test_in_an_outage_what_was_read_is_served_and_grows_older() -> None:
    reader = FakeReader({"chat": CHAT, "other": {}}, max_stale=7_000)
    assert reader.get("chat").age == 0
    with reader.outage():
        reader.advance(3_600)
        reader.set("chat", {"n": 2})  # nothing is seen of it
        assert reader.get("chat") == CHAT
        assert reader.get("chat").age == 3_600
        with pytest.raises(StoreUnavailableError, match="a simulated outage"):
            reader.get("other")
        reader.advance(3_401)
        with pytest.raises(StaleConfigurationError):
            reader.get("chat")
    reader.refresh()  # or 60 s later: a reader pauses between its attempts
    assert (reader.get("chat")["n"], reader.get("chat").age) == (2, 0)
    assert reader.get("other") == {}


def test_another_error_than_an_outage_can_be_tried() -> None:
    reader = FakeReader({"chat": CHAT})
    with reader.outage(AccessDeniedError("no")), pytest.raises(AccessDeniedError, match=r"^no$"):
        reader.get("chat")


def test_a_time_to_live_is_over_when_a_test_says_so() -> None:
    reader = FakeReader({"chat": CHAT}, ttl=30)
    reader.get("chat")
    asked = len(reader.requests)
    assert asked > 0
    reader.advance(20)
    assert (reader.get("chat").age, len(reader.requests)) == (20, asked)
    reader.advance(11)
    assert reader.get("chat").age == 0
    assert len(reader.requests) > asked


def test_a_fallback_serves_where_nothing_was_read(tmp_path: Path) -> None:
    served = FakeReader({"chat": {"n": 1}}, release=4, secrets={"chat": {"api_key": "x"}})
    file = tmp_path / "fallback.json"
    file.write_text(fallback_document([served.get("chat")]))
    for fallback in (file, str(file)):
        reader = FakeReader({"chat": {"n": 2}}, fallback=fallback)
        with reader.outage():
            chat = reader.get("chat")
            assert (chat["n"], chat.release, chat.from_fallback) == (1, 4, True)
            assert chat.age == math.inf
            with pytest.raises(SecretUnavailableError):
                chat.secrets["api_key"].reveal()
        reader.advance(60)
        assert (reader.get("chat")["n"], reader.get("chat").from_fallback) == (2, False)
    with pytest.raises(ReleaseError):
        FakeReader({}, fallback=file, environment="dev")
    by_values = FakeReader({"chat": {"n": 2}}, fallback={"chat": {"n": 1}}, label="canary")
    with by_values.outage():
        chat = by_values.get("chat")
    assert (chat, chat.from_fallback, chat.label) == ({"n": 1}, True, "canary")


# A project's own models


def test_a_projects_models_are_read_with_their_overrides(project: Path) -> None:
    for folder in (project, str(project / "models")):
        dev, prod = (FakeReader.from_project(folder, stack) for stack in ("dev", "prod"))
        chat, other = dev.get("support_chat"), prod.get("support_chat")
        assert (chat.environment, other.environment) == ("dev", "prod")
        temperatures = [each["generation"]["temperature"] for each in (chat, other)]
        assert temperatures == [0.7, 0.2]  # the module's is 0.2
        assert chat.as_model(ChatModel).provider == "openai"
        assert chat.schema == "ChatModel"
        assert "company_name" in chat.variables("prompts/system")
        assert chat.secrets["api_key"].reveal() == "secret"
    assert str(project) not in sys.path


def test_a_projects_secrets_and_the_readers_options_can_be_given(project: Path) -> None:
    reader = FakeReader.from_project(
        project, "dev", secrets={"support_chat": {"api_key": "x"}}, label="canary", release=5
    )
    chat = reader.get("support_chat")
    assert (chat.secrets["api_key"].reveal(), chat.label, chat.release) == ("x", "canary", 5)
    reader.set("support_chat", {**chat.as_dict(), "provider": "other"})
    assert reader.get("support_chat")["provider"] == "other"
    assert reader.get("support_chat").secrets["api_key"].reveal() == "x"


def test_a_project_with_findings_is_refused_with_all_of_them(project: Path, tmp_path: Path) -> None:
    (project / "models" / "broken.py").write_text("MODEL = 1\n")
    (project / "models" / "worse.py").write_text("MODEL =\n")
    with pytest.raises(InvalidConfigurationError) as caught:
        FakeReader.from_project(project, "dev")
    assert {"broken", "worse"} <= {finding.where for finding in caught.value.findings}
    with pytest.raises(ProjectNotFoundError):
        FakeReader.from_project(tmp_path, "dev")
