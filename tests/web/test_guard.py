"""Only a browser that opened the printed address gets pages; other sites get nothing through it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from model_config.web.server import Guard

TOKEN = "the-token"
VISIT = {
    "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
}  # fmt: skip


def served(base_url: str = "http://127.0.0.1:4580") -> TestClient:
    async def page(_: Any) -> PlainTextResponse:
        return PlainTextResponse("a page")

    app = Starlette(routes=[Route("/{path:path}", page)])
    return TestClient(Guard(app, TOKEN, 4580), base_url=base_url, follow_redirects=False)


@pytest.fixture
def client() -> TestClient:
    client = served()
    client.cookies.set("model-config-4580", TOKEN)
    return client


def test_the_token_is_taken_out_of_the_address_and_kept_in_a_cookie() -> None:
    client = served()
    answer = client.get(f"/model/dev/chat?commits=yes&token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/model/dev/chat?commits=yes")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"model-config-4580={TOKEN}; HttpOnly; Path=/; SameSite=lax")
    assert client.get("/").text == "a page"


def test_the_way_without_the_token_never_leads_to_another_host() -> None:
    answer = served().get(f"http://127.0.0.1:4580//evil.example/?token={TOKEN}")
    assert answer.headers["location"].startswith("/evil.example")


def test_without_the_token_there_is_no_page(client: TestClient) -> None:
    for address in ("/", "/model/dev/chat", "/compare?before=a&after=b"):
        answer = served().get(address)
        assert answer.status_code == 403
        assert "<code>model-config ui</code> printed" in answer.text
    assert "outdated token" in served().get("/?token=of-the-last-run").text
    client.cookies.set("model-config-4580", "of-the-last-run")
    assert client.get("/").status_code == 403
    other = served()
    other.cookies.set("model-config-9999", TOKEN)  # of another port
    assert other.get("/").status_code == 403


def test_styles_need_no_token_but_everything_else_that_is_checked() -> None:
    assert served().get("/static/style.css").status_code == 200
    assert served("http://evil.example").get("/static/style.css").status_code == 403


def status(client: TestClient, **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get("/", headers=given).status_code


def test_the_port_may_be_that_of_a_tunnel_and_the_host_is_loopback(client: TestClient) -> None:
    for host in ("127.0.0.1:4580", "localhost:4580", "localhost", "127.0.0.1:9000"):
        assert status(client, Host=host) == 200, host
    for host in (
        "evil.example", "evil.example:4580", "127.0.0.1.evil.example", "0.0.0.0:4580",
        "127.0.0.1@evil",
    ):  # fmt: skip
        assert status(client, Host=host) == 403, host


def test_a_forwarded_request_is_refused(client: TestClient) -> None:
    for header in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"):
        answer = client.get("/", headers={header: "127.0.0.1"})
        assert (answer.status_code, "forwarded" in answer.text) == (403, True), header


def test_another_site_reads_nothing_and_our_own_pages_lead_to_each_other(client: TestClient):
    other_server = "http://127.0.0.1:3000"  # on this machine
    for origin in ("http://evil.example", other_server, "null"):
        assert status(client, Origin=origin) == 403, origin
    for site in ("cross-site", "same-site"):
        assert status(client, Sec_Fetch_Site=site) == 403, site
    assert status(client, Origin="http://127.0.0.1:4580", Sec_Fetch_Site="same-origin") == 200
    assert status(client, Sec_Fetch_Site="none") == 200  # typed
    assert status(client) == 200  # a browser without these headers


def test_a_link_that_a_colleague_sent_opens_and_nothing_is_embedded(client: TestClient) -> None:
    assert client.get("/", headers=VISIT).status_code == 200
    for dest in ("iframe", "image", "script", "empty"):
        headers = {**VISIT, "Sec-Fetch-Dest": dest}
        assert client.get("/", headers=headers).status_code == 403, dest


def test_every_answer_says_what_a_page_may_load(client: TestClient) -> None:
    for address in ("/", "/?token=wrong", "/static/style.css"):
        headers = client.get(address).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
