"""A user clicks from page to page and finds the expected content on each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from .history import MARKUP
from .visits import Visit


@pytest.fixture(autouse=True)
def _as_quiet_as_it_was_loaded(reader: Visit) -> Iterator[None]:
    yield
    assert reader.complaints == []
    assert reader.came_from() == {reader.origin}


def has_rows(reader: Visit, models: list[str]) -> None:
    """Wait until the first page shows these models alone."""
    expect(reader.page.locator(".matrix tbody tr:not([hidden]) th")).to_have_text(models)


def test_the_token_leaves_the_address(reader: Visit) -> None:
    assert reader.page.url == f"{reader.origin}/"
    assert reader.page.title() == "Overview · help-centre"


def test_the_first_page_has_the_matrix_and_its_filters(reader: Visit) -> None:
    has_rows(reader, ["document_embedding", "passage_reranker", "support_chat"])
    assert "prod local AWS, protected" in reader.says()
    assert "50 % of stable, running" in reader.says()
    for flag, models in {
        "rollout under way (1)": ["support_chat"],
        "drift (1)": ["passage_reranker"],
        "held (1)": ["support_chat"],
        "stable is behind (1)": ["support_chat"],
    }.items():
        box = reader.page.get_by_label(flag)
        box.check()
        has_rows(reader, models)
        box.uncheck()
    reader.page.get_by_label("Model", exact=True).fill("emb")
    has_rows(reader, ["document_embedding"])
    expect(reader.page.locator("output")).to_have_text("1 of 3")


def test_a_model_has_its_history_and_links_to_changes(reader: Visit) -> None:
    said = reader.follow("newest 3")
    assert "support_chat in dev" in said
    assert "model-config promote support_chat -e dev --local" in said
    assert reader.page.locator("form").count() == 0
    assert "answers lost the order's number" in said
    assert reader.page.locator("svg rect.stable").count() == 3
    said = reader.follow("compare")
    assert reader.page.url.endswith("/compare/dev@2/dev@3/support_chat")
    assert "New variables: brand" in said


def test_two_releases_side_by_side(reader: Visit) -> None:
    said = reader.go("/compare/dev@1/dev@3/support_chat")
    assert re.search(r"generation/temperature\s+0\.7\s+0\.4", said)
    assert reader.page.locator(".diff del").all_inner_texts() == ["three"]
    assert reader.page.locator(".diff ins").all_inner_texts()[0] == "two"
    folded = reader.page.get_by_text("You are the support assistant of").first
    assert not folded.is_visible()
    reader.page.get_by_text("35 unchanged lines").click()
    expect(folded).to_be_visible()
    reader.page.get_by_label("before").select_option("dev@2")
    reader.page.get_by_role("button", name="Compare").click()
    reader.page.wait_for_url("**/compare/dev@2/dev@3/support_chat")


def test_two_environments_side_by_side(reader: Visit) -> None:
    said = reader.follow("Compare", within="nav")
    assert re.search(r"model-config:protect\s+false\s+true", said)
    assert "Identical: document_embedding." in said
    said = reader.follow("passage_reranker")
    assert re.search(r"instances/max_count\s+2\s+8", said)


def test_a_release_can_be_read_filled_in_and_copied(reader: Visit) -> None:
    reader.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    said = reader.go("/release/prod/support_chat/2")
    assert 'reader.get("support_chat", release=2)' in said
    assert "arn:aws:ssm:eu-west-1:123456789012:parameter/ai/prod/support_chat/release" in said
    system = reader.page.locator(".prompt").first
    system.get_by_text("Fill in 11 variables").click()
    system.get_by_label("company_name").fill("Acme <b>&</b> Sons")
    text = system.locator(".text")
    expect(text).to_contain_text("assistant of Acme <b>&</b> Sons. You talk with {{customer_name}}")
    system.get_by_label("company_name").fill("")
    expect(text).to_contain_text("assistant of {{company_name}}. You talk")
    reader.page.locator(".snippet .copy").first.click()
    reader.page.wait_for_function(
        "async text => await navigator.clipboard.readText() === text",
        arg="model-config show support_chat --release 2 -e prod --local",
    )
    assert "support_chat in prod" in reader.follow("support_chat")


@pytest.mark.parametrize(
    "path", ["/release/dev/support_chat/3", "/compare/dev@1/dev@3/support_chat"]
)
def test_a_prompt_with_markup_is_text_and_runs_nothing(reader: Visit, path: str) -> None:
    assert MARKUP in re.sub(r"\s+", " ", reader.go(path))
    assert reader.page.locator("main img, main script").count() == 0
    assert reader.page.title() != "run"


def test_a_rollout_has_its_plan_and_progress(reader: Visit) -> None:
    said = reader.follow("rollout of 2")
    assert "50 %, running" in said
    assert "the brand's own voice" in said
    assert reader.page.locator("svg.curve circle.done").count() == 3
    assert reader.page.locator("svg.curve circle").count() == 4
    assert re.fullmatch(r"\d\d-\d\d \d\d:\d\d", reader.page.locator(".tick").first.text_content())
    assert "model-config rollout pause support_chat -e prod --local" in said
    assert "prompts/system" in reader.follow("Differences for readers")


def test_drift_shows_edits_and_what_to_do(reader: Visit) -> None:
    said = reader.follow("1 edited")
    assert re.search(r"passage_reranker\s+limits/timeout_seconds\s+.*2\.5; SSM: 9", said)
    assert "model-config local deploy --environment prod" in said
    assert "No drift: " in reader.follow("Drift in dev", within="nav")


def test_times_are_in_the_readers_zone_with_utc_beside(visit: Any, address: str) -> None:
    there: Visit = visit(address, timezone_id="Asia/Kolkata")
    there.begin()
    shown = there.page.locator("footer time").inner_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d (\d\d:\d\d) GMT\+5:30 \((\d\d:\d\d) UTC\)", shown)
