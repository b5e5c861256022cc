"""Configurations, values and rendered prompts over HTTP."""

from __future__ import annotations

import pytest
from support.agent import CHAT, SECRET
from support.waiting import wait_until

from model_config.format.errors import ReleaseError, StoreUnavailableError
from model_config.testing import FakeReader

MODEL = "/v1/models/chat"


def is_ready(client):
    """Return whether the models are read, which a thread does."""
    return client.get("/readyz").json() == {"ready": True}


def test_a_configuration_is_whole_and_says_where_it_is_from(call, reader):
    digest = reader.get("chat").digest
    assert call().get(MODEL).json() == {
        "model": "chat",
        "environment": "test",
        "release": 1,
        "digest": digest,
        "rollout": None,
        "stale": False,
        "config": CHAT,
    }


def test_a_label_a_release_and_latest_can_be_asked_for(call, reader):
    reader.set("chat", {"n": 2}, label="canary")
    reader.set("chat", {"n": 3}, label="other")
    client = call()
    for query, release in [("label=canary", 2), ("release=2", 2), ("label=latest", 3), ("", 1)]:
        assert client.get(f"{MODEL}?{query}").json()["release"] == release


def test_a_value_has_its_own_type_and_a_number_its_form(call):
    client = call()
    for path, text in [
        ("generation/temperature", "1.0"),
        ("generation/max_tokens", "512"),
        ("streaming", "true"),
        ("prompts/system", '"Grüß {{name}}"'),
        ("limits/a/b/c", "1e+16"),
        ("generation", '{"temperature":1.0,"max_tokens":512,"stop":["</a>"]}'),
    ]:
        said = client.get(f"{MODEL}/values/{path}")
        assert f'"path":"{path}","value":{text}}}' in said.text


def test_a_prompt_is_rendered_strictly(call):
    client = call()

    def render(body):
        return client.post(f"{MODEL}/render", json=body)

    said = render({"path": "prompts/system", "variables": {"name": "{{x}}"}}).json()
    assert (said["value"], said["release"]) == ("Grüß {{x}}", 1)
    for body, what in [
        ({"path": "prompts/system"}, "no value for name"),
        ({"path": "prompts/system", "variables": {"name": "a", "x": "b"}}, "not a variable"),
        ({"path": "prompts/system", "variables": {"name": 1.5}}, "type float"),
        ({"path": "prompts/none", "variables": {}}, "prompts/none"),
    ]:
        said = render(body)
        assert said.status_code in {400, 404}
        assert what in said.json()["message"]
    for body in [{}, [], {"path": 1}, {"path": "x", "variables": []}, {"path": "x", "other": 1}]:
        assert render(body).json()["error"] == "UsageError"


def test_secrets_are_given_only_if_both_sides_ask_for_them(call):
    with_secrets = call(serves_secrets=True)
    assert with_secrets.get(f"{MODEL}?secrets=true").json()["secrets"] == {"api_key": SECRET}
    assert SECRET not in with_secrets.get(MODEL).text
    refused = call().get(f"{MODEL}?secrets=true")
    assert (refused.status_code, SECRET in refused.text) == (403, False)
    assert "--secrets" in refused.json()["message"]


def test_an_etag_holds_until_something_moves(call, reader):
    client = call(serves_secrets=True)
    plain, whole = MODEL, f"{MODEL}?secrets=true"
    etags = {url: client.get(url).headers["etag"] for url in (plain, whole)}

    def status(url):
        headers = [("If-None-Match", '"more"'), ("If-None-Match", f'"other", W/{etags[url]}')]
        return client.get(url, headers=headers).status_code

    assert (status(plain), status(whole)) == (304, 304)
    reader.set("chat", CHAT, secrets={"api_key": "sk-rotated"}, release=1)
    assert (status(plain), status(whole)) == (304, 200)
    reader.set("chat", CHAT)
    assert (status(plain), status(whole)) == (200, 200)


def test_an_etag_tells_the_sides_of_a_rollout_apart(call, reader):
    reader.set("chat", {"n": 2}, percent=50)
    client = call()
    said = [client.get(f"{MODEL}?key={unit}") for unit in range(8)]
    etags = {(answer.json()["rollout"], answer.headers["etag"]) for answer in said}
    assert {side for side, _ in etags} == {"candidate", "control"}
    assert len(etags) == 2


def test_an_error_has_its_name_and_what_to_do(call):
    client = call()
    for path, status, error in [
        ("/v1/models/none", 404, "ModelNotFoundError"),
        (f"{MODEL}?release=9", 404, "ReleaseNotFoundError"),
        (f"{MODEL}?label=none", 404, "LabelNotFoundError"),
        (f"{MODEL}/values/none", 404, "ValueNotFoundError"),
        (f"{MODEL}?label=9", 400, "UsageError"),
        (f"{MODEL}?label=a&release=1", 400, "UsageError"),
        (f"{MODEL}?release=x", 400, "UsageError"),
        (f"{MODEL}?release={'9' * 5000}", 400, "UsageError"),
        (f"{MODEL}?key=", 400, "UsageError"),
        (f"{MODEL}?key={'x' * 5000}", 400, "UsageError"),
        (f"{MODEL}?lable=stable", 400, "UsageError"),
        (f"{MODEL}?secrets=yes", 400, "UsageError"),
        ("/v1/models/a%20b", 400, "UsageError"),
        ("/v1/nothing", 404, "Refused"),
        (f"{MODEL}/render", 405, "Refused"),
    ]:
        said = client.get(path)
        assert (path, said.status_code, said.json()["error"]) == (path, status, error)
        assert said.json()["message"]


def test_an_outage_is_served_and_said(call, reader):
    client = call()
    wait_until(lambda: is_ready(client))
    with reader.outage():
        assert client.get(MODEL).json()["stale"] is False
        reader.advance(6)
        assert client.get(MODEL).json()["stale"] is True
        assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (200, 200)
        status = client.get("/v1/status").json()
        assert status["aws"]["state"] == "away"
    reader.advance(60)
    wait_until(lambda: not client.get(MODEL).json()["stale"])
    for seconds in (86_400 * 365, -86_400):  # a clock that jumps disturbs nothing
        reader.advance(seconds)
        assert client.get(MODEL).json()["config"] == CHAT


def test_an_outage_is_said_of_all_models_by_one_look_at_the_status(call, reader, monkeypatch):
    reader.set("other", {"n": 1})
    reader.get("other")
    looks, status = [], reader.status
    monkeypatch.setattr(reader, "status", lambda: looks.append(1) or status())
    client = call()
    with reader.outage():
        reader.advance(6)
        for _ in range(5):
            assert client.get(MODEL).json()["stale"] is True
            assert client.get("/v1/models/other").json()["stale"] is True
    assert len(looks) == 1


@pytest.mark.parametrize(
    ("problem", "status"), [(StoreUnavailableError("away"), 503), (ReleaseError("damaged"), 502)]
)
def test_without_aws_at_the_start_the_agent_lives_and_is_not_ready(call, reader, problem, status):
    with reader.outage(problem):
        client = call(["other"])
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        said = client.get("/v1/models/other")
        assert (said.status_code, said.json()["error"]) == (status, type(problem).__name__)
    reader.set("other", {"n": 1})
    reader.advance(60)
    wait_until(lambda: is_ready(client))


def test_without_aws_at_the_start_a_fallback_is_served(call):
    reader = FakeReader({}, fallback={"chat": CHAT})
    with reader.outage():
        client = call(reader=reader)
        wait_until(lambda: is_ready(client))
        said = client.get(MODEL).json()
    assert (said["config"], said["stale"]) == (CHAT, True)


def test_the_models_named_or_read_are_listed(call, reader):
    reader.set("other", {"n": 1})
    client = call()
    assert client.get("/v1/models").json() == {"models": ["chat"]}
    client.get("/v1/models/other")
    client.get("/v1/models/none")
    assert client.get("/v1/models").json() == {"models": ["chat", "other"]}


def test_fifty_models_are_preloaded_by_ten_names_a_request(call):
    models = {f"model_{number}": {"n": number} for number in range(50)}
    reader = FakeReader(models)
    before = len(reader.requests)
    client = call(list(models), reader=reader)
    wait_until(lambda: is_ready(client))
    names = reader.requests[before:]
    assert max(map(len, names)) == 10
    assert len(names) == -(-sum(map(len, names)) // 10)
