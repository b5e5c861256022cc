"""The README's walk (deploy, change, deploy, promote, roll back), and what all verbs share."""

import pytest
from typer.main import get_command

from model_config.cli import output
from model_config.cli.app import app


@pytest.mark.usefixtures("first_deploy")
def test_the_walk(run, project):
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("temperature: 0.7", "temperature: 0.9"))
    run("local", "deploy")
    newest, _ = run("releases", "support_chat").out.splitlines()
    assert newest.endswith("\t~ generation/temperature")
    assert run("diff-releases", "support_chat", "1", "2").out == (
        "~ generation/temperature: 0.7 → 0.9\n"
    )
    run("promote", "support_chat", "--label", "stable", "--release", "1")
    promoted = run("promote", "support_chat", "--label", "stable")
    assert "stable moved from release 1 to release 2" in promoted.out
    assert promoted.err == ""  # checked against the module's class
    assert "generation/temperature\t0.9\n" in run("show", "support_chat").out
    run("rollback", "support_chat")
    assert "generation/temperature\t0.7\n" in run("show", "support_chat").out


VERBS = (
    *("check", "diff-releases", "exec", "export", "history", "promote", "prune", "releases"),
    *("rollback", "unlabel", "show"),
    *(f"rollout {verb}" for verb in ("start", "status", "pause", "resume", "finish", "abort")),
)


def test_every_verb_has_a_help_with_an_example():
    verbs = get_command(app).commands
    for words in map(str.split, VERBS):
        verb = verbs[words[0]].commands[words[1]] if words[1:] else verbs[words[0]]
        assert f"Example: model-config {' '.join(words)}" in verb.help
        options = {name for parameter in verb.params for name in parameter.opts}
        assert {"--environment", "-e", "--prefix", "--local"} <= options, words


def test_a_terminal_gets_a_table_with_texts_as_they_are_and_whole(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    output.print_table(["path", "value"], [["a", "[/x] [bold]:smile:"]])
    said = capsys.readouterr().out
    assert "path" in said
    assert "[/x] [bold]:smile:" in said
    monkeypatch.setenv("COLUMNS", "30")
    output.print_table(["labels", "changes"], [["x" * 40, "y" * 40]], wrap=True)
    said = capsys.readouterr().out
    assert (said.count("x"), said.count("y")) == (40, 40)
