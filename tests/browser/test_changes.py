"""With `--allow-changes`, a page moves a label after a preview."""

from __future__ import annotations

import json
from typing import Any

from .history import CHAT, Played
from .visits import Visit


def stable(project: Played) -> int:
    (dev, _) = json.loads(project.run("status", "--local", "--json"))
    (chat,) = (each for each in dev["models"] if each["model"] == CHAT)
    return int(chat["labels"]["stable"])


def test_a_promotion_is_previewed_and_confirmed(free_project: Played, visit: Any) -> None:
    with free_project.served("--local", "--allow-changes") as address:
        there: Visit = visit(address)
        there.begin(f"/model/dev/{CHAT}")
        there.page.get_by_text("Change labels and rollouts").click()
        form = there.page.locator("form[action^='/change/promote/']")
        form.get_by_label("release").select_option("3")
        form.get_by_label("reason").fill("the pilot liked it")
        assert there.faults() == []
        form.get_by_role("button", name="Promote …").click()
        there.page.wait_for_url("**/change/promote/**")
        assert "stable moves from release 1 to release 3." in there.says()
        assert there.faults() == []
        assert there.page.locator(".diff del").all_inner_texts() == ["three"]
        assert stable(free_project) == 1
        there.page.get_by_role("button", name="Confirm").click()
        there.page.get_by_role("status").first.wait_for(timeout=30_000)
        assert "stable moved from release 1 to release 3." in there.says()
        assert stable(free_project) == 3
        there.page.get_by_role("link", name="Back to the model").click()
        assert "the pilot liked it" in there.says()
        assert there.complaints == []


def test_no_page_offers_a_change_by_default(reader: Visit) -> None:
    assert "These pages are read-only." in reader.go(f"/model/dev/{CHAT}")
    assert reader.page.locator("form[method=post], form[action^='/change']").count() == 0
