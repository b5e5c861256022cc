"""`model-config local`, as a person and as a script call it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model_config.cli import app as cli
from model_config.cli.output import print_table
from model_config.format.text import shortened


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_deploy_prints_each_parameter_and_left_over_secret_and_reads_a_model_back(project: Path):
    (project / ".local").mkdir()
    (project / ".local" / "secrets.yaml").write_text("supportChatApiKy: sk-hidden")
    result = CliRunner().invoke(cli.app, ["local", "deploy"], catch_exceptions=False)
    assert (
        "Notice: no model has the secret supportChatApiKy of .local/secrets.yaml: "
        'did you mean "supportChatApiKey"?\n'
    ) in result.stderr
    output = result.output
    assert "sk-hidden" not in output
    row = next(line for line in output.splitlines() if "generation/temperature\t" in line)
    assert row.split("\t") == [
        "support_chat",
        "generation/temperature",
        "1 new",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/ai/dev/support_chat/generation/temperature",
    ]
    assert "support_chat, read back: release 1, sha256:" in output
    assert "}}, how can I help you today?" in output
    assert "********" in output
    assert "stand-in for AWS" in output
    assert "stand-in for supportChatApiKey" not in output  # its text
    assert "documentEmbeddingApiKey, supportChatApiKey" in output


@pytest.mark.usefixtures("first_deploy")
def test_after_a_change_only_what_changed_is_shown_with_a_count_of_the_rest(project: Path):
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("temperature: 0.7", "temperature: 0.9"))
    output = run("local", "deploy")
    assert [line.split("\t")[:3] for line in output.splitlines() if "\t" in line] == [
        ["support_chat", "generation/temperature", "2 changed"],
        ["support_chat", "release", "2 changed"],
    ]
    assert "dev: 38 parameters; 2 updated, 36 unchanged (--all shows them)\n" in output
    again = run("local", "deploy")
    assert "Nothing changed." in again
    assert "\t" not in again
    every = run("local", "deploy", "--all")
    assert sum("\t" in line for line in every.splitlines()) == 38
    assert "--all" not in every


@pytest.mark.usefixtures("first_deploy")
def test_reset_forgets_versions_and_80_columns_show_every_column_and_colours(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert "is empty" in run("local", "reset")
    assert "was empty already" in run("local", "reset")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["model-config", "local", "deploy"])
    with pytest.raises(SystemExit):
        cli.main()
    output = capsys.readouterr().out
    assert "\x1b[32m" in output  # new ones in green
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in output.splitlines()]
    assert "…" not in "".join(line for line in lines if line.startswith("│"))
    above = "arn:aws:ssm:eu-west-1:123456789012:parameter/ai/dev"
    assert f"The ARN of each: {above}/MODEL/PARAMETER" in lines
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["model-config", "local", "deploy", "--all"])
    with pytest.raises(SystemExit):
        cli.main()
    assert f"{above}/support_chat/generation/temperature" in capsys.readouterr().out


def test_json_holds_the_outputs_and_no_secret(project: Path):
    (project / ".local").mkdir()
    (project / ".local" / "secrets.yaml").write_text('supportChatApiKey: "sk-hidden"')
    output = run("local", "deploy", "--environment", "prod", "--json")
    where, deployment = output.partition("\n")[0], json.loads(output.partition("\n")[2])
    assert where == "On local AWS (.local/): prod"  # on standard error
    assert deployment["outputs"]["models"]["support_chat"]["release"]["version"] == 1
    assert deployment["environment"] == "prod"
    assert "sk-hidden" not in output


def test_a_refusal_is_a_text_and_exit_code_2(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    (project / "models" / "broken.py").write_text("MODEL = 1/0")
    monkeypatch.setattr(sys, "argv", ["model-config", "local", "deploy"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "broken (models/broken.py:1): the module can't be imported: ZeroDivisionError" in error
    assert "Traceback" not in error


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['model-config', '--help']\n"
        "from model_config.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pulumi', 'pulumi_aws', 'boto3', 'moto', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "local" in result.stdout


@pytest.mark.parametrize(
    ("room", "expected"), [(11, "hello world"), (10, "hel…orld"), (5, "h…rld")]
)
def test_a_long_text_is_shortened_in_its_middle(room: int, expected: str):
    text = shortened("hello world", room)
    assert len(text) <= room
    assert text[0] == "h"
    assert text.endswith("rld")
    assert ("…" in text) == (expected != "hello world")


@pytest.mark.parametrize("wrap", [True, False])
def test_no_column_of_a_table_is_cut_to_nothing(
    *, wrap: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    row = ["m" * 40, "/".join("abcdefghij" * 4), "not deployed", "x" * 30 + "y" * 30]
    print_table(["model", "parameter", "state", "what"], [row], wrap=wrap)
    shown = capsys.readouterr().out
    assert max(map(len, re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines())) <= 80
    assert shown.count("m") - shown.count("model") - shown.count("param") >= 40
    assert all(shown.count(letter) >= 4 for letter in "bcdfghij")
    assert (shown.count("x"), shown.count("y")) >= ((30, 30) if wrap else (7, 12))


def test_a_pipe_gets_plain_text(capsys: pytest.CaptureFixture[str]):
    print_table(["a", "b"], [["x", 1], ["y", 2]])
    assert capsys.readouterr().out == "x\t1\ny\t2\n"
