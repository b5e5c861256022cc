"""The pages as files: every link leads to an existing file."""

from __future__ import annotations

import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from model_config.format.errors import UsageError
from model_config.operate.ssm import unwatched
from model_config.plan.project import Project
from model_config.web.build import report, report_of_commits
from model_config.web.site import Page, Site

from .conftest import CONFIG, PROMPT, SECRET


class Links(HTMLParser):
    """Collects a page's links and resources."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, _: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attributes if name in {"href", "src"}]


def check_links(folder: Path) -> list[str]:
    """Follow every link of every page; return the pages."""
    pages = sorted(folder.rglob("*.html"))
    for page in pages:
        html = page.read_text()
        assert SECRET not in html
        assert "<form" not in html.replace('<form class="filters"', "")
        for link in Links(html).found:
            assert link.startswith("#") or (page.parent / link).is_file(), (page, link)
    return [str(page.relative_to(folder)) for page in pages]


@pytest.mark.usefixtures("three_releases")
def test_every_link_works_from_disk(site: Site, tmp_path: Path) -> None:
    assert report(site, tmp_path / "out", unwatched, most=10) == []
    pages = check_links(tmp_path / "out")
    assert {
        "index.html",
        "model/dev/chat.html",
        "release/dev/chat/1.html",
        "compare/dev@2/dev@3/chat.html",
        "compare/dev@latest/prod@latest.html",
        "drift/prod.html",
    } <= set(pages)
    assert len(pages) == len(set(pages))


def test_a_release_that_can_not_be_read_is_compared_with_none(
    site: Site, tmp_path: Path, deploy: Any
) -> None:
    for document in (None, "{", None):
        deploy(document=document)
    assert report(site, tmp_path / "out", unwatched, most=10) == []
    check_links(tmp_path / "out")
    release = tmp_path / "out" / "release" / "dev" / "chat" / "2.html"
    assert "is not valid JSON" in release.read_text()


def test_only_the_newest_releases_and_those_with_a_label_have_a_page_and_errors_are_shown(
    site: Site, own_project: Project, tmp_path: Path, deploy: Any
) -> None:
    for number in range(6):
        deploy({**CONFIG, "model_id": str(number)}, label="stable" if number == 1 else None)
    own_project.module("chat").write_text("MODEL = nothing")
    failed = report(site, tmp_path / "out", unwatched, most=2)
    assert failed == [Page.of("drift", "dev"), Page.of("drift", "prod")]
    assert "nothing" in (tmp_path / "out" / "drift" / "dev.html").read_text()
    pages = check_links(tmp_path / "out")
    assert {page for page in pages if page.startswith("release/dev")} == {
        f"release/dev/chat/{number}.html" for number in (2, 5, 6)
    }
    assert "compare/dev@5/dev@6/chat.html" in pages


def test_a_folder_that_holds_something_is_left_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UsageError, match="exists and is not empty"):
            report(site, place, unwatched, most=1)
    assert sorted(tmp_path.rglob("*")) == before


def git(project: Project, *arguments: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
    subprocess.run(command, cwd=project.root, check=True, capture_output=True)


def test_two_commits_are_compared_from_git_alone(own_project: Project, tmp_path: Path) -> None:
    git(own_project, "init")
    with pytest.raises(UsageError, match="no commit 'nowhere'"):
        report_of_commits(own_project, "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    git(own_project, "add", ".")
    git(own_project, "commit", "-m", "first")
    module = own_project.module("chat")
    module.write_text(module.read_text().replace("kind & brief", "kind & {{mood}}"))
    file = own_project.stack_file("prod")
    file.write_text(file.read_text() + "  model-config:protect: true\n")
    report_of_commits(own_project, "HEAD", tmp_path / "out")
    assert check_links(tmp_path / "out") == ["changes/chat.html", "index.html"]
    overview = (tmp_path / "out" / "index.html").read_text()
    assert "~ prompts/<wbr>system" in overview
    assert "model-config:protect" in overview
    page = (tmp_path / "out" / "changes" / "chat.html").read_text()
    assert "<del>brief</del>" in page
    assert "<ins>{{mood}}</ins>" in page
    assert "dev, prod" in page
    assert PROMPT.splitlines()[-1] not in page
