"""What the workflows' own scripts write on GitHub, and what they ask GitHub's command line for."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

GITHUB = Path(__file__).parent.parent.parent / ".github"
RUN = "https://github.example/acme/models/actions/runs/1"
# Notes each call and the text of its file; answers queries with the texts it is given.
GH = """#!/usr/bin/env python3
import json, pathlib, sys
here = pathlib.Path(__file__).parent
text = pathlib.Path("results.md").read_text() if "results.md" in " ".join(sys.argv) else ""
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], text]) + "\\n")
if "--jq" in sys.argv:
    first, *others = json.loads((here / "answers").read_text())
    (here / "answers").write_text(json.dumps(others or [first]))
    print(first)
"""


def script_of(file: str, name: str) -> str:
    """Return the script of the step with a name."""
    content = yaml.safe_load((GITHUB / file).read_text())
    jobs = content.get("jobs", {"": content.get("runs")}).values()
    (script,) = [s["run"] for job in jobs for s in job.get("steps", []) if s.get("name") == name]
    return str(script)


COMPOSE = script_of("actions/results/action.yml", "Write results.md")
COMMENT = script_of("workflows/pull-request.yml", "Write or update the comment")
REPLACE = script_of("workflows/deploy.yml", "Cancel them")
ISSUE = script_of("workflows/drift.yml", "Open, update or close the issue")


class Job:
    """A job's folder, with a `gh` that answers what a test says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder / "job", folder / "bin"
        for made in (self.folder, self.bin):
            made.mkdir()
        program = self.bin / "gh"
        program.write_text(GH)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.answers("")

    def answers(self, *texts: str) -> None:
        (self.bin / "answers").write_text(json.dumps(texts))

    def has(self, **texts: str) -> None:
        (self.folder / "results").mkdir(exist_ok=True)
        for name, text in texts.items():
            (self.folder / "results" / name.replace("_", ".")).write_text(text)

    def runs(self, script: str, **variables: str) -> list[list[str]]:
        """Run a script as a workflow does; return the calls of gh."""
        calls = self.bin / "calls.jsonl"
        calls.write_text("")
        # This Python comes before a version manager's `python3`, which takes ten times as long.
        path = (str(self.bin), str(Path(sys.executable).parent), os.environ["PATH"])
        subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],  # noqa: S607 - the runner's
            cwd=self.folder,
            env={"PATH": os.pathsep.join(path), "RUN": RUN, "LC_ALL": "C.UTF-8", **variables},
            check=True,
        )
        self.called = [json.loads(line) for line in calls.read_text().splitlines()]
        return [call for call, _ in self.called]

    def composes(self) -> str:
        self.runs(COMPOSE)
        return (self.folder / "results.md").read_text()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_a_comment_has_the_comparison_and_each_log_folded(job: Job) -> None:
    job.has(dev_txt="+ key é\n", diff_md="## support_chat\n")
    assert job.composes() == (
        "<!-- model-config -->\n"
        "## support_chat\n"
        "<details><summary>dev</summary>\n\n```\n+ key é\n```\n</details>\n"
        f"\nThe full texts are in {RUN}\n"
    )
    job.has(dev_txt="````\n<b>not markup</b>\n````\n")  # which can't end its own fence
    fence = "`" * 7
    assert f"\n{fence}\n````\n<b>not markup</b>\n````\n{fence}\n" in job.composes()


def test_what_does_not_fit_is_cut_at_a_line(job: Job) -> None:
    job.has(**dict.fromkeys(("diff_md", "dev_txt", "prod_txt"), "a changed line\n" * 10_000))
    comment = job.composes()
    assert 50_000 < len(comment) <= 65_536
    assert comment.count("(shortened)\n") == 3
    assert comment.count("```") == 2 * comment.count("<details>") == 4
    assert set(comment.replace("(shortened)", "a changed line").splitlines()) >= {"a changed line"}


def test_the_first_comment_is_written_and_the_next_replaces_it(job: Job) -> None:
    job.has(diff_md="## support_chat\n")
    text = job.composes()
    comments = "repos/acme/models/issues"
    target = {"COMMENTS": comments, "NUMBER": "12"}
    asked, made = job.runs(COMMENT, **target)
    assert asked[:3] == ["api", "--paginate", f"{comments}/12/comments"]
    assert made == ["api", "--silent", "-F", "body=@results.md", f"{comments}/12/comments"]
    assert job.called[1][1] == text
    job.answers("77\n78\n")
    _, replaced = job.runs(COMMENT, **target)
    assert replaced == [
        *("api", "--silent", "--method", "PATCH", "-F", "body=@results.md"),
        f"{comments}/comments/77",
    ]


def test_drift_opens_an_issue_then_renews_it_then_closes_it(job: Job) -> None:
    job.composes()
    assert [call[:2] for call in job.runs(ISSUE, OUTCOME="success")] == [["issue", "list"]]
    job.has(dev_txt="+ key\n")
    job.composes()
    assert [call[:2] for call in job.runs(ISSUE, OUTCOME="success")] == [
        ["issue", "list"], ["label", "create"], ["issue", "create"],
    ]  # fmt: skip
    assert "+ key" in job.called[-1][1]
    job.answers("5")
    edit = ["issue", "edit", "5", "--body-file", "results.md"]
    assert job.runs(ISSUE, OUTCOME="success")[1] == edit
    (job.folder / "results" / "dev.txt").unlink()
    (job.folder / "results").rmdir()
    assert job.runs(ISSUE, OUTCOME="failure")[1][:2] == ["issue", "edit"]
    assert job.runs(ISSUE, OUTCOME="success")[1] == [
        *("issue", "close", "5", "--comment", f"No drift: {RUN}")
    ]


def test_a_newer_deploy_replaces_an_older_one_that_waits_for_the_approval_to_deploy(job: Job):
    """A run that waits to promote goes on: it has deployed, and nobody else promotes its models."""
    runs = "repos/acme/models/actions/runs"
    for approvals, cancels in {"prod": 1, "prod-promote": 0, "": 0}.items():
        job.answers("7", approvals)
        waiting, pending, *rest = job.runs(REPLACE, RUNS=runs, NUMBER="12")
        assert waiting[1] == "repos/acme/models/actions/workflows/deploy.yml/runs?status=waiting"
        assert "select(.run_number < 12)" in waiting[-1]
        assert pending[1] == f"{runs}/7/pending_deployments"
        assert rest == [["api", "--silent", "--method", "POST", f"{runs}/7/cancel"]] * cancels
