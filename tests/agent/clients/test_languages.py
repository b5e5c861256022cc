"""OpenFeature's SDKs for TypeScript, Go and Java over the agent, and the examples as they stand."""

from __future__ import annotations

import json
import subprocess

import pytest
from moto.server import ThreadedMotoServer
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from support.agent import CHAT, TOKEN
from support.aws import REGION, SESSION
from support.waiting import wait_until

from model_config.format.names import release_name, release_part
from model_config.format.release import Release, write_release
from model_config.testing import FakeReader

TEMPERATURE = "chat/generation/temperature"


@pytest.fixture
def client(connect, language):
    return connect(language)


def test_every_kind_of_value(client, reader):
    for kind, flag, default, value in [
        ("string", "chat/prompts/system", "", "Grüß {{name}}"),
        ("float", TEMPERATURE, 0, 1),
        ("integer", "chat/generation/max_tokens", 0, 512),
        ("boolean", "chat/streaming", False, True),
        ("object", "chat/generation", {}, CHAT["generation"]),
        ("object", "chat", {}, CHAT),
    ]:
        said = client.evaluate(kind, flag, default)
        assert (said["value"], said["reason"], said["variant"]) == (value, "STATIC", "stable")
        assert said["metadata"]["release"] == 1
        assert said["metadata"]["digest"] == reader.get("chat").digest


def test_what_is_not_there_is_the_applications_default(client):
    for flag, code in [
        ("none", "FLAG_NOT_FOUND"),
        ("chat/none", "FLAG_NOT_FOUND"),
        ("chat/prompts/system", "TYPE_MISMATCH"),
    ]:
        said = client.evaluate("boolean", flag, default=True)
        assert (said["value"], said["reason"], said["code"]) == (True, "ERROR", code)


def test_ten_thousand_keys_are_on_the_side_that_pythons_reader_says(client, reader):
    reader.set("chat", {"prompts": {"system": "candidate"}}, percent=30)
    units = [f"größe-{number}" for number in range(10_000)]
    question = {"type": "string", "flag": "chat/prompts/system", "default": ""}
    said = client.ask(*({**question, "key": unit} for unit in units))
    expected = [reader.get("chat", key=unit) for unit in units]
    assert [one["variant"] for one in said] == [one.rollout for one in expected]
    assert [one["value"] for one in said] == [one["prompts"]["system"] for one in expected]
    assert {one["reason"] for one in said} == {"SPLIT"}
    assert 0.28 < sum(one["variant"] == "candidate" for one in said) / len(said) < 0.32


def test_ten_thousand_keys_by_the_python_client(serve, reader):
    reader.set("chat", {"prompts": {"system": "candidate"}}, percent=30)
    authorization = {"Authorization": f"Bearer {TOKEN}"}
    api.set_provider_and_wait(OFREPProvider(serve(), headers_factory=lambda: authorization))
    client = api.get_client()
    for number in range(10_000):
        unit = f"größe-{number}"
        context = EvaluationContext(targeting_key=unit)
        said = client.get_string_details("chat/prompts/system", "", context)
        expected = reader.get("chat", key=unit)
        assert (said.variant, said.value) == (expected.rollout, expected["prompts"]["system"])
    api.shutdown()


def test_an_outage_is_served_and_said(client, reader):
    assert client.evaluate("float", TEMPERATURE, 0)["reason"] == "STATIC"
    with reader.outage():
        reader.advance(6)
        said = client.evaluate("float", TEMPERATURE, 0)
        assert (said["value"], said["reason"]) == (1, "STALE")
    reader.advance(60)
    wait_until(lambda: client.evaluate("float", TEMPERATURE, 0)["reason"] == "STATIC")


def test_a_rollback_is_seen_when_the_time_to_live_is_over(client, reader):
    reader.set("chat", {**CHAT, "streaming": False})
    assert client.evaluate("boolean", "chat/streaming", default=True)["value"] is False
    reader._fake_source.promote("/ai/test/chat", 1, "stable")
    reader.advance(5)
    assert client.evaluate("boolean", "chat/streaming", default=False)["value"] is True


def test_a_wrong_token_and_a_long_key_are_told(connect, language):
    said = connect(language, "wrong").evaluate("float", TEMPERATURE, 0.5)
    assert (said["value"], said["code"]) == (0.5, "GENERAL")
    said = connect(language).evaluate("float", TEMPERATURE, 0.5, key="x" * 1025)
    assert (said["value"], said["code"]) == (0.5, "INVALID_CONTEXT")


def test_bulk_evaluation_is_304_while_nothing_moved(connect, language_of_examples, reader):
    client = connect(language_of_examples)
    (first,) = client.ask({"etag": ""})
    (again,) = client.ask({"etag": first["etag"]})
    assert (first["status"], again["status"]) == (200, 304)
    reader.set("chat", {"n": 2})
    (moved,) = client.ask({"etag": first["etag"]})
    assert moved["status"] == 200


SUPPORT = {"generation": {"temperature": 0.25}, "prompts": {"system": "Grüß {{name}} 😀"}}


def run(command, **environment):
    environment |= {"AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_with_openfeature(language_of_examples, serve, tmp_path):
    reader = FakeReader({"support_chat": SUPPORT}, release=7)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    settings = {"AGENT_URL": serve(reader=reader), "AGENT_TOKEN_FILE": str(tmp_path / "token")}
    assert (
        run(language_of_examples("openfeature"), **settings)
        == "release 7 (stable), temperature 0.25\n"
    )


def forms():
    """Return releases as a deploy writes them: plain, compressed and in parts."""
    noise = "".join(chr(33 + (n * n * 31 + n // 7) % 15_000) for n in range(40_000))
    for text in ("", "abc " * 3000, noise):
        config = {**SUPPORT, "other": text}
        yield Release.of("support_chat", "prod", "Chat", config, secrets=["api_key"])


def test_the_documented_program_reads_all_forms_from_ssm(language_of_examples):
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    ssm = SESSION.client("ssm", endpoint_url=address)
    settings = {
        "AWS_ENDPOINT_URL": address,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    path, seen = "/ai/prod/support_chat", set()
    try:
        for content in forms():
            text = write_release(content)
            put = {release_part(path, part): value for part, value in text.parts.items()}
            for name, value in {**put, release_name(path): text.document}.items():
                version = ssm.put_parameter(
                    Name=name, Value=value, Type="SecureString", Overwrite=True
                )["Version"]
            ssm.label_parameter_version(
                Name=release_name(path), ParameterVersion=version, Labels=["stable"]
            )
            seen |= {"config", "zlib", "parts"} & json.loads(text.document).keys()
            said = run([*language_of_examples("ssm"), path, "stable"], **settings)
            assert said == content.text + "\n"
    finally:
        server.stop()
    assert seen == {"config", "zlib", "parts"}
