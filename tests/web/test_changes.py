"""Pages change labels and rollouts only if allowed, after a preview and a confirmation."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.moves import promote

from model_config.operate.target import Target
from model_config.web.site import Site

from .conftest import browser

ORIGIN = {"Origin": "http://127.0.0.1:4580", "Sec-Fetch-Site": "same-origin"}
PROMOTE = "/change/promote/dev/chat"


@pytest.fixture
def changer(site: Site, three_releases: None) -> TestClient:  # noqa: ARG001
    return browser(site, allows_changes=True)


def labels(ssm: Any) -> dict[str, int]:
    return Target("dev", "/ai", client=ssm).releases("chat").labels


def shown(client: TestClient, address: str, **typed: str) -> tuple[str, dict[str, str]]:
    """A change's preview, and the fields of the form that confirms it."""
    answer = client.get(address, params=typed)
    assert answer.status_code == 200, answer.text
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text)
    return answer.text, {name: unescape(value) for name, value in fields}


@pytest.mark.usefixtures("three_releases")
def test_changes_are_neither_offered_nor_made_by_default(client: TestClient, ssm: Any) -> None:
    assert "/change/" not in client.get("/model/dev/chat").text
    assert client.get(PROMOTE).status_code == 404
    assert client.post(PROMOTE, headers=ORIGIN).status_code in {404, 405}
    assert labels(ssm) == {"stable": 2}


def test_a_promotion_is_previewed_and_made_after_a_confirmation(
    changer: TestClient, ssm: Any
) -> None:
    assert PROMOTE in changer.get("/model/dev/chat").text
    html, form = shown(changer, PROMOTE, release="3", label="stable", reason="newer")
    assert "stable moves from release 2 to release 3." in html
    assert "<ins><code>&#34;gpt-4.1&#34;</code></ins>" in html
    assert labels(ssm) == {"stable": 2}
    done = changer.post(PROMOTE, data=form, headers=ORIGIN)
    assert "stable moved from release 2 to release 3." in done.text
    assert labels(ssm) == {"stable": 3, "stable-previous": 2}
    assert "<q>newer</q>" in changer.get("/model/dev/chat").text


def test_a_rollback_says_that_it_holds_the_label(changer: TestClient, ssm: Any) -> None:
    changer.post(PROMOTE, data=shown(changer, PROMOTE, release="3")[1], headers=ORIGIN)
    address = "/change/rollback/dev/chat"
    html, form = shown(changer, address, label="stable", reason="")
    assert "stable moves from release 3 to release 2." in html
    assert "It will be held there" in html
    changer.post(address, data=form, headers=ORIGIN)
    assert labels(ssm) == {"stable": 2, "stable-previous": 2}


def test_a_rollout_is_started_and_aborted(changer: TestClient) -> None:
    start, abort = "/change/start/dev/chat", "/change/abort/dev/chat"
    html, form = shown(changer, start, release="3", steps="5,100", every="30m", label="stable")
    assert "5, 100 %. The first step starts immediately, each further step 30m later" in html
    assert "has started" in changer.post(start, data=form, headers=ORIGIN).text
    assert "5 % of stable, running" in changer.get("/model/dev/chat").text
    html, form = shown(changer, abort, reason="complaints")
    assert "get release 2 again" in html
    assert "was aborted" in changer.post(abort, data=form, headers=ORIGIN).text
    assert "No rollout is under way" in changer.get("/rollout/dev/chat").text


def test_a_change_by_somebody_else_since_the_preview_refuses_the_confirmation(
    changer: TestClient, ssm: Any
) -> None:
    _, form = shown(changer, PROMOTE, release="3")
    promote(Target("dev", "/ai", client=ssm).labels, "chat", "stable", release=1)
    answer = changer.post(PROMOTE, data=form, headers=ORIGIN)
    assert answer.status_code == 404
    assert "changed by somebody else" in answer.text
    assert labels(ssm)["stable"] == 1


def test_confirming_twice_changes_nothing_more(changer: TestClient, ssm: Any) -> None:
    _, form = shown(changer, PROMOTE, release="3")
    for status in (200, 404):
        assert changer.post(PROMOTE, data=form, headers=ORIGIN).status_code == status
    assert labels(ssm) == {"stable": 3, "stable-previous": 2}


@pytest.mark.parametrize("token", [None, "", "of-another-session"])
def test_a_form_without_the_sessions_token_is_refused(
    changer: TestClient, ssm: Any, token: str | None
) -> None:
    _, form = shown(changer, PROMOTE, release="3")
    form = {name: value for name, value in form.items() if name != "form_token"}
    form |= {} if token is None else {"form_token": token}
    assert changer.post(PROMOTE, data=form, headers=ORIGIN).status_code == 403
    assert labels(ssm) == {"stable": 2}


def test_each_session_has_a_form_token_of_its_own(site: Site, three_releases: None) -> None:  # noqa: ARG001
    one, other = (shown(browser(site, allows_changes=True), PROMOTE)[1] for _ in range(2))
    assert one["form_token"] != other["form_token"]


@pytest.mark.parametrize(
    ("address", "typed", "said"),
    [
        (PROMOTE, {"release": "x"}, "a whole number"),
        (PROMOTE, {"release": "99"}, "no release 99"),
        (PROMOTE, {"label": "latest"}, "is not a valid label"),
        ("/change/rollback/dev/chat", {}, "stable-previous is on no release"),
        ("/change/start/dev/chat", {"steps": "50,5", "every": "30m"}, "don't increase"),
        ("/change/start/dev/chat", {"steps": "5", "every": "soon"}, "not a duration"),
        ("/change/abort/dev/chat", {}, "no rollout of chat"),
        ("/change/delete/dev/chat", {}, "unknown change"),
        ("/change/promote/dev/nobody", {}, "nobody"),
    ],
)
def test_an_impossible_change_is_refused_with_the_reason(
    changer: TestClient, address: str, typed: dict[str, str], said: str
) -> None:
    answer = changer.get(address, params=typed)
    assert answer.status_code == 404
    assert said in unescape(answer.text)
