"""The content of each page, and what no page contains."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from moto import mock_aws
from starlette.testclient import TestClient
from support.moves import promote

from model_config.format import release
from model_config.local import local_aws
from model_config.operate import rollouts, services
from model_config.operate.rollout_plan import RolloutPlan, utc_now
from model_config.plan.lifecycle import today
from model_config.plan.project import Project
from model_config.web import server
from model_config.web.site import Site

from .conftest import (
    CONFIG,
    PROMPT,
    SECRET,
    Deployer,
    browser,
    deploy_three,
    environment,
    new_project,
    one_client,
    site_of,
)

PAGES = [
    "/",
    "/model/dev/chat",
    "/release/dev/chat/1",
    "/release/dev/chat/3",
    "/release/dev/chat/stable",
    "/compare/dev@1/dev@latest/chat",
    "/compare/dev@stable/prod@stable/chat",
    "/compare/dev@latest/prod@latest",
    "/rollout/dev/chat",
    "/drift/dev",
]
MISSING = {
    "/model/dev": "",
    "/static/../app.py": "",
    "/model/dev/nobody": "nobody",
    "/model/prdo/chat": 'did you mean "prod"',
    "/release/dev/chat/99": "there is no release 99",
    "/release/dev/chat/canary": "has the label",
    f"/release/dev/chat/{'9' * 5000}": "not a valid label",
    "/compare/dev@1/dev@/nobody": "nobody",
    "/release/dev/chat/%3Cscript%3E": "&lt;script&gt;",
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Each page of three releases in dev, stable on the second, and one in prod."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "PATIENCE", 60)
        ssm = one_client("ssm", "eu-west-1")
        deploy_three(Deployer(ssm).release)
        client = browser(site_of(ssm, new_project(tmp_path_factory.mktemp("project"))))
        return {address: client.get(address) for address in (*PAGES, *MISSING)}


def text(html: str) -> str:
    """A page's text, without markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html.replace("<wbr>", ""))))


def test_every_page_is_there_and_holds_no_secret_and_no_markup_of_a_prompt(pages: dict[str, Any]):
    for address in PAGES:
        answer = pages[address]
        assert answer.status_code == 200, address
        assert SECRET not in answer.text, address
        assert "<script>alert" not in answer.text, address
        assert "style=" not in answer.text, address  # the policy forbids it
        assert not re.findall(r"<script(?! src=\"/static/)", answer.text), address
        assert not re.findall(r'(?:src|href|action)="(https?:[^"]+)"', answer.text), address


def test_a_missing_page_says_what_to_do(pages: dict[str, Any]) -> None:
    for address, said in MISSING.items():
        answer = pages[address]
        assert answer.status_code == 404, address
        assert said in unescape(answer.text) or said in answer.text, address


def test_the_first_page_shows_the_status(pages: dict[str, Any]) -> None:
    html = pages["/"].text
    said = text(html)
    assert "newest 3 stable 2" in said
    assert "newest 1 stable 1" in said
    assert 'data-flags="behind drift"' in html  # the values and the secret were not deployed
    assert "4 not deployed" in said
    assert "dev local AWS prod local AWS" in said
    assert "evidence" not in said
    assert "No rollout is under way" in pages["/rollout/dev/chat"].text


def test_a_model_shows_its_releases_and_their_changes(pages: dict[str, Any]) -> None:
    html = pages["/model/dev/chat"].text
    said = text(html)
    assert "release 3" in said
    assert "~ model_id" in said
    assert "~ generation/stop ~ generation/temperature ~ model_id" in said
    assert '<a class="aside" href="/compare/dev@2/dev@3/chat">compare</a>' in html
    assert 'href="/model/prod/chat"' in html
    assert "model-config promote chat -e dev" in said
    assert "model-config rollback" not in said  # stable has been on no release before
    assert "<form" not in html


def test_a_release_shows_values_prompts_and_how_to_read_it(pages: dict[str, Any]) -> None:
    html = pages["/release/dev/chat/3"].text
    said = text(html)
    assert "temperature 0.5" in said
    assert '<mark data-variable="company">{{company}}</mark>' in html
    assert "model-config show chat --release 3 -e dev" in said
    assert "model-config diff-releases chat 2 3 -e dev" in said
    assert 'reader.get("chat", release=3)' in said
    assert "with the variables that model-config local serve prints" in said
    # Its parameters are shown with the newest alone, which they hold.
    assert "arn:aws:ssm:eu-west-1:123456789012:parameter/ai/dev/chat/release" in said
    assert "api_key /ai/dev/chat/secrets/api_key" in said
    older = text(pages["/release/dev/chat/1"].text)
    assert "The page of the newest release lists the parameters" in older
    assert "arn:aws:ssm" not in older


def test_a_comparison_has_values_in_a_table_and_both_sides_in_its_address(pages: dict[str, Any]):
    html = pages["/compare/dev@1/dev@latest/chat"].text
    assert "<del><code>0.1</code></del>" in html
    assert "<ins><code>0.5</code></ins>" in html
    assert "2 identical values" in text(html)
    assert '<option value="dev@1" selected>' in html
    assert 'href="/compare/dev@latest/dev@1/chat">swap</a>' in html


def test_a_model_without_stable_is_counted_since_its_readers_get_errors(client, deploy):
    deploy(label="canary")
    html = client.get("/").text
    assert "no stable (1)" in text(html)
    assert "no stable: readers get an error" in html
    assert 'data-flags="drift unserved"' in html
    deploy(label="stable")
    assert "no stable (0)" in text(client.get("/").text)


def test_the_pages_of_a_protected_environment_are_marked(client, own_project, deploy):
    for stack in ("dev", "prod"):
        deploy(environment=stack)
    file = own_project.stack_file("prod")
    file.write_text(f"{file.read_text()}  model-config:protect: true\n")
    mark = '<header class="protected">'
    first = client.get("/").text
    assert ("prod local AWS, protected" in text(first), mark in first) == (True, False)
    assert mark in client.get("/model/prod/chat").text
    assert mark not in client.get("/model/dev/chat").text


@pytest.mark.usefixtures("three_releases")
def test_on_aws_the_account_and_the_region_are_shown_once_they_are_known(ssm, monkeypatch):
    bedrock = local_aws.client("bedrock", "eu-west-1")
    really = services.aws_client
    monkeypatch.setattr(
        services, "aws_client", lambda name, at: bedrock if name == "bedrock" else really(name, at)
    )
    at = replace(environment("dev", ssm), is_local=False)
    client = browser(Site([at]))
    assert "dev AWS" in text(client.get("/model/dev/nobody").text)
    with Stubber(bedrock) as stub:
        stub.add_client_error("list_foundation_models", "AccessDeniedException", "no")
        said = text(client.get("/").text)
    assert said == text(client.get("/").text)  # Bedrock is asked once
    assert "dev account 123456789012, eu-west-1" in said
    assert "dev: what Bedrock retires is unknown: bedrock:ListFoundationModels" in said


def test_pages_link_only_to_pages_that_exist(client, own_project, deploy, ssm):
    deploy(label="stable")
    own_project.module("not_deployed").write_text(own_project.module("chat").read_text())
    Deployer(ssm).put("/ai/dev/nobody/generation/note", "a String of an earlier tool")
    waiting, seen = ["/"], {"/"}
    for address in waiting:
        answer = client.get(address)
        assert answer.status_code == 200, address
        links = {unescape(link) for link in re.findall(r'<a [^>]*href="(/[^"]*)"', answer.text)}
        waiting += sorted(links - seen)
        seen |= links
    assert {"/model/dev/chat", "/drift/prod"} <= seen
    assert "not_deployed" in text(client.get("/").text)
    assert "nobody" in text(client.get("/drift/dev").text)


def test_more_models_than_a_page_of_ssm_holds_are_on_one_page(ssm: Any) -> None:
    deployer = Deployer(ssm)
    for number in range(51):
        text = release.write_release(release.Release.of(f"m{number}", "dev", "Own", {}))
        deployer.put(f"/ai/dev/m{number}/release", text.document)
    answer = browser(Site([environment("dev", ssm)])).get("/")
    assert answer.status_code == 200
    assert answer.text.count(">newest 1</a>") == 51


def test_an_environment_with_nothing_in_it_says_so(client: TestClient) -> None:
    said = text(client.get("/").text)
    assert "nothing deployed" in said
    assert "5 not deployed" in said


def test_evidence_is_shown_with_its_release_and_in_the_overview(client, own_project, deploy):
    deploy()
    page = client.get("/release/dev/chat/1").text
    (digest,) = set(re.findall("sha256:[0-9a-f]{64}", page))
    tests = [{"name": "<b>greets</b>", "rate": 0.5, "floor": 0.9, "repeats": 2}]
    content = {"format": 1, "digest": digest, "at": "2026-11-28T00:00:00Z", "by": "ada"}
    file = own_project.root / "evidence" / f"{digest.removeprefix('sha256:')}.json"
    file.parent.mkdir()
    file.write_text(json.dumps({**content, "tests": tests}))
    for page in ("/", "/release/dev/chat/1"):
        html = client.get(page).text
        assert "evidence failed" in html
        assert "&lt;b&gt;greets&lt;/b&gt;" in html
    file.write_text(json.dumps({**content, "tests": [{**tests[0], "floor": 0.5}]}))
    said = text(client.get("/release/dev/chat/1").text)
    assert "evidence: 1 test passed, the lowest in 50 % of runs" in said


@pytest.mark.usefixtures("three_releases")
def test_a_promoted_release_whose_model_retires_soon_has_a_badge(client, own_project):
    file = own_project.root / "lifecycle.yaml"
    soon, later = (today() + timedelta(days=days) for days in (30, 300))
    file.write_text(f"checked: {today()}\nmodels:\n  gpt-4.0: {{retires: {soon}}}\n")
    said = text(client.get("/").text)
    assert f"release 2: gpt-4.0 retires on {soon}, in 30 days" in said
    file.write_text(file.read_text().replace(str(soon), str(later)))
    assert "retires" not in text(client.get("/").text)
    file.write_text("models: 3")
    answer = client.get("/")
    assert answer.status_code == 200
    assert "lifecycle.yaml: checked: field required" in text(answer.text)


@pytest.fixture
def compared(client: TestClient, deploy: Callable[..., int]) -> Callable[..., str]:
    """The page that compares two releases with these prompts."""

    def call(after: str, before: str = PROMPT) -> str:
        first, second = (deploy({**CONFIG, "prompts": {"system": it}}) for it in (before, after))
        return client.get(f"/compare/dev@{first}/dev@{second}/chat").text

    return call


def test_a_prompt_that_changed_is_shown_side_by_side(compared: Callable[..., str]) -> None:
    html = compared(PROMPT.replace("kind", "friendly to {{name}}"))
    assert "<del>kind</del>" in html
    assert "<ins>friendly to {{name}}</ins>" in html
    assert "New variables: name . Applications must pass them" in text(html)
    assert "&lt;script&gt;alert(&#39;prompt&#39;)&lt;/script&gt;" in html
    blanks = compared(PROMPT.replace("Be kind", "Be  kind"))
    assert "only white space" in blanks
    assert "<ins>··</ins>" in blanks


def test_a_reordered_dict_says_what_moved_and_not_the_whole_value(client, deploy):
    for keys in (("answer", "reason"), ("reason", "answer")):
        deploy({**CONFIG, "response_schema": dict.fromkeys(keys, "string")})
    said = text(client.get("/compare/dev@1/dev@2/chat").text)
    assert "response_schema order changed: reason now first" in said
    assert "~ response_schema compare" in text(client.get("/model/dev/chat").text)


def test_a_message_is_a_prompt_and_a_text_that_is_no_template_is_not(client, deploy):
    messages = [{"role": "user", "content": "Hello {{name}}"}]
    deploy({**CONFIG, "messages": messages, "latex": "\\frac{{a}}{b}"})
    html = client.get("/release/dev/chat/1").text
    assert "messages/<wbr>0/<wbr>content" in html
    assert '<mark data-variable="name">{{name}}</mark>' in html
    assert '0/role "user"' in text(html)
    assert 'data-variable="a"' not in html


def test_invisible_characters_are_shown_by_their_code_points(client, compared, deploy):
    hidden = PROMPT.replace("kind", "ki\N{ZERO WIDTH SPACE}nd\N{TAG LATIN SMALL LETTER A}")
    assert "<ins>kiU+200BndU+E0061</ins>" in compared(hidden)
    assert "kiU+200BndU+E0061" in client.get("/release/dev/chat/2").text
    deploy({**CONFIG, "model_id": "gpt\N{RIGHT-TO-LEFT OVERRIDE}4"})
    for address in ("/release/dev/chat/3", "/compare/dev@2/dev@3/chat"):
        assert "gptU+202E4" in client.get(address).text


@pytest.mark.usefixtures("three_releases")
def test_two_environments_are_compared_with_their_settings(client, own_project, deploy):
    deploy(model="only_here")
    assert "<h1>only_<wbr>here <small>" in client.get("/model/dev/only_here").text
    chosen = {"before": "dev@1", "after": "prod@stable", "model": "chat"}
    answer = client.get("/compare", params=chosen, follow_redirects=False)
    assert answer.headers["location"] == "/compare/dev@1/prod@stable/chat"
    file = own_project.stack_file("prod")
    file.write_text("config:\n  aws:region: eu-west-1\n  model-config:protect: true\n")
    said = text(client.get("/compare/dev@latest/prod@latest").text)
    assert "Stack settings value before after model-config:protect none" in said
    assert "only_here only before" in said
    assert "Identical: chat" in said


@pytest.mark.usefixtures("three_releases")
def test_a_rollout_shows_its_plan_and_who_ended_it_and_why(client: TestClient, ssm: Any) -> None:
    new = rollouts.NewRollout("stable", RolloutPlan((25, 100), timedelta(hours=1)), utc_now())
    rollouts.start(environment("dev", ssm), "chat", new).write()
    html = client.get("/rollout/dev/chat").text
    said = text(html)
    assert "Release 3 is being rolled out to the readers of stable , which is on release 2" in said
    assert "now 25 %, running" in said
    assert 'class="plan" d="M0 200H0.0V150.0' in html
    assert html.count('class="tick') == 4
    assert "model-config rollout pause chat -e dev" in said
    assert "model-config rollout abort chat -e dev" in said
    assert "25 % of stable, running" in text(client.get("/").text)
    promote(environment("dev", ssm), "chat", "stable", reason="warmer <b>answers</b>")
    html = client.get("/model/dev/chat").text
    assert "stable moved from release 2 to 3" in html
    assert "<q>warmer &lt;b&gt;answers&lt;/b&gt;</q>" in html


@pytest.mark.usefixtures("three_releases")
def test_drift_shows_the_differences_and_what_to_do(client: TestClient, ssm: Any) -> None:
    Deployer(ssm).put("/ai/dev/chat/stray", "?")
    said = text(client.get("/drift/dev").text)
    assert "unmanaged 1" in said
    assert "chat stray program and release: nothing; SSM: something" in said
    assert "model-config import" in said
    assert '<a aria-current="page"' not in said


def test_a_release_that_cannot_be_read_says_why(client: TestClient, deploy: Callable[..., int]):
    deploy()
    deploy(document="{")
    assert "not valid JSON" in text(client.get("/").text)
    assert "not valid JSON" in text(client.get("/model/dev/chat").text)
    assert "not valid JSON" in text(client.get("/release/dev/chat/2").text)
    answer = client.get("/compare/dev@1/dev@2/chat")
    assert (answer.status_code, "not valid JSON" in answer.text) == (422, True)


def test_a_prompt_of_100_kb_and_one_with_nothing_in_common_are_shown(client, compared):
    html = compared("Etwas ganz anderes\n" * 500, before="A line of the first prompt\n" * 3_700)
    assert client.get("/release/dev/chat/1").text.count("A line of the first prompt") == 3_700
    assert "<del>A line of the first prompt</del>" in html
    assert "<ins>Etwas ganz anderes</ins>" in html


def test_while_aws_is_away_the_first_page_shows_what_git_has(loopback: Any, own_project: Project):
    loopback.answers = [loopback.resets()]
    client = browser(Site([environment("dev", loopback.client())], own_project))
    answer = client.get("/")
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert "chat" in text(answer.text)
    assert "unknown" in text(answer.text)
    for address in ("/model/dev/chat", "/release/dev/chat/1", "/compare/dev@1/dev@2/chat"):
        assert client.get(address).status_code == 503
    loopback.answers = [loopback.refuses("AccessDeniedException", "not authorized")]
    denied = browser(Site([environment("dev", loopback.client())])).get("/model/dev/chat")
    assert (denied.status_code, "ssm:GetParameterHistory" in denied.text) == (422, True)


@pytest.mark.usefixtures("three_releases")
def test_when_aws_goes_away_a_page_shows_what_was_read_before(client, ssm, monkeypatch):
    assert "release 3" in text(client.get("/model/dev/chat").text)

    def away(*_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://ssm.eu-west-1.amazonaws.com")

    monkeypatch.setattr(ssm, "_make_api_call", away)
    said = text(client.get("/model/dev/chat").text)
    assert "release 3" in said
    assert re.search(r"The data was read at 20\d\d-\d\d-\d\d \d\d:\d\d UTC", said)


@pytest.mark.usefixtures("three_releases")
def test_an_invalid_project_is_reported_and_without_one_there_is_no_drift(client, own_project, ssm):
    own_project.module("chat").write_text("MODEL = nothing")
    said = text(client.get("/").text)
    assert "nothing" in said
    assert "newest 3" in said
    assert client.get("/drift/dev").status_code == 422
    without = browser(Site([environment("dev", ssm)]))
    first = without.get("/").text
    assert "newest 3" in text(first)
    assert "/drift" not in first
    assert "no project here" in without.get("/drift/dev").text


def test_an_internal_error_is_a_page_too(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(Site, "view_of", fail)
    answer = client.get("/model/dev/chat")
    assert answer.status_code == 500
    assert "ZeroDivisionError" in answer.text
    assert SECRET not in answer.text
