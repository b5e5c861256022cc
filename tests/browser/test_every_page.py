"""The requirements for every page, at both widths, light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from .history import CHAT
from .visits import SIZES, Visit, secrets_in

PAGES = {
    "overview": "/",
    "model": f"/model/dev/{CHAT}",
    "release": f"/release/prod/{CHAT}/latest",
    "two releases": f"/compare/dev@1/dev@3/{CHAT}",
    "two environments": f"/compare/dev@stable/prod@latest/{CHAT}",
    "all models": "/compare/dev@latest/prod@latest",
    "rollout": f"/rollout/prod/{CHAT}",
    "drift": "/drift/prod",
    "not there": "/model/dev/nobody",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_page_is_accessible_and_loads_nothing_from_elsewhere(
    visit: Any, address: str, path: str, size: str, scheme: str
) -> None:
    there: Visit = visit(address, size=size, color_scheme=scheme)
    answer = there.begin(path)
    assert there.page.locator(".problem").count() == ("nobody" in path)
    for summary in there.page.query_selector_all("details:not([open]) > summary"):
        summary.click()
    expect(there.page.locator("details:not([open])")).to_have_count(0)
    assert there.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert there.faults() == []
    assert secrets_in(answer.text() + there.page.content()) == []
    assert [line for line in there.complaints if "404" not in line] == []
    assert there.came_from() == {there.origin}


def test_the_colours_follow_the_system(visit: Any, address: str) -> None:
    colours = []
    for scheme in ("light", "dark"):
        there: Visit = visit(address, color_scheme=scheme)
        there.begin()
        colour = "getComputedStyle(document.body).backgroundColor"
        colours.append(there.page.evaluate(colour))
    assert colours == ["rgb(251, 251, 250)", "rgb(22, 24, 28)"]


def test_the_search_box_on_the_overview_finds_values(visit: Any, address: str) -> None:
    there: Visit = visit(address)
    there.begin()
    there.page.get_by_label("Search").fill("gpt-4.1")
    with there.page.expect_navigation():
        there.page.get_by_role("button", name="Search").click()
    assert there.page.locator("main tbody tr").count() > 0
    assert there.page.get_by_label("Search").input_value() == "gpt-4.1"
    assert there.faults() == []
    assert there.complaints == []
