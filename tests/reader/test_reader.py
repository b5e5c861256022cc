from __future__ import annotations

import asyncio
import json
import threading
import time
from enum import IntEnum
from typing import Any

import boto3
import pytest
from support.aws import SESSION
from support.documents import Documents, digest_of

from model_config import Reader
from model_config.format.errors import (
    LabelNotFoundError,
    ModelNotFoundError,
    ReleaseNotFoundError,
    SecretUnavailableError,
    UsageError,
)
from model_config.reader.source import Stored

CHAT = {"provider": "p", "generation": {"temperature": 0.2, "stop": ["a", "b"]}, "on": True}
SSM = SESSION.client("ssm")
RELEASE, ROLLOUT = "/ai/prod/chat/release", "/ai/prod/chat/rollout"


def secrets(count: int) -> dict[str, str]:
    return {f"key{number}": f"text{number}" for number in range(count)}


# What it gives


def test_a_configuration_has_real_types_and_says_where_it_is_from(aws: Any) -> None:
    aws.deploy(CHAT, label="stable")
    reader = Reader("prod", client=aws.client)
    chat = reader.get("chat")
    assert chat["generation"]["temperature"] == 0.2
    assert chat["on"] is True
    assert (list(chat), len(chat)) == (list(CHAT), 3)
    assert (chat.model, chat.environment, chat.release, chat.label) == ("chat", "prod", 1, "stable")
    assert chat.digest == digest_of(CHAT)
    assert chat.schema == "Chat"
    assert not chat.from_fallback
    assert repr(chat) == "<Configuration chat in prod: release 1 (stable)>"
    mine = chat.as_dict()
    assert mine == CHAT
    mine["generation"]["stop"].append("c")  # it is the caller's own
    assert reader.get("chat").as_dict() == CHAT


def test_what_was_released_is_what_is_read(aws: Any) -> None:
    odd = [
        None,
        True,
        -0.0,
        2.0,
        2,
        1e16,
        2**53 - 1,
        "",
        "{{{",
        '"',
        "\x00\x7f\x85\u2028 é😀",
        {},
        [],
    ]
    config = {"z": odd, "": {"{{": odd, "a": [[odd]]}, "7": 7, "x" * 99: "\n" * 5_000}
    aws.deploy(config, label="stable")
    read = Reader("prod", client=aws.client).get("chat").as_dict()
    assert json.dumps(read) == json.dumps(config)  # which tells 2 from 2.0, and the order


# Which release


def test_a_label_a_number_and_latest_each_give_their_release(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable")
    aws.deploy({"n": 2}, label="canary")
    aws.deploy({"n": 3})
    reader = Reader("prod", client=aws.client)
    assert reader.get("chat")["n"] == 1
    assert reader.get("chat", label="canary")["n"] == 2
    latest = reader.get("chat", label="latest")
    assert (latest["n"], latest.release, latest.label) == (3, 3, "latest")
    by_number = reader.get("chat", release=2)
    assert (by_number["n"], by_number.release, by_number.label) == (2, 2, None)
    pin = IntEnum("Pin", {"SECOND": 2})  # an application may have names for its pins
    assert Reader("prod", client=aws.client).get("chat", release=pin.SECOND)["n"] == 2


def test_label_and_environment_come_from_the_argument_else_the_environment(
    aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.deploy({"n": 1}, label="stable")
    aws.deploy({"n": 2}, label="canary")
    monkeypatch.setenv("MODEL_CONFIG_ENVIRONMENT", "prod")
    monkeypatch.setenv("MODEL_CONFIG_LABEL", "canary")
    chat = Reader(client=aws.client).get("chat")
    assert (chat.environment, chat["n"]) == ("prod", 2)
    assert Reader(label="stable", client=aws.client).get("chat")["n"] == 1
    assert Reader("dev", client=aws.client).status()["environment"] == "dev"
    with pytest.raises(ModelNotFoundError, match="/other/dev/chat/release"):
        Reader("dev", prefix="/other", client=aws.client).get("chat")
    monkeypatch.setenv("MODEL_CONFIG_LABEL", "")
    assert Reader(client=aws.client).get("chat").label == "stable"
    monkeypatch.setenv("MODEL_CONFIG_ENVIRONMENT", "")
    with pytest.raises(UsageError, match="set MODEL_CONFIG_ENVIRONMENT"):
        Reader(client=aws.client)


# How many requests


def test_a_cold_read_is_one_request_and_two_with_secrets(aws: Any) -> None:
    aws.deploy(CHAT, label="stable")
    aws.deploy(CHAT, secrets(2), label="stable", model="other")
    reader = Reader("prod", client=aws.client)
    reader.get("chat")
    assert aws.requests == [("GetParameters", [f"{RELEASE}:stable", ROLLOUT])]
    aws.requests.clear()
    reader.get("other")
    assert len(aws.requests) == 2
    aws.requests.clear()
    assert reader.get("chat") is reader.get("chat")
    assert aws.requests == []


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (8, 1), (9, 2), (18, 2), (19, 3)])
def test_a_renewal_is_one_request_with_up_to_eight_secrets(
    clock: Any, count: int, requests: int
) -> None:
    source = Documents()
    source.deploy({"n": 1}, secrets(count))
    reader = Reader("prod", source=source, clock=clock, max_wait=60)
    reader.get("chat")
    clock.advance(301)
    source.asked.clear()
    assert reader.get("chat").age == 0
    assert len(source.asked) == requests
    asked = [name for names in source.asked for name in names]
    assert len(asked) == len({name.partition(":")[0] for name in asked}) == count + 2


def test_secrets_that_a_new_release_names_take_one_request_more(aws: Any, clock: Any) -> None:
    aws.deploy({"n": 1}, {"a": "1"}, label="stable")
    reader = Reader("prod", client=aws.client, clock=clock, max_wait=60)
    reader.get("chat")
    aws.deploy({"n": 2}, {"b": "2"}, label="stable")
    clock.advance(301)
    chat = reader.get("chat")
    assert {path: secret.reveal() for path, secret in chat.secrets.items()} == {"b": "2"}
    assert [names for _, names in aws.requests] == [
        [f"{RELEASE}:stable", ROLLOUT, "/ai/prod/chat/secrets/a"],
        [f"{RELEASE}:2"],
        ["/ai/prod/chat/secrets/b"],
    ]


# Secrets


@pytest.mark.parametrize(
    ("stored", "text"),
    [('{"a": 1}', '{"a": 1}'), ("5", "5"), ("é\n", "é\n"), ('"a\\u007b{b}}"', "a{{b}}")],
)
def test_a_secret_stands_as_itself_unless_it_had_to_be_quoted(stored: str, text: str) -> None:
    source = Documents()
    source.deploy({}, {"key": stored})
    assert Reader("prod", source=source).get("chat").secrets["key"].reveal() == text


def test_a_secret_that_is_gone_is_an_error_with_its_name() -> None:
    source = Documents()
    source.deploy({}, {"key": "x"})
    del source.documents["/ai/prod/chat/secrets/key"]
    with pytest.raises(SecretUnavailableError, match="/ai/prod/chat/secrets/key"):
        Reader("prod", source=source).get("chat")


# What has changed, and what hasn't


def test_a_release_by_number_is_read_once_and_renews_its_secrets(aws: Any, clock: Any) -> None:
    aws.deploy({"n": 1}, {"key": "old"})
    aws.deploy({"n": 2}, {"key": "older than what is put"})
    aws.put("/ai/prod/chat/secrets/key", "rotated")
    reader = Reader("prod", client=aws.client, clock=clock, max_wait=60)
    chat = reader.get("chat", release=1)
    assert (chat["n"], chat.secrets["key"].reveal()) == (1, "rotated")
    aws.put("/ai/prod/chat/secrets/key", "again")
    aws.requests.clear()
    clock.advance(1e9)
    assert reader.get("chat", release=1).secrets["key"].reveal() == "again"
    look = ("GetParameters", [f"{RELEASE}:1", "/ai/prod/chat/secrets/key"])
    assert aws.requests == [look, ("GetParameters", ["/ai/prod/chat/secrets/key:4"])]


def test_nothing_is_decrypted_but_what_has_another_version(aws: Any, clock: Any) -> None:
    aws.deploy({"n": 1}, {"a": "1", "b": "2"}, label="stable")
    reader = Reader("prod", client=aws.client, clock=clock, max_wait=60)
    kept = reader.get("chat").secrets["a"]
    aws.decrypted.clear()
    for _ in range(3):
        clock.advance(31)
        assert reader.get("chat").age == 0
    assert (aws.decrypted, reader.get("chat").secrets["a"] is kept) == ([], True)
    aws.put("/ai/prod/chat/secrets/b", "rotated")
    clock.advance(31)
    assert reader.get("chat").secrets["b"].reveal() == "rotated"
    assert aws.decrypted == [["/ai/prod/chat/secrets/b:2"]]
    aws.deploy({"n": 2}, {"a": "1", "b": "rotated"})
    aws.decrypted.clear()
    aws.client.label_parameter_version(Name=RELEASE, ParameterVersion=2, Labels=["stable"])
    clock.advance(31)
    assert reader.get("chat")["n"] == 2
    assert sorted(aws.decrypted[0]) == [
        f"{RELEASE}:2",
        "/ai/prod/chat/secrets/a:2",
        "/ai/prod/chat/secrets/b:3",
    ]
    assert len(aws.decrypted) == 1


def test_whatever_moves_arrives_within_the_time_to_live(aws: Any, clock: Any) -> None:
    ttl = 30
    for n in (1, 2, 3):
        aws.deploy({"n": n}, {"key": "old"}, label="stable" if n == 1 else None)
    reader = Reader("prod", client=aws.client, clock=clock, max_wait=60, ttl=ttl)
    assert (reader.get("chat")["n"], reader.get("chat", label="latest")["n"]) == (1, 3)
    # By any tool: here by none of ours.
    aws.client.label_parameter_version(Name=RELEASE, ParameterVersion=2, Labels=["stable"])
    clock.advance(ttl)
    assert reader.get("chat")["n"] == 2
    aws.put("/ai/prod/chat/secrets/key", "rotated")
    aws.deploy({"n": 4}, {"key": "rotated"})
    clock.advance(ttl)
    assert reader.get("chat").secrets["key"].reveal() == "rotated"
    assert reader.get("chat", label="latest")["n"] == 4
    aws.client.delete_parameter(Name=RELEASE)
    assert aws.deploy({"n": 5}, label="stable") == 1
    assert aws.deploy({"n": 6}, label="stable") == 2  # made anew, with the number that it had
    clock.advance(ttl)
    assert reader.get("chat")["n"] == 6


def test_what_changes_between_the_look_and_the_read_is_looked_at_again() -> None:
    # What it is deleted and made anew with after each look: release 1 is another and not stable;
    # there is no release 2; nothing changes.
    anew = [[3, 4], [5], []]

    class Moves(Documents):
        def look(self, names: Any) -> Any:
            seen = super().look(names)
            if made := anew.pop(0):
                self.documents[RELEASE].clear()
            for n in made:
                self.deploy({"n": n})
            return seen

    source = Moves()
    source.deploy({"n": 1})
    reader = Reader("prod", source=source)
    reader.get("chat")
    source.documents[RELEASE].clear()
    source.deploy({"n": 2})
    reader.refresh()
    assert reader.get("chat")["n"] == 5


def test_a_source_that_cannot_look_is_read_each_time(clock: Any) -> None:
    class Old:
        def __init__(self) -> None:
            self.text = "old"

        def get(self, names: Any) -> Any:
            found = inner.get(names)
            return {name: Stored(name, it.version, it.text) for name, it in found.items()}

        def close(self) -> None: ...

    inner = Documents()
    inner.deploy({"n": 1}, {"key": "old"})
    reader = Reader("prod", source=Old(), clock=clock, max_wait=60)
    assert reader.get("chat").secrets["key"].reveal() == "old"
    inner.put("/ai/prod/chat/secrets/key", "new")
    clock.advance(31)
    assert reader.get("chat").secrets["key"].reveal() == "new"
    inner.documents[RELEASE].clear()
    inner.deploy({"n": 2}, {"key": "new"})
    clock.advance(31)
    assert (reader.get("chat")["n"], reader.get("chat").release) == (2, 1)


def test_parts_are_kept_and_fetched_once(aws: Any, clock: Any) -> None:
    # Two releases whose compressed texts begin alike.
    text = "".join(chr(200 + number * 7919 % 50_000) for number in range(9_000))
    aws.deploy({"a": text, "b": 1}, label="stable")
    reader = Reader("prod", client=aws.client, clock=clock, max_wait=60)

    def parts() -> set[str]:
        return {name for names in aws.decrypted for name in names if "/parts/" in name}

    assert reader.get("chat").as_dict() == {"a": text, "b": 1}
    assert (first := parts())
    for n in (2, 3):
        aws.requests.clear()
        clock.advance(31)
        assert reader.get("chat").age == 0  # renewed, and nothing has changed
        assert len(aws.requests) == 1
        aws.deploy({"a": text, "b": n}, label="stable")
        aws.decrypted.clear()
        clock.advance(31)
        assert reader.get("chat")["b"] == n
        assert parts()
        assert not first & parts()


# What isn't there


def test_what_is_not_there_is_told_with_a_command_that_works_and_lists_nothing(aws: Any) -> None:
    aws.deploy(CHAT)
    reader = Reader("prod", client=aws.client)
    for label in ("stable", "stable-previous"):
        with pytest.raises(
            LabelNotFoundError, match="promote chat --label stable --environment prod"
        ):
            reader.get("chat", label=label)
    with pytest.raises(ReleaseNotFoundError, match="no release 9 of chat in prod: the newest is 1"):
        reader.get("chat", release=9)
    selectors: list[dict[str, Any]] = [{}, {"label": "latest"}, {"release": 3}]
    for selector in selectors:
        with pytest.raises(ModelNotFoundError) as caught:
            reader.get("chta", **selector)
        assert "no release of chta in prod: no parameter /ai/prod/chta/release" in str(caught.value)
        assert "`model-config tree --deployed --environment prod`" in str(caught.value)
    assert {operation for operation, _ in aws.requests} == {"GetParameters"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"model": "a/b"}, "'a/b' is not a valid model"),
        ({"model": ""}, "'' is not a valid model"),
        ({"model": "chat", "label": "7"}, "'7' is not a valid label"),
        ({"model": "chat", "release": 0}, "a whole number from 1, not 0"),
        ({"model": "chat", "release": 1.5}, "a whole number from 1, not 1.5"),
        ({"model": "chat", "release": True}, "a whole number from 1, not True"),
        ({"model": "chat", "label": "a", "release": 1}, "not both"),
        ({"model": "chat", "label": ""}, "'' is not a valid label"),
        ({"model": None}, "None is not a valid model"),
        ({"model": ["chat"]}, r"'chat'. is not a valid model"),
        ({"model": "chat", "label": 1}, "label must be a str, not int"),
        ({"model": "chat", "label": True}, "label must be a str, not bool"),
        ({"model": "chat", "release": "latest"}, "a whole number from 1, not 'latest'"),
        ({"model": "chat", "release": "1"}, "a whole number from 1, not '1'"),
        ({"model": "chat", "release": [1]}, "a whole number from 1, not .1."),
        ({"model": "chat", "schema": dict}, "schema takes a class of model_config.schema"),
        ({"model": "chat", "schema": {}}, "schema takes a class of model_config.schema"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_without_asking(
    arguments: dict[str, Any], text: str
) -> None:
    source = Documents()
    source.deploy({"n": 1})
    reader = Reader("prod", source=source, label="latest")
    with pytest.raises(UsageError, match=text):
        reader.get(**arguments)
    assert source.asked == []
    reader.get("chat")
    reader.get("chat", release=1)  # which True equals
    with pytest.raises(UsageError, match=text):
        reader.get(**arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"environment": "a/b"}, "'a/b' is not a valid env"),
        ({"prefix": "ai"}, "'ai' is not a valid prefix"),
        ({"prefix": "/ai/"}, "must begin with a slash"),
        ({"prefix": "//ai"}, "no double"),
        ({"label": "aws-stable"}, "'aws-stable' is not a valid label"),
        ({"ttl": -1}, "ttl is a number of seconds from 0"),
        ({"ttl": float("nan")}, "ttl"),
        ({"ttl": "300"}, "ttl is a number of seconds from 0, not '300'"),
        ({"max_wait": None}, "max_wait is a number"),
        ({"ttl": 300, "max_stale": 299}, "max_stale .299. is below ttl .300."),
        ({"ttl": 0, "max_wait": 0}, "pass only one"),
        ({"label": ""}, "'' is not a valid label"),
        ({"label": 7}, "label must be a str, not int"),
        ({"environment": None}, "set MODEL_CONFIG_ENVIRONMENT"),
        ({"environment": ""}, "'' is not a valid env"),
        ({"prefix": None}, "None is not a valid prefix"),
        ({"client": boto3.Session()}, "client is of type Session: pass a boto3 client for SSM"),
        ({"client": SESSION.client("sts")}, "client is a client for sts"),
        ({"client": SSM, "region": "eu-west-1"}, "region can't be combined with client"),
        ({"source": 1, "client": SSM}, "not both"),
        ({"source": 5}, "source is of type int: pass a Source"),
        ({"secrets": "false"}, "secrets must be a bool, not str"),
        ({"session": SSM}, "session is of type SSM: pass a boto3 or botocore session"),
        ({"region": 7}, "region must be a str, not int"),
        ({"fallback": 7}, "fallback must be a file's path or its parsed content, not int"),
        ({"clock": lambda: 0.0}, r"its `wall\(\)` seconds since 1970"),
        ({"connect_timeout": 0}, "connect_timeout is a number of seconds from 0.001"),
    ],
)
def test_a_reader_cannot_be_made_with_what_it_cannot_use(
    arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(UsageError, match=text):
        Reader(**{"environment": "prod", **arguments})


# asyncio, life and death


def test_an_asyncio_application_reads_without_blocking_its_loop() -> None:
    source, turn = Documents(), threading.Event()
    source.deploy({"n": 1})
    source.before = lambda: turn.wait(timeout=20)
    reader = Reader("prod", source=source)

    async def read() -> list[Any]:
        reads = [asyncio.create_task(reader.aget("chat")) for _ in range(8)]
        await asyncio.sleep(0)
        turn.set()  # only now may the source answer
        found = await asyncio.gather(*reads)
        assert asyncio.get_running_loop()._default_executor is None  # which belongs to others
        return found

    began = time.monotonic()
    assert {chat["n"] for chat in asyncio.run(read())} == {1}
    assert (source.requests, time.monotonic() - began < 20) == (1, True)
