"""`model-config github`: what is written, and what GitHub's command line is asked for."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from model_config.cli.github import MARK, compose

RUN = "https://github.example/acme/models/actions/runs/1"
# Notes each call and what came on standard input; answers a query with the texts it is given.
GH = """#!/usr/bin/env python3
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], sys.stdin.read()]) + "\\n")
if "--jq" in sys.argv:
    print((here / "answer").read_text())
if (here / "refusal").exists():
    sys.exit((here / "refusal").read_text())
"""


class Gh:
    def __init__(self, folder):
        self.folder = folder
        program = folder / "gh"
        program.write_text(GH)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.answers("")

    def answers(self, text):
        (self.folder / "answer").write_text(text)

    def calls(self):
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]


@pytest.fixture
def gh(tmp_path_factory, monkeypatch):
    gh = Gh(tmp_path_factory.mktemp("bin"))
    # This Python comes before a version manager's `python3`, which takes ten times as long.
    path = (str(gh.folder), str(Path(sys.executable).parent), os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/models")
    monkeypatch.setenv("GITHUB_REF", "refs/pull/12/merge")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example")
    monkeypatch.setenv("GITHUB_RUN_ID", "1")
    return gh


@pytest.fixture
def results(tmp_path):
    (tmp_path / "diff.md").write_text("## support_chat\n")
    (tmp_path / "dev.txt").write_text("+ key é\n")
    return tmp_path


def test_the_first_comment_is_made(run, gh, results):
    run("github", "comment", str(results))
    (asked, _), (made, text) = gh.calls()
    assert asked[:3] == ["api", "--paginate", "repos/acme/models/issues/12/comments"]
    assert made == ["api", "--silent", "-F", "body=@-", "repos/acme/models/issues/12/comments"]
    assert text == compose(RUN, {"diff.md": "## support_chat", "dev.txt": "+ key é"})


def test_the_next_replaces_it(run, gh, results):
    gh.answers("77\n78\n")
    run("github", "comment", str(results))
    assert gh.calls()[1][0][2:] == [
        *("--method", "PATCH", "-F", "body=@-", "repos/acme/models/issues/comments/77")
    ]


def test_drift_opens_an_issue_then_renews_it_then_closes_it(run, gh, results, tmp_path_factory):
    nothing = str(tmp_path_factory.mktemp("results") / "none")
    run("github", "issue", str(results))
    assert [call[:2] for call, _ in gh.calls()] == [
        ["issue", "list"], ["label", "create"], ["issue", "create"],
    ]  # fmt: skip
    assert "+ key é" in gh.calls()[-1][1]

    gh.answers("5")
    run("github", "issue", str(results))
    assert gh.calls()[-1][0] == ["issue", "edit", "5", "--body-file", "-"]
    run("github", "issue", nothing, "--outcome", "failure")
    assert gh.calls()[-1] == [["issue", "edit", "5", "--body-file", "-"], compose(RUN, {})]
    run("github", "issue", nothing)
    assert gh.calls()[-1][0] == ["issue", "close", "5", "--comment", f"No drift any more: {RUN}"]


def test_a_refusal_by_github_is_reported(run, gh, results):
    (gh.folder / "refusal").write_text("HTTP 403: Resource not accessible")
    said = run("github", "comment", str(results), code=2)
    assert said.err == "gh api --paginate: HTTP 403: Resource not accessible\n"


def test_outside_of_github_it_says_so(run, results, monkeypatch):
    monkeypatch.delenv("GITHUB_REF", raising=False)
    assert "GITHUB_REF is not set" in run("github", "comment", str(results), code=2).err


def test_a_comment_has_the_comparison_and_each_log_folded():
    assert compose(RUN, {"dev.txt": "+ key\n", "diff.md": "## support_chat\n"}) == (
        "<!-- model-config -->\n"
        "## support_chat\n"
        "<details><summary>dev</summary>\n\n```\n+ key\n```\n</details>\n"
        f"\nFrom {RUN}\n"
    )


@pytest.mark.parametrize("size", [30_000, 65_400, 65_536, 200_000])
def test_what_does_not_fit_is_cut_at_a_line_and_says_where_the_rest_is(size: int):
    line = "a changed line\n"
    texts = {
        name: (line * (size // len(line) + 1))[:size] for name in ("diff.md", "dev.txt", "prod.txt")
    }
    comment = compose(RUN, texts)
    assert len(comment) <= 65_536
    assert comment.endswith(f"\nShortened to fit. The full text is in {RUN}\n")
    assert set(comment.splitlines()) <= {
        MARK,
        line.strip(),
        "<details><summary>dev</summary>",
        "<details><summary>prod</summary>",
        "",
        "```",
        "</details>",
        f"Shortened to fit. The full text is in {RUN}",
    }
    assert comment.count("```") == 2 * comment.count("<details>")


def test_a_log_cannot_end_its_own_fence():
    comment = compose(RUN, {"dev.txt": "````\n<b>not markup</b>\n````"})
    assert "\n`````\n````\n<b>not markup</b>\n````\n`````\n" in comment
