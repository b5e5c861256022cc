"""Links to a value's line in the editor of the repository's host, on pages rendered whole."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from model_config.comparing.git import editor_form
from model_config.operate.ssm import unwatched
from model_config.plan.project import Project
from model_config.web.build import report
from model_config.web.site import Site

from .conftest import CONFIG, browser

MODULE = """\
from model_config.schema import ChatModel, Generation, Message, Prompts, text_beside

MODEL = ChatModel(
    provider="openai",
    model_id="gpt-4.1",
    prompts=Prompts(
        system=text_beside(__file__, "chat prompt.md"),
        templates={"greeting": "Hello {{name}}"},
    ),
    generation=Generation(temperature=0.2, max_output_tokens=100),
    messages=[Message(role="user", content="Where is {{parcel}}?")],
)
"""
STACK = """\
config:
  aws:region: eu-west-1
  model-config:overrides:
    chat:
      prompts:
        templates:
          greeting: Good day, {{name}}
"""
DEPLOYED = {
    **CONFIG,
    "prompts": {"system": "Be brief.", "templates": {"greeting": "Good day, {{name}}"}},
    "messages": [{"role": "user", "content": "Where is {{parcel}}?"}],
}


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", *arguments],  # noqa: S607
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repository(own_project: Project, deploy: Callable[..., int]) -> Path:
    """A repository whose subfolder is the project."""
    own_project.module("chat").write_text(MODULE)
    (own_project.models_folder / "chat prompt.md").write_text("Be brief.\n")
    own_project.stack_file("prod").write_text(STACK)
    for environment in ("dev", "prod"):
        deploy(DEPLOYED, environment=environment, label="stable")
    above = own_project.root.parent
    git(above, "init", "--quiet", "--initial-branch=trunk")
    git(above, "add", own_project.root.name)
    return above


def edits(html: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'<a [^>]*href="(https?:[^"]*)"', html)]


GITHUB = "https://github.com/acme/ai.cfg/edit/trunk/{}#L{}"
GITLAB = "https://gitlab.com/acme/team/ai/-/edit/trunk/{}#L{}"
BITBUCKET = "https://bitbucket.org/acme/ai/src/trunk/{}?mode=edit#lines-{}"


REMOTES = [
    ("https://github.com/acme/ai.cfg.git", GITHUB),
    ("https://github.com/acme/ai.cfg", GITHUB),
    ("git@github.com:acme/ai.cfg.git", GITHUB),
    ("ssh://git@github.com:22/acme/ai.cfg.git", GITHUB),
    ("https://anna:hunter2@github.com/acme/ai.cfg.git?token=hunter2#hunter2", GITHUB),
    ("anna:hunter2@github.com:acme/ai.cfg.git", GITHUB),
    ("https://gitlab.com/acme/team/ai.git", GITLAB),
    ("git@gitlab.com:acme/team/ai.git", GITLAB),
    ("ssh://git@gitlab.com/acme/team/ai/", GITLAB),
    (
        "https://gitlab.acme.example:8443/ai.git",
        "https://gitlab.acme.example:8443/ai/-/edit/trunk/{}#L{}",
    ),
    ("https://anna@bitbucket.org/acme/ai.git", BITBUCKET),
    ("git@bitbucket.org:acme/ai.git", BITBUCKET),
    ("ssh://git@bitbucket.org/acme/ai.git", BITBUCKET),
    ("https://codehost.example/acme/ai.git", None),
    ("https://github.com:hunter2/x@github.com/acme/ai.git", None),
    ("https://anna:hunter2/x@github.com/acme/ai.git", None),
    ("https://github.com/anna:hunter2@github.com/ai.git", None),
    ("file:///srv/github.com/ai.git", None),
    ("../ai.git", None),
]


@pytest.mark.parametrize(("remote", "form"), REMOTES)
def test_a_remotes_editor_is_known_and_no_password_is_taken_over(remote: str, form: str | None):
    assert editor_form(remote, "trunk").replace("{file}", "{}").replace("{line}", "{}") == (
        form or ""
    )


def test_each_prompt_and_module_links_to_its_line_in_the_hosts_editor(
    repository: Path, own_project: Project, site: Site
) -> None:
    folder = own_project.root.name
    module, prompt = f"{folder}/models/chat.py", f"{folder}/models/chat%20prompt.md"
    git(repository, "remote", "add", "origin", "nowhere")
    for remote, form in (REMOTES[4], ("../ai.git", None)):
        git(repository, "remote", "set-url", "origin", remote)
        client = browser(Site([*site.environments.values()], own_project))
        page = client.get("/release/prod/chat/1").text
        assert "hunter2" not in page
        if form is None:
            assert edits(page) == []
            continue
        everywhere = [form.format(module, 3), form.format(prompt, 1), form.format(module, 11)]
        overridden = form.format(f"{folder}/Pulumi.prod.yaml", 7)
        assert sorted(edits(page)) == sorted([*everywhere, overridden])
        page = client.get("/release/dev/chat/1").text
        assert sorted(edits(page)) == sorted([*everywhere, form.format(module, 8)])
        assert edits(client.get("/model/dev/chat").text) == [form.format(module, 3)]


def test_a_changed_prompt_and_a_report_link_to_the_remotes_branch(
    repository: Path, own_project: Project, site: Site, tmp_path: Path, deploy: Callable[..., int]
) -> None:
    git(repository, "remote", "add", "origin", "git@github.com:acme/ai.git")
    git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    deploy({**DEPLOYED, "prompts": {"system": "Be\nbrief."}}, environment="prod")
    start = "https://github.com/acme/ai/edit/main/"
    links = edits(browser(site).get("/compare/dev@latest/prod@latest/chat").text)
    assert any(link.startswith(start) and link.endswith("prompt.md#L1") for link in links)
    report(site, tmp_path / "report", unwatched, most=10)
    links = edits((tmp_path / "report" / "release" / "dev" / "chat" / "1.html").read_text())
    assert len(links) == 4
    assert all(link.startswith(start) for link in links)
    # What git doesn't track has no link.
    git(repository, "rm", "--cached", "-r", own_project.root.name)
    client = browser(Site([*site.environments.values()], own_project))
    assert edits(client.get("/release/dev/chat/1").text) == []


@pytest.mark.usefixtures("repository")
def test_the_overview_searches_the_project_and_what_is_promoted(client: TestClient):
    assert '<form class="picker" action="/search"' in client.get("/").text
    html = client.get("/search", params={"for": "good DAY"}).text
    assert html.count("Good day, {{name}}") == 3
    assert "Pulumi.prod.yaml:7" in html
    assert 'href="/release/dev/chat/1"' in html
    assert "No value matches" in client.get("/search", params={"for": "sk-live"}).text
    refused = client.get("/search", params={"for": " "})
    assert refused.status_code == 404
    assert "nothing to search for" in refused.text
    escaped = client.get("/search", params={"for": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in escaped
