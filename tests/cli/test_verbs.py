"""What all verbs share: how they are found, grouped and completed, and how they end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from model_config.cli import app, options
from model_config.cli.options import Panel

NEW_VERB = '''
"""`model-config greet`: what anybody can add."""
from typing import Annotated
from model_config.cli.options import Environment, Panel
PANEL = Panel.READ
def greet_all(environment: Environment = "dev", *, so_loud: Annotated[bool, "Shout."] = False):
    """Greet an environment."""
    print(f"Hello {environment}{'!' if so_loud else ''}")
'''


def test_a_new_verb_is_found_without_a_list(tmp_path: Path):
    (tmp_path / "greet_all.py").write_text(NEW_VERB)
    lines = ["--help", "greet-all --project / -e qa", "greet-all --so-loud", "greet-all --help"]
    program = (
        f"from model_config.cli import verbs; verbs.__path__.append({str(tmp_path)!r})\n"
        "import sys; from model_config.cli.app import app\n"
        "for line in sys.argv[1:]:\n"
        "    app(line.split(), standalone_mode=False)\n"
        "    print(end='\\f')"
    )
    command = [sys.executable, "-c", program, *lines]
    done = subprocess.run(command, capture_output=True, check=True, env={"COLUMNS": "100"})
    shown, project, loud, options, _ = done.stdout.decode().split("\f")
    assert "─ Commands ─" not in shown  # where typer puts a verb without a panel
    panel = shown.split(Panel.READ)[1].split("╰")[0]
    assert "greet-all" in panel
    assert "show" in panel
    assert (project, loud) == ("Hello qa\n", "Hello dev!\n")
    assert "Shout." in options
    assert "--no-so-loud" not in options


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


def start(project: Path, *arguments: str, stdout: int) -> tuple[int, str]:
    """Run the program as it is installed; return its exit code and what it says about it."""
    done = subprocess.run(
        [sys.executable, "-m", "model_config", *arguments],
        cwd=project,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(project)},
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(("verb", "code"), [("digest", 0), ("tree", 2)])
def test_a_reader_that_has_seen_enough_changes_no_exit_code(project, verb, code):
    if code:
        (project / "models" / "broken.py").write_text("MODEL = 1")
    ours, theirs = os.pipe()
    os.close(ours)  # as `| head -0` does
    with os.fdopen(theirs, "w") as stdout:
        ended, said = start(project, verb, stdout=stdout.fileno())
    assert ended == code
    assert "Broken pipe" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("verb", ["digest", "--help"])
def test_a_full_disk_is_told_in_a_line(project, verb):
    with Path("/dev/full").open("w") as full:
        ended, said = start(project, verb, stdout=full.fileno())
    assert (ended, said) == (2, "can't write the output: No space left on device\n")


def test_what_a_module_or_the_program_prints_does_not_spoil_json(run, project):
    for file in ("models/support_chat.py", "__main__.py"):
        with (project / file).open("a") as text:
            text.write("print('{ loud')\n")
    for verb in ("validate", "digest", "tree", "diff --environments dev prod", "local deploy"):
        said = run(*verb.split(), "--json")
        assert said.json or verb == "validate"
        assert "loud" not in said.out


@pytest.mark.usefixtures("made_up_credentials")
def test_an_empty_variable_counts_as_unset(run, released, monkeypatch):
    released({"n": 1}, label="stable")
    for name in ("LOCAL", "ENVIRONMENT", "PROJECT", "LABEL"):
        monkeypatch.setenv(f"MODEL_CONFIG_{name}", "")
    said = run("show", "chat")  # from moto's AWS in the test's process, not from .local/
    assert said.out == "n\t1\n"
    assert said.err.startswith("chat in dev: release 1 (stable)")


def test_a_new_model_is_a_file_and_no_edit(run, project):
    (project / "models" / "tiny.py").write_text(
        "from model_config.schema import ModelConfig\n"
        "class Tiny(ModelConfig):\n    size: int\n"
        "MODEL = Tiny(size=3)\n"
    )
    run("validate")
    assert "tiny\tsize\t1 new\t" in run("local", "deploy").out
    assert run("show", "tiny", "--label", "latest").out == "size\t3\n"
    assert "tiny\tsha256:" in run("digest").out


def test_the_output_is_utf_8_whatever_the_encoding(project):
    with (project / "Pulumi.dev.yaml").open("a", encoding="utf-8") as file:
        file.write("      prompts:\n        system: Zoë\n")
    done = subprocess.run(
        [sys.executable, "-m", "model_config", "diff", "--environments", "dev", "prod"],
        cwd=project,
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(project), "PYTHONIOENCODING": "ascii"},
    )
    assert b"Traceback" not in done.stderr
    assert "Zoë".encode() in done.stdout
