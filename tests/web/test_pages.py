"""The content of each page, and what no page contains."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.moves import promote

from model_config.format import release
from model_config.operate.rollouts.plan import RolloutPlan
from model_config.operate.rollouts.rollouts import Rollouts, utc_now
from model_config.operate.rollouts.start import NewRollout
from model_config.operate.store import OperatorStore
from model_config.operate.target import Target
from model_config.plan.project import Project
from model_config.web.site import Site

from .conftest import CONFIG, PROMPT, SECRET, Deployer, browser, environment

PAGES = [
    "/",
    "/model/dev/chat",
    "/release/dev/chat/3",
    "/release/dev/chat/stable",
    "/compare/dev@1/dev@latest/chat",
    "/compare/dev@stable/prod@stable/chat",
    "/compare/dev@latest/prod@latest",
    "/rollout/dev/chat",
    "/drift/dev",
]


def text(html: str) -> str:
    """A page's text, without markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


@pytest.mark.usefixtures("three_releases")
@pytest.mark.parametrize("address", PAGES)
def test_every_page_is_there_and_holds_no_secret_and_no_markup_of_a_prompt(
    client: TestClient, address: str
) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert SECRET not in answer.text
    assert "<script>alert" not in answer.text
    assert "style=" not in answer.text  # the policy forbids it
    assert not re.findall(r"<script(?! src=\"/static/)", answer.text)
    assert set(re.findall(r'(?:src|href|action)="(https?:[^"]+)"', answer.text)) == set()


@pytest.mark.usefixtures("three_releases")
def test_the_first_page_shows_the_status(client: TestClient) -> None:
    html = client.get("/").text
    said = text(html)
    assert "newest 3 stable 2" in said
    assert "newest 1 stable 1" in said
    assert 'data-flags="behind drift"' in html  # the values and the secret were not deployed
    assert "4 edited" in said


def test_500_models_are_on_one_page(ssm: Any) -> None:
    deployer = Deployer(ssm)
    for number in range(500):
        text = release.write_release(release.Release.of(f"m{number}", "dev", "Own", {}))
        deployer.put(f"/ai/dev/m{number}/release", text.document)
    answer = browser(Site([environment("dev", ssm)])).get("/")
    assert answer.status_code == 200
    assert answer.text.count(">newest 1</a>") == 500


@pytest.mark.usefixtures("own_project")
def test_an_environment_with_nothing_in_it_says_so(client: TestClient) -> None:
    said = text(client.get("/").text)
    assert "nothing deployed" in said
    assert "5 not deployed" in said


@pytest.mark.usefixtures("three_releases")
def test_a_model_shows_its_releases_and_their_changes(client: TestClient) -> None:
    html = client.get("/model/dev/chat").text
    said = text(html)
    assert "release 3" in said
    assert "~ model_id" in said
    assert "~ generation/stop ~ generation/temperature ~ model_id" in said
    assert '<a class="aside" href="/compare/dev@2/dev@3/chat">compare</a>' in html
    assert 'href="/model/prod/chat"' in html


@pytest.mark.usefixtures("three_releases")
def test_who_moved_a_label_and_why_is_on_the_models_page(client: TestClient, ssm: Any) -> None:
    target = Target("dev", "/ai", client=ssm)
    promote(target.labels, "chat", "stable", reason="warmer <b>answers</b>")
    html = client.get("/model/dev/chat").text
    assert "stable moved from release 2 to 3" in html
    assert "<q>warmer &lt;b&gt;answers&lt;/b&gt;</q>" in html


@pytest.mark.usefixtures("three_releases")
def test_a_release_shows_values_prompts_and_how_to_read_it(client: TestClient) -> None:
    html = client.get("/release/dev/chat/3").text
    said = text(html)
    assert "temperature 0.5" in said
    assert '<mark data-variable="company">{{company}}</mark>' in html
    assert "model-config show chat --release 3 -e dev" in said
    assert "model-config diff-releases chat 2 3 -e dev" in said
    assert 'reader.get("chat", release=3)' in said
    assert "with the variables that model-config local serve prints" in said
    assert "arn:aws:ssm:eu-west-1:123456789012:parameter/ai/dev/chat/release" in said
    assert "api_key /ai/dev/chat/secrets/api_key" in said


@pytest.mark.usefixtures("three_releases")
def test_the_parameters_are_shown_with_the_release_that_they_hold(client: TestClient) -> None:
    said = text(client.get("/release/dev/chat/1").text)
    assert "The parameters hold the values of the newest release" in said
    assert "arn:aws:ssm" not in said


@pytest.mark.usefixtures("three_releases")
def test_a_comparison_has_values_in_a_table_and_both_sides_in_its_address(
    client: TestClient,
) -> None:
    html = client.get("/compare/dev@1/dev@latest/chat").text
    assert "<del><code>0.1</code></del>" in html
    assert "<ins><code>0.5</code></ins>" in html
    assert "2 identical values" in text(html)
    assert '<option value="dev@1" selected>' in html
    assert 'href="/compare/dev@latest/dev@1/chat">swap</a>' in html


@pytest.fixture
def compared(client: TestClient, deploy: Callable[..., int]) -> Callable[..., str]:
    """The page that compares two releases with these prompts."""

    def call(after: str, before: str = PROMPT) -> str:
        for text in (before, after):
            deploy({**CONFIG, "prompts": {"system": text}})
        return client.get("/compare/dev@1/dev@2/chat").text

    return call


def test_a_prompt_that_changed_is_shown_side_by_side(compared: Callable[..., str]) -> None:
    html = compared(PROMPT.replace("kind", "friendly to {{name}}"))
    assert "<del>kind</del>" in html
    assert "<ins>friendly to {{name}}</ins>" in html
    assert "New variables: name . Applications must pass them" in text(html)
    assert "&lt;script&gt;alert(&#39;prompt&#39;)&lt;/script&gt;" in html


def test_a_change_of_white_space_alone_is_reported(compared: Callable[..., str]) -> None:
    html = compared(PROMPT.replace("Be kind", "Be  kind"))
    assert "only white space" in html
    assert "<ins>··</ins>" in html


@pytest.mark.usefixtures("three_releases")
def test_selecting_two_sides_redirects_to_their_address(client: TestClient) -> None:
    chosen = {"before": "dev@1", "after": "prod@stable", "model": "chat"}
    answer = client.get("/compare", params=chosen, follow_redirects=False)
    assert answer.headers["location"] == "/compare/dev@1/prod@stable/chat"


@pytest.mark.usefixtures("three_releases")
def test_two_environments_are_compared_with_their_settings(
    client: TestClient, own_project: Project, deploy: Callable[..., int]
) -> None:
    deploy(model="only_here")
    file = own_project.stack_file("prod")
    file.write_text("config:\n  aws:region: eu-west-1\n  model-config:protect: true\n")
    said = text(client.get("/compare/dev@latest/prod@latest").text)
    assert "Stack settings value before after model-config:protect none" in said
    assert "only_here only before" in said
    assert "Identical: chat" in said


@pytest.mark.usefixtures("three_releases")
def test_a_rollout_shows_its_plan_and_where_it_is(client: TestClient, ssm: Any) -> None:
    assert "No rollout is under way" in client.get("/rollout/dev/chat").text
    rollouts = Rollouts(Target("dev", "/ai", client=ssm).labels)
    plan = RolloutPlan((25, 100), timedelta(hours=1), timedelta(hours=1))
    rollouts.write(rollouts.start("chat", NewRollout("stable", plan, utc_now())))
    html = client.get("/rollout/dev/chat").text
    said = text(html)
    assert "Release 3 is being rolled out to the readers of stable , which is on release 2" in said
    assert "now 25 %, running" in said
    assert 'class="plan" d="M0 200H0.0V150.0' in html
    assert "25 % of stable, running" in text(client.get("/").text)


@pytest.mark.usefixtures("three_releases")
def test_drift_shows_the_differences_and_what_to_do(client: TestClient, ssm: Any) -> None:
    Deployer(ssm).put("/ai/dev/chat/stray", "?")
    said = text(client.get("/drift/dev").text)
    assert "unmanaged 1" in said
    assert "chat stray program and release: nothing; SSM: something" in said
    assert "Adopt it ( model-config import )" in said
    assert '<a aria-current="page"' not in said


def test_a_release_that_cannot_be_read_says_why(
    client: TestClient, deploy: Callable[..., int]
) -> None:
    deploy()
    deploy(document="{")
    assert "not valid JSON" in text(client.get("/").text)
    assert "not valid JSON" in text(client.get("/model/dev/chat").text)
    assert "not valid JSON" in text(client.get("/release/dev/chat/2").text)
    answer = client.get("/compare/dev@1/dev@2/chat")
    assert (answer.status_code, "not valid JSON" in answer.text) == (422, True)


@pytest.mark.usefixtures("three_releases")
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/model/dev/nobody", "nobody"),
        ("/model/prdo/chat", 'did you mean "prod"'),
        ("/release/dev/chat/99", "there is no release 99"),
        ("/release/dev/chat/canary", "has the label"),
        ("/compare/dev@1/dev@/nobody", "nobody"),
        ("/release/dev/chat/%3Cscript%3E", "&lt;script&gt;"),
    ],
)
def test_a_missing_page_says_what_to_do(client: TestClient, address: str, said: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert said in unescape(answer.text) or said in answer.text


def test_an_unknown_address_is_not_found(client: TestClient) -> None:
    assert client.get("/model/dev").status_code == 404
    assert client.get("/static/../app.py").status_code == 404


def test_a_prompt_of_100_kb_and_one_with_nothing_in_common_are_shown(
    client: TestClient, compared: Callable[..., str]
) -> None:
    html = compared("Etwas ganz anderes\n" * 5_000, before="A line of the first prompt\n" * 3_700)
    assert client.get("/release/dev/chat/1").text.count("A line of the first prompt") == 3_700
    assert "<del>A line of the first prompt</del>" in html
    assert "<ins>Etwas ganz anderes</ins>" in html


def test_while_aws_is_away_the_first_page_shows_what_git_has(
    loopback: Any, own_project: Project
) -> None:
    loopback.answers = [loopback.resets()]
    answer = browser(Site([environment("dev", loopback.client())], own_project)).get("/")
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert "chat" in text(answer.text)
    assert "unknown" in text(answer.text)


def test_while_aws_is_away_a_page_says_so(loopback: Any) -> None:
    loopback.answers = [loopback.resets()]
    client = browser(Site([environment("dev", loopback.client())]))
    for address in ("/model/dev/chat", "/release/dev/chat/1", "/compare/dev@1/dev@2/chat"):
        assert client.get(address).status_code == 503


@pytest.mark.usefixtures("three_releases")
def test_when_aws_goes_away_a_page_shows_what_was_read_before(
    site: Site, client: TestClient, loopback: Any
) -> None:
    assert "release 3" in text(client.get("/model/dev/chat").text)
    loopback.answers = [loopback.resets()]
    before = site.environments["dev"]
    away = OperatorStore(loopback.client())
    site.environments["dev"] = replace(before, store=away)
    said = text(client.get("/model/dev/chat").text)
    assert "release 3" in said
    assert re.search(r"The data was read at 20\d\d-\d\d-\d\d \d\d:\d\d UTC", said)


def test_a_denied_request_names_the_permission(loopback: Any) -> None:
    loopback.answers = [loopback.refuses("AccessDeniedException", "not authorized")]
    answer = browser(Site([environment("dev", loopback.client())])).get("/model/dev/chat")
    assert answer.status_code == 422
    assert "ssm:GetParameterHistory" in answer.text


@pytest.mark.usefixtures("three_releases")
def test_an_invalid_project_is_reported_and_deployed_models_are_shown(
    client: TestClient, own_project: Project
) -> None:
    own_project.module("chat").write_text("MODEL = nothing")
    said = text(client.get("/").text)
    assert "nothing" in said
    assert "newest 3" in said
    assert client.get("/drift/dev").status_code == 422


def test_without_a_project_there_is_no_drift(ssm: Any, deploy: Callable[..., int]) -> None:
    deploy()
    client = browser(Site([environment("dev", ssm)]))
    assert "newest 1" in text(client.get("/").text)
    assert "no project here" in client.get("/drift/dev").text


def test_an_internal_error_is_a_page_too(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(Site, "inventory_of", fail)
    answer = client.get("/model/dev/chat")
    assert answer.status_code == 500
    assert "ZeroDivisionError" in answer.text
    assert SECRET not in answer.text
