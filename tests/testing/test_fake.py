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
    SchemaMismatchError,
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


def test_an_applications_test_needs_one_line() -> None:
    reader = FakeReader({"chat": CHAT}, secrets={"chat": {"api_key": "x"}})
    assert application(reader) == "0.2 x"


def test_it_gives_what_the_reader_gives() -> None:
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


def test_its_errors_are_the_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = FakeReader({"chat": CHAT}, release=3)
    for error, arguments in {
        ModelNotFoundError: {"model": "other"},
        ReleaseNotFoundError: {"model": "chat", "release": 2},
        LabelNotFoundError: {"model": "chat", "label": "canary"},
    }.items():
        with pytest.raises(error):
            reader.get(**arguments)  # type: ignore[arg-type]
    wrong: list[dict[str, Any]] = [
        {"model": "a/b"},
        {"model": "chat", "label": "a", "release": 1},
        {"model": "chat", "label": "7"},
        {"model": "chat", "release": 0},
    ]
    for arguments in wrong:
        with pytest.raises(UsageError):
            reader.get(**arguments)
    for options in ({"label": "aws-x"}, {"ttl": -1}, {"max_stale": -1}, {"environment": "a/b"}):
        with pytest.raises(UsageError):
            FakeReader({}, **options)
    monkeypatch.setenv("MODEL_CONFIG_LABEL", "canary")
    assert FakeReader({"chat": CHAT}).get("chat").label == "canary"


def test_a_value_no_release_can_hold_is_refused() -> None:
    with pytest.raises(ReleaseError):
        FakeReader({"chat": {"n": float("nan")}})


# Releases and labels


def test_a_release_that_is_set_is_served_at_once() -> None:
    reader = FakeReader({"chat": CHAT}, secrets={"chat": {"api_key": "x"}})
    first = reader.get("chat")
    reader.set("chat", {"generation": {"temperature": 1.0}})
    chat = reader.get("chat")
    assert (chat.release, chat.label, application(reader)) == (2, "stable", "1.0 x")
    assert (first.release, first["generation"]["temperature"]) == (1, 0.2)
    assert reader.get("chat", release=1) == CHAT


def test_a_label_moves_alone() -> None:
    reader = FakeReader({"chat": {"n": 1}})
    reader.set("chat", {"n": 2}, label="canary", release=7)
    assert reader.get("chat")["n"] == 1
    canary = reader.get("chat", label="canary")
    assert (canary["n"], canary.release, canary.label) == (2, 7, "canary")
    assert reader.get("chat", label="latest")["n"] == 2
    reader.set("chat", {"n": 3})
    assert (reader.get("chat").release, reader.get("chat", label="canary").release) == (8, 7)


def test_a_reader_of_the_newest_needs_no_label() -> None:
    reader = FakeReader({"chat": {"n": 1}}, label="latest")
    reader.set("chat", {"n": 2})
    assert reader.get("chat")["n"] == 2


def test_a_secret_is_rotated() -> None:
    reader = FakeReader({"chat": CHAT}, secrets={"chat": {"api_key": "old"}})
    reader.get("chat")
    reader.set("chat", CHAT, secrets={"api_key": "new"})
    assert application(reader) == "0.2 new"
    reader.set("chat", CHAT, secrets={})
    assert not reader.get("chat").secrets


def test_a_model_may_come_later() -> None:
    reader = FakeReader({})
    with pytest.raises(ModelNotFoundError):
        reader.get("chat")
    reader.set("chat", CHAT)
    assert reader.get("chat") == CHAT


@pytest.mark.parametrize(
    "arguments",
    [
        {"model": "a/b"},
        {"model": ""},
        {"label": "latest"},
        {"label": "7"},
        {"label": ""},
        {"release": 0},
        {"release": True},
    ],
)
def test_what_no_deploy_could_make_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        FakeReader({}).set(**{"model": "chat", "config": {}, **arguments})


@pytest.mark.parametrize("ttl", [0, 1e9, math.inf])
def test_what_is_set_is_seen_whatever_the_time_to_live(ttl: float) -> None:
    reader = FakeReader({"chat": {"n": 1}, "other": {}}, ttl=ttl)
    assert reader.get("chat")["n"] == 1
    other = reader.get("other")
    reader.set("chat", {"n": 2})
    assert reader.get("chat")["n"] == 2
    assert reader.get("chat", release=1)["n"] == 1
    assert (other.age, reader.get("other").age) == (0, 0)


def test_who_waits_for_a_change_is_told() -> None:
    reader = FakeReader({"chat": {"n": 1}})
    changes: list[tuple[Any, Any]] = []
    reader.on_change(lambda old, new: changes.append((old, new)))
    first = reader.get("chat")
    reader.set("chat", {"n": 2})
    assert [(old, new["n"]) for old, new in changes][-1] == (first, 2)


# Classes and rollouts


def test_a_release_that_the_applications_class_refuses_is_not_served() -> None:
    right = {"provider": "p", "model_id": "m", "dimensions": 8}
    reader = FakeReader({"embed": right})
    embed = reader.get("embed", schema=EmbeddingModel)
    assert embed.as_model(EmbeddingModel) is embed.as_model(EmbeddingModel)
    reader.set("embed", {**right, "dimensions": "many"})
    assert reader.get("embed", schema=EmbeddingModel)["dimensions"] == 8
    assert reader.get("embed")["dimensions"] == "many"
    with pytest.raises(SchemaMismatchError):
        FakeReader({"embed": {}}).get("embed", schema=EmbeddingModel)


def test_a_release_is_rolled_out_to_a_share_of_keys() -> None:
    reader = FakeReader({"chat": {"n": 1}})
    reader.set("chat", {"n": 2}, percent=30)
    served = [reader.get("chat", key=f"user-{number}") for number in range(300)]
    assert {(chat["n"], chat.rollout) for chat in served} == {(1, "control"), (2, "candidate")}
    assert 60 < sum(chat["n"] == 2 for chat in served) < 120
    again = [reader.get("chat", key=f"user-{number}") for number in range(300)]
    assert again == served
    assert reader.get("chat", label="latest").rollout is None
    reader.set("chat", {"n": 3}, percent=100)
    assert (reader.get("chat")["n"], reader.get("chat").rollout) == (3, "candidate")
    assert reader.get("chat").attributes()["feature_flag.result.variant"] == "candidate"
    reader.set("chat", {"n": 4})
    assert (reader.get("chat")["n"], reader.get("chat").rollout) == (4, None)


@pytest.mark.parametrize("percent", [100.1, -1, 0.001, True])
def test_a_share_that_no_rollout_has_is_refused(percent: float) -> None:
    reader = FakeReader({"chat": {"n": 1}})
    with pytest.raises(RolloutError):
        reader.set("chat", {"n": 2}, percent=percent)


def test_a_rollout_begins_from_a_release() -> None:
    with pytest.raises(RolloutError, match="stable is on no release of /ai/test/chat"):
        FakeReader({}).set("chat", {"n": 2}, percent=5)


@pytest.mark.parametrize("key", ["", "x" * 1_025, 7])
def test_a_key_that_the_reader_refuses_is_refused(key: Any) -> None:
    with pytest.raises(UsageError):
        FakeReader({"chat": CHAT}).get("chat", key=key)


# Outages and age


def test_in_an_outage_what_was_read_is_served_and_grows_older() -> None:
    reader = FakeReader({"chat": CHAT, "other": {}})
    assert reader.get("chat").age == 0
    with reader.outage():
        reader.advance(3_600)
        assert reader.get("chat") == CHAT
        assert reader.get("chat").age == 3_600
        with pytest.raises(StoreUnavailableError, match="a simulated outage"):
            reader.get("other")
    reader.refresh()  # or 60 s later: a reader pauses between its attempts
    assert reader.get("chat").age == 0
    assert reader.get("other") == {}


def test_an_outage_lasts_for_what_is_set_in_it() -> None:
    reader = FakeReader({"chat": {"n": 1}})
    reader.get("chat")
    with reader.outage():
        reader.set("chat", {"n": 2})
        assert reader.get("chat")["n"] == 1
    reader.advance(60)
    assert reader.get("chat")["n"] == 2


def test_max_stale_ends_what_an_outage_serves() -> None:
    reader = FakeReader({"chat": CHAT}, max_stale=600)
    reader.get("chat")
    with reader.outage():
        reader.advance(599)
        reader.get("chat")
        reader.advance(2)
        with pytest.raises(StaleConfigurationError):
            reader.get("chat")


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


def test_a_fallback_may_be_given_by_its_values() -> None:
    reader = FakeReader({"chat": {"n": 2}}, fallback={"chat": {"n": 1}}, label="canary")
    with reader.outage():
        chat = reader.get("chat")
    assert (chat, chat.from_fallback, chat.label) == ({"n": 1}, True, "canary")


def test_a_fallback_of_another_environment_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "fallback.json"
    file.write_text(fallback_document([FakeReader({"chat": {}}, environment="dev").get("chat")]))
    with pytest.raises(ReleaseError):
        FakeReader({}, fallback=file)


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


def test_a_project_with_findings_is_refused_with_all_of_them(project: Path) -> None:
    (project / "models" / "broken.py").write_text("MODEL = 1\n")
    (project / "models" / "worse.py").write_text("MODEL =\n")
    with pytest.raises(InvalidConfigurationError) as caught:
        FakeReader.from_project(project, "dev")
    assert {"broken", "worse"} <= {finding.where for finding in caught.value.findings}


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFoundError):
        FakeReader.from_project(tmp_path, "dev")
