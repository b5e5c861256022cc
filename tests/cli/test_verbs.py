"""What all verbs share: how they are found, grouped and completed, and how they end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from threading import Event

import pytest
from support.project import write_model

from model_config.cli import app, options
from model_config.plan.project import Project


@pytest.fixture
def complete(monkeypatch, capsys):
    """Complete a command line as bash asks for it; the last word may be empty."""

    def call(line: str) -> list[str]:
        words = f"model-config {line}"
        monkeypatch.setenv("_MODEL_CONFIG_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        monkeypatch.setattr(sys, "argv", ["model-config"])
        with pytest.raises(SystemExit):
            app.app(prog_name="model-config")
        return capsys.readouterr().out.split()

    return call


def test_labels_complete(complete, released):
    released(label="canary")
    verbs = ("show chat", "rollback chat", "promote chat -e dev", "rollout start chat")
    for line in (*(f"{verb} --label" for verb in verbs), "diff-releases chat"):
        assert complete(f"{line} ") == ["canary", "latest", "stable"]


def test_labels_complete_without_an_answer_from_aws(complete, monkeypatch):
    answer = Event()
    monkeypatch.setattr(options, "_labels", lambda _: ["late"] if answer.wait(60) else [])
    monkeypatch.setattr(options, "_PATIENCE", 0.01)
    assert complete("show chat --label ") == ["latest", "stable"]
    assert complete("show --label ") == ["latest", "stable"]
    answer.set()  # or the threads that still wait would end in another test


def test_verbs_models_and_environments_complete(complete):
    assert complete("val") == ["validate"]
    assert complete("show s") == ["support_chat"]
    assert complete("digest p") == ["passage_reranker"]
    assert complete("show support_chat -e ") == ["dev", "prod"]


def test_revisions_complete(complete, project):
    for command in (["init", "-b", "main"], ["commit", "--allow-empty", "-m", "x"], ["tag", "v1"]):
        person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        arguments = [shutil.which("git"), *person, *command]
        subprocess.run(arguments, cwd=project, check=True, capture_output=True)
    for line in ("diff ", "diff HEAD ", "find-commit 0123 --from "):
        assert complete(line) == ["main", "v1"]


@pytest.mark.usefixtures("made_up_credentials")
def test_an_empty_variable_counts_as_unset(run, released, monkeypatch):
    released({"n": 1}, label="stable")
    for name in ("LOCAL", "ENVIRONMENT", "PROJECT", "LABEL"):
        monkeypatch.setenv(f"MODEL_CONFIG_{name}", "")
    said = run("show", "chat")  # from moto's AWS in the test's process, not from .local/
    assert said.out == "n\t1\n"
    assert said.err.startswith("chat in dev: release 1 (stable)")


def test_a_new_model_is_a_file_and_no_edit_and_what_it_prints_does_not_spoil_json(run, project):
    write_model(Project(project), "tiny", "size: int = 3")
    for file in ("models/tiny.py", "__main__.py"):
        with (project / file).open("a") as text:
            text.write("print('{ loud')\n")
    said = {verb: run(*verb.split(), "--json") for verb in ("validate", "digest", "tree")}
    deployed = run("local", "deploy", "--json")
    for each in (*said.values(), deployed):
        assert each.json
        assert "loud" not in each.out
        assert "loud" in each.err
    digest = deployed.json["outputs"]["models"]["tiny"]["digest"]
    assert said["digest"].json["tiny"] == digest
    assert run("show", "tiny", "--label", "latest").out == "size\t3\n"
