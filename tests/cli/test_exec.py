"""`model-config exec`: the variables, and the command that takes this process's place."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping

import pytest
import typer

from model_config.cli.formats import PLACEHOLDER, environment_variables, only_requested
from model_config.cli.verbs.export import _become
from model_config.format.errors import UsageError
from model_config.testing.fake import FakeReader

BECOME = (
    "import json, sys; from model_config.cli.verbs.export import _become\n"
    "_become(*json.loads(sys.argv[1]))"
)
MAIN = "from model_config.cli.app import main; main()"


def chat(config: Mapping[str, object]):
    return FakeReader({"chat": config}).get("chat")


def become(command: list[str], **variables: str) -> list[str]:
    return [sys.executable, "-c", BECOME, json.dumps([command, variables])]


# Variables


def test_a_path_in_upper_case_is_the_name_and_all_but_strings_are_json():
    config = {
        "model_id": "gpt",
        "generation": {"temperature": 0.2, "stop": ["é", 1], "seed": None, "stream": True},
        "routes": {"en-GB": {}, "größe": "5"},
    }
    assert environment_variables(chat(config), {"keys/primary": "sk"}) == {
        "MODEL_ID": "gpt",
        "GENERATION_TEMPERATURE": "0.2",
        "GENERATION_STOP": '["é",1]',
        "GENERATION_SEED": "null",
        "GENERATION_STREAM": "true",
        "ROUTES_EN_GB": "{}",
        "ROUTES_GR_SSE": "5",
        "KEYS_PRIMARY": "sk",
    }
    assert environment_variables(chat({"a": 1}), {}, "CHAT_") == {"CHAT_A": "1"}


def test_two_paths_of_one_name_and_a_nul_character_are_refused_without_showing_a_value():
    for config, secrets, problem in (
        ({"a": {"b": 1}, "a_b": 2}, {}, "a/b and a_b of chat would both be named A_B"),
        ({"a": {"x-y": 1, "x_y": 2}}, {}, "a/x-y and a/x_y"),
        ({"key": 1}, {"key": "secret"}, "key and key of chat would both be named KEY"),
        ({"a": {"b": "se\0cret"}}, {}, "a/b of chat contains a NUL character"),
        ({}, {"key": "se\0cret"}, "key of chat contains a NUL"),
    ):
        with pytest.raises(UsageError, match=problem) as caught:
            environment_variables(chat(config), secrets)
        assert "cret" not in str(caught.value)


OBEYED = [
    "path", "home", "ld/preload", "ld_library_path", "dyld/insert_libraries", "python/path",
    "pythonstartup", "bash_env", "env", "ifs", "node_options", "https-proxy", "aws/profile",
    "git_ssh_command", "model_config/local",
]  # fmt: skip


def test_variables_that_other_programs_obey_are_refused_without_a_prefix():
    config = {"model_id": "gpt", **dict.fromkeys(OBEYED, "sk-hidden")}
    with pytest.raises(UsageError, match="--variable-prefix CHAT_") as caught:
        environment_variables(chat(config), {"user": "x"})
    for path in (*OBEYED, "user"):  # all of them at once
        assert f"{path} would be " in str(caught.value)
    assert "user would be USER" in str(caught.value)
    assert "sk-hidden" not in str(caught.value)
    assert "MODEL_ID" not in str(caught.value)
    assert len(environment_variables(chat(config), {"user": "x"}, "CHAT_")) == len(OBEYED) + 2


def test_a_name_that_only_begins_like_one_of_those_is_a_variable_and_a_prefix_begins_a_name():
    names = ["pathway", "home_page", "environment", "node_count", "loading", "model_id"]
    assert len(environment_variables(chat(dict.fromkeys(names, 1)), {})) == len(names)
    for prefix in ("1", "A-", "A B", "é", "A\n"):
        with pytest.raises(UsageError, match="is not a valid prefix"):
            environment_variables(chat({"a": 1}), {}, prefix)


def test_strict_fills_what_is_asked_for_and_nothing_else():
    present = {"A": PLACEHOLDER, "HOME": "/root"}
    assert only_requested({"A": "1", "B": "2"}, present) == {"A": "1"}
    assert only_requested({"A": "1"}, {}) == {}

    # All that is missing and all that is set already is told.
    present = {"A": PLACEHOLDER, "X": PLACEHOLDER, "Y": PLACEHOLDER, "B": "mine"}
    with pytest.raises(UsageError) as caught:
        only_requested({"A": "1", "B": "theirs"}, present)
    text = str(caught.value)
    assert "X is requested, but is not in the release\n  Y is requested" in text
    assert "B is in the release, but is set to another value" in text
    assert "mine" not in text
    assert "theirs" not in text


# The command


def test_the_command_is_this_process_with_its_signals_pipes_and_utf_8_whatever_the_locale():
    # Python ignores SIGPIPE; a command that inherited that would complain instead of ending.
    script = """
        printf '%s\n' "$PROMPT"; yes | head -1
        trap 'echo got TERM; kill -KILL $$' TERM; echo ready; while :; do sleep 0.01; done
    """
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with subprocess.Popen(
        become(["sh", "-c", script], PROMPT="Réponds 日本 {{name}} $HOME 'x'"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **locale},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().decode() == "Réponds 日本 {{name}} $HOME 'x'\n"
        assert process.stdout.readline() == b"y\n"
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=5) == (b"got TERM\n", b"")
    assert process.returncode == -signal.SIGKILL


def test_with_standard_output_closed_a_verb_and_its_command_write_to_nobody():
    guarded = f"from model_config.cli import guard_stdout; guard_stdout(); print('x')\n{BECOME}"
    given = json.dumps([["sh", "-c", "echo x && echo ran >&2"], {}])
    ended = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", sys.executable, "-c", guarded, given],
        capture_output=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == (b"", b"ran\n")


@pytest.fixture
def nothing_else_runs(monkeypatch, tmp_path):
    """Let `_become` be called in this process, where it must not find its command."""
    (tmp_path / "file").touch(mode=0o644)
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGPIPE)
    yield
    after = signal.signal(signal.SIGPIPE, before)
    assert after == before  # or a pipe that closes would end this process


@pytest.mark.usefixtures("nothing_else_runs")
@pytest.mark.parametrize(
    ("command", "code", "problem"),
    [
        ("there-is-none", 127, "there-is-none: command not found"),
        ("file/in-a-file", 127, "file/in-a-file: command not found"),
        ("./file", 126, "./file can't be run: Permission denied"),
        ("true", 126, "true can't be run: Argument list too long"),
    ],
)
def test_a_command_that_cannot_be_run_is_told_with_a_shells_exit_code(
    command, code, problem, capsys
):
    prompt = "x" * 200_000 if command == "true" else "sk-secret"
    with pytest.raises(typer.Exit) as caught:
        _become([command], {"PROMPT": prompt})
    assert caught.value.exit_code == code
    assert capsys.readouterr().err == f"{problem}\n"


def test_exec_runs_a_command_with_a_release_and_its_secrets(loopback):
    config = {"generation": {"temperature": 0.2, "seed": 7}}
    loopback.answers = [loopback.holds(config, {"api_key": "sk-1"})]
    script = 'echo "$CHAT_GENERATION_TEMPERATURE $CHAT_API_KEY $HOME_TOWN $1 $2"; env; exit 7'
    start = [sys.executable, "-c", MAIN, "exec", "chat"]
    options = ["-e", "prod", "--strict", "--variable-prefix", "CHAT_"]
    ended = subprocess.run(
        [*start, *options, "--", "sh", "-c", script, "sh", "-e", "--"],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": loopback.url,
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "HOME_TOWN": "Bern",
            "CHAT_GENERATION_TEMPERATURE": PLACEHOLDER,
            "CHAT_API_KEY": PLACEHOLDER,
        },
    )
    assert ended.stdout.splitlines()[0] == "0.2 sk-1 Bern -e --", ended.stderr
    assert "CHAT_GENERATION_SEED" not in ended.stdout
    assert ended.returncode == 7


def test_exec_works_on_the_local_aws_and_leaves_the_commands_aws_alone(
    run, released_locally, monkeypatch
):
    released_locally({"n": 1}, label="stable")
    monkeypatch.setenv("AWS_PROFILE", "company")
    became: list[tuple[list[str], Mapping[bytes, bytes]]] = []

    def record(_file: str, command: list[str], environment: Mapping[bytes, bytes]) -> None:
        became.append((command, environment))
        sys.exit(3)

    monkeypatch.setattr(os, "execvpe", record)
    run("exec", "chat", "--", "cmd", "--label", "x", code=3)
    monkeypatch.setenv("SEED", PLACEHOLDER)
    refused = run("exec", "chat", "--strict", "--", "cmd", code=2).err
    assert "SEED is requested, but is not in the release" in refused
    ((command, environment),) = became
    assert command == ["cmd", "--label", "x"]
    assert (environment[b"N"], environment[b"AWS_PROFILE"]) == (b"1", b"company")
    assert b"AWS_ACCESS_KEY_ID" not in environment
    assert "Missing argument" in run("exec", "chat", code=2).err
