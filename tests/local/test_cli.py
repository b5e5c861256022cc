"""`model-config local`, as a person and as a script call it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from model_config.cli import app as cli
from model_config.cli.output import print_table
from model_config.format.errors import LocalError
from model_config.format.text import shortened
from model_config.local.state import StateFolder
from model_config.plan.project import Project

ARNS = "arn:aws:ssm:eu-west-1:123456789012:parameter/ai/dev"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(cli.app, ["local", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_deploy_prints_each_parameter_and_left_over_secret_and_reads_a_model_back(project: Path):
    (project / ".local").mkdir()
    (project / ".local" / "state.json").write_text('{"format": 1}')  # an earlier version's
    with pytest.raises(LocalError, match="`model-config local deploy` starts the local AWS anew"):
        StateFolder(Project(project)).load()
    given = "supportChatApiKy: sk-hidden\n7: 90210\nsupportChatApiKey: sk-real\n"
    (project / ".local" / "secrets.yaml").write_text(given)
    result = run("deploy")
    where, *notices = [line for line in result.stderr.splitlines() if line]
    assert where == "On local AWS (.local/): dev"
    unknown = "Notice: no model has the secret {} of .local/secrets.yaml: {}"
    assert notices == [
        unknown.format(7, "known names: documentEmbeddingApiKey, supportChatApiKey"),
        unknown.format("supportChatApiKy", 'did you mean "supportChatApiKey"?'),
        "Notice: The local AWS starts anew: an earlier version had written its state.",
    ]
    output = result.output
    assert not re.search("sk-hidden|sk-real|90210", output)
    row = next(line for line in output.splitlines() if "generation/temperature\t" in line)
    assert row.split("\t") == [
        "support_chat", "generation/temperature", "1 new",
        f"{ARNS}/support_chat/generation/temperature",
    ]  # fmt: skip
    assert "support_chat, read back: release 1, sha256:" in output
    assert "}}, how can I help" in output
    assert "********" in output
    assert "stand-in for AWS" in output
    assert "Placeholder secrets: documentEmbeddingApiKey. Set real" in output


@pytest.mark.usefixtures("first_deploy")
def test_after_a_change_only_what_changed_is_shown_with_a_count_of_the_rest(project: Path):
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("temperature: 0.7", "temperature: 0.9"))
    output = run("deploy").output
    assert [line.split("\t")[:3] for line in output.splitlines() if "\t" in line] == [
        ["support_chat", "generation/temperature", "2 changed"],
        ["support_chat", "release", "2 changed"],
    ]
    assert "dev: 13 parameters; 2 updated, 11 unchanged (--all shows them)\n" in output
    again = run("deploy").output
    assert "Nothing changed." in again
    assert "\t" not in again
    every = run("deploy", "--all").output
    assert sum("\t" in line for line in every.splitlines()) == 13
    assert "--all" not in every
    (project / ".local" / "secrets.yaml").write_text('supportChatApiKey: "sk-hidden"')
    deployed = run("deploy", "--environment", "prod", "--json")
    assert deployed.stderr == "On local AWS (.local/): prod\n"
    found = json.loads(deployed.stdout)
    assert found["outputs"]["models"]["support_chat"]["release"]["version"] == 1
    assert found["environment"] == "prod"
    assert "sk-hidden" not in deployed.output


@pytest.mark.usefixtures("first_deploy")
def test_reset_forgets_versions_and_80_columns_show_every_column_and_colours(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def shown(columns: int, *arguments: str) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", ["model-config", "local", "deploy", *arguments])
        with pytest.raises(SystemExit):
            cli.main()
        return capsys.readouterr().out

    assert "is empty" in run("reset").output
    assert "was empty already" in run("reset").output
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.chdir(project)
    output = shown(80)
    assert "\x1b[32m" in output  # new ones in green
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in output.splitlines()]
    assert "…" not in "".join(line for line in lines if line.startswith("│"))
    assert f"The ARN of each: {ARNS}/MODEL/PARAMETER" in lines
    assert f"{ARNS}/support_chat/generation/temperature" in shown(200, "--all")


def test_a_refusal_is_a_text_and_exit_code_2(project, capsys, monkeypatch):
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
def test_no_column_of_a_table_is_cut_to_nothing(*, wrap, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    row = ["m" * 40, "/".join("abcdefghij" * 4), "not deployed", "x" * 30 + "y" * 30]
    print_table(["model", "parameter", "state", "what"], [row], wrap=wrap)
    shown = capsys.readouterr().out
    assert max(map(len, re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines())) <= 80
    assert shown.count("m") - shown.count("model") - shown.count("param") >= 40
    assert all(shown.count(letter) >= 4 for letter in "bcdfghij")
    assert (shown.count("x"), shown.count("y")) >= ((30, 30) if wrap else (7, 12))
