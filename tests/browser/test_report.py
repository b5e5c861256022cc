"""The pages as files: opened from disk, every link leads to a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from .history import Played
from .visits import Visit, secrets_in


@pytest.fixture(scope="module")
def report(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "pages"
    played.run("report", "--local", "--output", str(folder))
    return folder


def test_a_report_works_from_disk(report: Path, visit: Any) -> None:
    there: Visit = visit("file://")
    there.page.goto((report / "index.html").as_uri())
    there.page.get_by_label("drift (1)").check()
    expect(there.page.locator("output")).to_have_text("1 of 3")
    assert "limits/timeout_seconds" in there.follow("1 edited")
    there.follow("Compare", within="nav")
    assert "generation/temperature" in there.follow("support_chat")
    assert all(each.startswith("file://") for each in there.asked)
    assert there.complaints == []


def test_no_file_of_it_has_a_secret(report: Path) -> None:
    pages = list(report.rglob("*.html"))
    assert len(pages) > 15
    assert [page for page in pages if secrets_in(page.read_text())] == []
