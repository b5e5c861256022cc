"""Whose requests are answered, and what a hostile client can't do."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress

import httpx2
import pytest
from support.agent import HEADERS, SECRET, TOKEN

from model_config.agent import server
from model_config.agent.answers import BODY_BYTES
from model_config.format.errors import UsageError

MODEL = "/v1/models/chat"


def test_only_an_application_on_this_machine_with_the_token_is_answered(call):
    client = call(headers={})
    for headers, status in [
        ({}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": "Bearer grüße".encode()}, 401),
        (HEADERS | {"Host": "evil.example"}, 403),
        (HEADERS | {"Host": "127.0.0.1.evil.example:2774"}, 403),
        (HEADERS | {"Host": ""}, 403),
        (HEADERS | {"Origin": "http://127.0.0.1:2774"}, 403),
        (HEADERS | {"Origin": "null"}, 403),
        (HEADERS | {"X-Forwarded-For": "10.0.0.1"}, 403),
        (HEADERS | {"Forwarded": "for=10.0.0.1"}, 403),
        (HEADERS | {"Host": "localhost"}, 200),
        (HEADERS | {"Host": "LOCALHOST:2774"}, 200),
        ({"Authorization": f"bearer  {TOKEN}"}, 200),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        (HEADERS | {"Host": "127.0.0.1:9"}, 200),
        (HEADERS | {"Host": "[::1]:2774"}, 200),
    ]:
        said = client.get(MODEL, headers=headers)
        assert (headers, said.status_code) == (headers, status)
        if status != 200:
            assert said.json()["error"] == "Refused"
            assert TOKEN not in said.text


def test_health_needs_no_token_but_a_host_of_ours(call):
    client = call(headers={})
    for path in ("/healthz", "/readyz"):
        assert client.get(path).status_code == 200
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 403


def test_another_address_has_its_own_name_or_any(call):
    assert call(hosts={"10.0.0.5"}).get(MODEL, headers={"Host": "10.0.0.5:1"}).status_code == 200
    assert call(hosts=None).get(MODEL, headers={"Host": "agent:1"}).status_code == 200


def test_no_page_of_another_site_may_read_an_answer(call):
    client = call()
    said = [client.get(MODEL), client.options(MODEL), client.get(MODEL, headers={"Origin": "x"})]
    assert not [name for one in said for name in one.headers if name.startswith("access-control")]


def test_a_body_has_a_limit_whether_it_is_declared_or_not(call):
    client = call()
    body = b'{"path": "prompts/system", "x": "' + b"x" * (BODY_BYTES - 100)
    for path in ("/v1/models/chat/render", "/ofrep/v1/evaluate/flags/chat"):
        assert client.post(path, content=body).status_code == 400
        for large in (b"x" * 10_000_000, iter([b"x" * 10_000] * 1000)):
            assert client.post(path, content=large).status_code == 413


def test_a_body_that_is_no_json_object_is_refused(call):
    client = call()
    no_objects = [b"", b"{", b"\xff\xfe", b"[" * 60_000, b'"\\ud800"', b"[1]", b"null", b"NaN"]
    half = b'{"path": "prompts/system", "variables": {"name": "\\ud800"}}'
    said = call().post("/v1/models/chat/render", content=half)
    assert (said.status_code, said.json()["error"]) == (400, "UsageError")
    for body in no_objects:
        assert client.post("/v1/models/chat/render", content=body).json()["error"] == "UsageError"
        said = client.post("/ofrep/v1/evaluate/flags/chat", content=body)
        assert said.status_code == 400
        assert said.json()["errorCode"] in {"PARSE_ERROR", "INVALID_CONTEXT"}


def test_an_error_that_nobody_foresaw_tells_nothing(call, reader, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError(SECRET)

    monkeypatch.setattr(reader, "aget", broken)
    client = call()
    client.raise_server_exceptions = False
    client._transport.raise_server_exceptions = False
    said = client.get(MODEL)
    assert (said.status_code, said.json()["error"]) == (500, "RuntimeError")
    assert SECRET not in said.text


def connect(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def ends(connection: socket.socket) -> bytes:
    """Return what arrives until the server closes the connection."""
    said = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(4096):
            said += part
    return said


def test_a_client_that_sends_no_whole_request_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.2)
    healthy = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    drips = (
        "POST /v1/models/chat/render HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: 100\r\n\r\n{{"
    )
    address = serve()
    with ExitStack() as all_of_them:
        began, connections = time.monotonic(), []
        for sent in (b"", b"GET /v1/models/chat HT", drips.encode(), healthy):
            connections.append(all_of_them.enter_context(connect(address)))
            connections[-1].sendall(sent)
        assert connections[-1].recv(4096)
        connections[-1].sendall(b"GET /hea")  # a second request has a deadline too
        assert [ends(connection) for connection in connections[:-1]] == [b""] * 3
        ends(connections[-1])
        assert time.monotonic() - began < 5


def test_connections_are_bounded_and_come_free_again(serve, monkeypatch):
    monkeypatch.setattr(server, "CONNECTIONS", 20)
    address = serve()
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with ExitStack() as all_of_them:
        held = [all_of_them.enter_context(connect(address)) for _ in range(20)]
        for one in held:  # so that each is known to the server
            one.sendall(request.replace(b"Connection: close\r\n", b""))
            assert one.recv(4096)
        with connect(address) as one_more:
            assert ends(one_more) == b""
    for _ in range(50):  # the server notices their end in its own time
        with connect(address) as connection, suppress(OSError):
            connection.sendall(request)
            if said := ends(connection):
                assert b'{"healthy":true}' in said
                return
    pytest.fail("no connection came free")


def test_a_unix_socket_is_for_the_user_and_the_group(serve, tmp_path):
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as killed:  # what an agent leaves that was killed
        killed.bind(str(path))
    serve(listener=server.listen_on(path))
    assert path.stat().st_mode & 0o777 == 0o660
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(path))) as client:
        assert client.get(f"http://localhost{MODEL}", headers=HEADERS).json()["release"] == 1
    with pytest.raises(UsageError, match="Address already in use"):
        server.listen_on(path)
    with pytest.raises(UsageError, match="too long"):
        server.listen_on(tmp_path / ("x" * 200))
