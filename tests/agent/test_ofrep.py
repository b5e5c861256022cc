"""OpenFeature's Remote Evaluation Protocol, as its OpenAPI document has it."""

from __future__ import annotations

import json

import pytest
from support.agent import CHAT, SECRET

from model_config.format.errors import ReleaseError, StoreUnavailableError
from model_config.format.release import Release

ALL = "/ofrep/v1/evaluate/flags"


def evaluate(client, key, context=None):
    return client.post(f"{ALL}/{key}", json={} if context is None else {"context": context})


def test_a_flag_is_a_model_a_part_or_a_value_with_its_type(call):
    client = call()
    for key, text in [
        ("chat/generation/temperature", "1.0"),
        ("chat%2Fgeneration%2Fmax_tokens", "512"),
        ("chat/streaming", "true"),
        ("chat/prompts/system", '"Grüß {{name}}"'),
        ("chat/generation/stop", '["</a>"]'),
        ("chat/limits/a%2Fb/c", "1e+16"),
    ]:
        said = evaluate(client, key)
        assert f'"value":{text},' in said.text
        assert said.json()["key"] == key.replace("%2F", "/")
    assert evaluate(client, "chat").json()["value"] == CHAT


def test_variant_reason_and_metadata_are_always_there(call, reader):
    client = call()
    said = evaluate(client, "chat/streaming").json()
    digest = reader.get("chat").digest
    assert said == {
        "key": "chat/streaming",
        "value": True,
        "variant": "stable",
        "reason": "STATIC",
        "metadata": {"release": 1, "digest": digest, "version": "1", "flagSetId": "test"},
    }
    reader.set("chat", CHAT, percent=100)
    said = evaluate(client, "chat", {"targetingKey": "ada"}).json()
    assert (said["variant"], said["reason"]) == ("candidate", "SPLIT")
    with reader.outage():
        reader.advance(6)
        said = evaluate(client, "chat").json()
    assert (said["variant"], said["reason"]) == ("candidate", "STALE")


def test_a_flag_that_is_not_there(call):
    client = call()
    for key in ("none", "chat/none", "chat/generation/none", "a b", ""):
        said = evaluate(client, key)
        assert (key, said.status_code, said.json()["errorCode"]) == (key, 404, "FLAG_NOT_FOUND")
        assert said.json()["errorDetails"]
    assert evaluate(client, "chat/").json()["value"] == CHAT  # the whole model


def test_a_targeting_key_that_can_be_no_unit(call):
    client = call()
    for unit in ("", "x" * 1025, 5, None, "\ud800", ["a"]):
        body = json.dumps({"context": {"targetingKey": unit}})
        for path in (f"{ALL}/chat", ALL):
            said = client.post(path, content=body)
            assert (said.status_code, said.json()["errorCode"]) == (400, "INVALID_CONTEXT")
            assert "targetingKey" in said.json()["errorDetails"]


def test_no_key_is_the_agents_own_unit(call, reader):
    reader.set("chat", {"n": 2}, percent=50)
    client = call()
    sides = {
        evaluate(client, "chat", context).json()["variant"] for context in (None, {}, {"a": 1})
    }
    assert sides == {reader.get("chat").rollout}


@pytest.mark.parametrize(
    ("problem", "code"),
    [(StoreUnavailableError("away"), "GENERAL"), (ReleaseError("x"), "PARSE_ERROR")],
)
def test_a_model_that_can_not_be_read(call, reader, problem, code):
    with reader.outage(problem):
        said = evaluate(call(), "other/n")
    assert (said.status_code, said.json()["errorCode"]) == (500, code)


def test_all_flags_are_those_that_can_be_asked_for(call, reader):
    reader.set("other", {"n": 1.0})
    client = call(["chat", "other", "none"])
    said = client.post(ALL, json={"context": {"targetingKey": "ada"}}).json()["flags"]
    flags = {flag["key"]: flag for flag in said}
    assert flags.pop("none")["errorCode"] == "FLAG_NOT_FOUND"
    assert flags["other/n"]["value"] == 1.0
    assert {"chat", "chat/generation", "chat/generation/temperature", "chat/prompts/system"} < set(
        flags
    )
    for key, flag in flags.items():
        assert evaluate(client, key, {"targetingKey": "ada"}).json() == flag


def test_all_flags_are_304_while_nothing_moved(call, reader):
    client = call()

    def ask(etag=""):
        return client.post(ALL, json={}, headers={"If-None-Match": etag})

    first = ask()
    etag = first.headers["etag"]
    assert (ask(etag).status_code, ask(etag).content) == (304, b"")
    reader.set("other", {"n": 1})  # that nobody has read
    assert ask(etag).status_code == 304
    reader.set("chat", {"n": 2})
    again = ask(etag)
    assert (again.status_code, again.json()["flags"][0]["value"]) == (200, {"n": 2})


def test_a_secret_is_never_a_flag(call):
    client = call(serves_secrets=True)
    for key in ("chat/secrets", "chat/secrets/api_key", "chat/api_key"):
        assert evaluate(client, key).status_code == 404
    assert SECRET not in client.post(ALL, json={}).text


def test_a_field_that_is_none_has_no_value(call, reader):
    config = {"generation": {"stop": None}}
    reader._add(Release.of("chat", "test", "Chat", config, none=["generation/seed"]), {}, None)
    client = call()
    for path in ("generation/seed", "generation/stop"):
        said = evaluate(client, f"chat/{path}").json()
        assert (said["reason"], "value" in said) == ("STATIC", False)
        assert client.get(f"/v1/models/chat/values/{path}").json()["value"] is None
