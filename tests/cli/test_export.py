"""`model-config export`: each format read back by what it is written for."""

import base64
import io
import json
import os
import shlex
import shutil
import stat
import subprocess
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import dotenv
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model_config import Reader
from model_config.cli.formats import as_text, environment_variables
from model_config.files import write_file
from model_config.format.errors import StoreUnavailableError, UsageError
from model_config.testing.fake import FakeReader

NASTY = {
    "quotes": """it's "so" `x` \\ \\n \\' \\" """,
    "shell": "$HOME $(id) ${x} !! # ; & * ~ \t x",
    "terraform": "${x} $${x} $$${x} %{if} %%{ $ % {{a}}",
    "lines": "\n One\n\n# Two \r\nThree\\\n",
    "returns": "One\r\nTwo\rThree",
    "unicode": "Réponds 日本 😀 \u2028 \x85 \ufeff",
    "controls": "\x01\b\f\x0b\x1f\x7f",
    "yaml": "yes",
    "number": "5",
    "date": "2026-11-23",
    "null": "null",
    "empty": "",
    "space": " ",
    "colon": "a: b - c",
}
VALUES = {
    "n": 5, "f": 0.2, "small": 1e-7, "large": 1e22, "max": 2**53 - 1, "on": True, "none": None,
    "list": [1, "x", [], {"y": None}], "map": {}, "group": {"k é ${x}": {"v": [False]}},
}  # fmt: skip
NODE = shutil.which("node")
TERRAFORM = shutil.which("terraform")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def chat(config):
    return FakeReader({"chat": config}).get("chat")


# Formats


def test_json_yaml_and_tfvars_are_read_back():
    config, secrets = {**NASTY, **VALUES}, {"k/a": "sk", "k": "yes"}
    both = {**config, "secrets": secrets}
    for read, form in ((json.loads, "json"), (yaml.safe_load, "yaml")):
        assert read(as_text(form, chat(config), {})) == config
        assert read(as_text(form, chat(config), secrets)) == both
    assert json.loads(as_text("tfvars.json", chat(config), secrets)) == {"chat": both}
    assert as_text("yaml", chat({"prompts": {"system": "One: a\n\n  # two\n"}, "z": "x"}), {}) == (
        "prompts:\n  system: |\n    One: a\n\n      # two\nz: x\n"
    )
    # Booleans in YAML 1.1, if not in PyYAML.
    assert as_text("yaml", chat({"y": ["n", "Y", "N"]}), {}) == '"y":\n- "n"\n- "Y"\n- "N"\n'


@given(text=TEXT | st.text(st.sampled_from("'\"`${}\\x\n\r")))
@example("\x85")  # which PyYAML loses outside of quotes
@example("a\r\nb\u2028c\ufeff")
@example("${HOME}")
@example("it's `x` \\")
def test_any_text_is_read_back(text):
    configuration = chat({"t": text, "u": "aft'er", "l": [text]})
    expected = {"T": text, "U": "aft'er", "L": json.dumps([text], ensure_ascii=False)}
    assert environment_variables(configuration, {}) == expected
    assert yaml.safe_load(as_text("yaml", configuration, {})) == configuration.as_dict()
    lines = shlex.split(as_text("shell", configuration, {}))
    assert lines[::2] == ["export"] * 3
    assert lines[1::2] == [f"{name}={value}" for name, value in expected.items()]
    # newline="" keeps what a file opened as text would change.
    lines = io.StringIO(as_text("dotenv", configuration, {}), newline="")
    found = dotenv.dotenv_values(stream=lines)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_shell_reads_back_every_variable(shell, tmp_path):
    configuration = chat({**NASTY, **VALUES})
    expected = environment_variables(configuration, {"key": "s'k"}, "X_")
    file = tmp_path / "variables.sh"
    file.write_bytes(as_text("shell", configuration, {"key": "s'k"}, "X_").encode())
    ended = subprocess.run(
        [shell, "-c", f". {shlex.quote(str(file))}; env -0"],
        capture_output=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    found = dict(entry.split("=", 1) for entry in ended.stdout.decode().split("\0") if entry)
    assert {name: found.get(name) for name in expected} == expected


def test_dotenv_is_read_back(tmp_path):
    config = {**NASTY, **VALUES}
    file = tmp_path / ".env"
    file.write_bytes(as_text("dotenv", chat(config), {"key": "s'k"}, "X_").encode())
    expected = environment_variables(chat(config), {"key": "s'k"}, "X_")
    found = dotenv.dotenv_values(file, encoding="utf-8")
    assert {name: found[name] for name in expected} == expected
    helpers = {"MODEL_CONFIG_BACKTICK": "`", "MODEL_CONFIG_DOLLAR": "$", "MODEL_CONFIG_QUOTE": '"'}
    assert {name: found[name] for name in found.keys() - expected.keys()} == helpers


@settings(max_examples=8)  # each starts a shell
@given(texts=st.lists(st.text(st.sampled_from("'\"`$(){}\\x \n\r;&|>")) | TEXT, max_size=20))
def test_a_shell_can_source_a_dotenv_file_and_runs_nothing(texts):
    texts += ["It's `touch ran` and $(touch ran) for $5 ${HOME}\\", "\\`touch ran`\\n"]
    named = {f"t{number}": text for number, text in enumerate(texts)}
    lines = as_text("dotenv", chat(named), {})
    with TemporaryDirectory() as folder:
        Path(folder, ".env").write_bytes(lines.encode())
        # No command is found, so a shell that tried to run one would say so.
        variables = " ".join(f'"${name.upper()}"' for name in named)
        ended = subprocess.run(
            ["/bin/sh", "-c", f". ./.env; printf '%s\\0' {variables}"],
            cwd=folder,
            env={"PATH": ""},
            capture_output=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert [each.name for each in Path(folder).iterdir()] == [".env"]
    found = ended.stdout.decode().split("\0")
    for text, each in zip(texts, found, strict=False):
        if "\r" not in text:  # which has no form that both read
            assert each == text


@pytest.mark.skipif(NODE is None, reason="needs node on PATH")
def test_node_reads_back_a_dotenv_file_but_for_the_variables_it_names(tmp_path):
    alphabet = "'\"`${}\\x \n#="
    texts = {f"t{number}": "".join(text) for number, text in enumerate(product(alphabet, repeat=3))}
    configuration = chat({**NASTY, **VALUES, **texts})
    file = tmp_path / ".env"
    file.write_bytes(as_text("dotenv", configuration, {}, "X_").encode())
    script = "console.log(JSON.stringify(process.env))"
    ended = subprocess.run(
        [str(NODE), f"--env-file={file}", "-e", script], capture_output=True, check=True, env={}
    )
    found = json.loads(ended.stdout)
    expected = environment_variables(configuration, {}, "X_")
    (told,) = (line for line in file.read_text().splitlines() if line.startswith("# Node's"))
    named = set(told.removesuffix(": use `exec` instead.").partition("misreads ")[2].split(", "))
    assert {name for name, text in expected.items() if found.get(name) != text} == named
    assert set(found) == {*expected, *(name for name in found if name.startswith("MODEL_CONFIG_"))}


def test_what_another_parser_misreads_is_told(run, released):
    released({"plain": "it's", "cost": "it's $5", "lines": "a\r\nb"}, label="stable")
    said = run("export", "chat", "--format", "dotenv")
    assert said.out.splitlines()[0] == "# Written for python-dotenv."
    assert said.err.splitlines()[-2:] == [
        "A shell misreads LINES: source --format shell instead.",
        "Node's --env-file misreads COST, LINES: use `exec` instead.",
    ]
    released({"plain": "it's"}, label="stable")
    said = run("export", "chat", "--format", "dotenv")
    assert said.out == '# Written for python-dotenv.\nPLAIN="it\'s"\n'
    assert "misreads" not in said.err


@pytest.mark.skipif(TERRAFORM is None, reason="needs terraform on PATH")
def test_terraform_reads_back_its_variables(tmp_path):
    config = {**NASTY, **VALUES}
    (tmp_path / "main.tf").write_text('variable "chat" { type = any }')
    (tmp_path / "chat.tfvars.json").write_bytes(as_text("tfvars.json", chat(config), {}).encode())
    ended = subprocess.run(
        [str(TERRAFORM), "console", "-var-file=chat.tfvars.json"],
        input=b"base64encode(jsonencode(var.chat))",  # its quotes are not JSON's
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1", "HOME": str(tmp_path)},
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(base64.b64decode(ended.stdout.strip(b'"\n'))) == config


# The verb


@pytest.fixture
def two(released):
    released({"t": "One"}, {"key": "sk-secret"}, label="stable")
    released({"t": "Zwei é"}, {"key": "sk-secret"})


@pytest.mark.usefixtures("two")
def test_export_prints_the_release_without_secrets(run, ssm):
    ssm.delete_parameter(Name="/ai/dev/chat/secrets/key")  # which nobody asks for
    assert run("export", "chat").json == {"t": "One"}
    assert run("export", "chat", "--label", "latest", "--format", "yaml").out == "t: Zwei é\n"
    arguments = ["--release", "2", "--format", "dotenv", "--variable-prefix", "CHAT_"]
    assert run("export", "chat", *arguments).out == (
        "# Written for python-dotenv.\nCHAT_T='Zwei é'\n"
    )
    assert run("export", "chat", "--format", "shell").out == "export T=One\n"


@pytest.mark.usefixtures("two")
def test_secrets_go_only_into_a_file_for_its_owner_alone(run, project):
    assert "--output" in run("export", "chat", "--with-secrets", code=2).err
    file = project / "chat.json"
    file.write_text("old")
    file.chmod(0o644)
    said = run("export", "chat", "--with-secrets", "--output", str(file))
    assert said.out + said.err == ""
    assert json.loads(file.read_text()) == {"t": "One", "secrets": {"key": "sk-secret"}}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


class NoAws:
    def get(self, names):
        raise StoreUnavailableError(f"no answer about {names}")

    def close(self):
        pass


@pytest.mark.usefixtures("two")
def test_a_fallback_starts_a_reader(run, released, project):
    released({"n": 1}, model="other", label="stable")
    file = project / "fallback.json"
    run("export", "--fallback", "--output", str(file))
    reader = Reader("dev", fallback=file, source=NoAws())
    assert reader.get("chat").as_dict() == {"t": "One"}
    assert reader.get("chat").from_fallback
    assert reader.get("other").release == 1
    assert "sk-secret" not in file.read_text()


@pytest.mark.usefixtures("two")
def test_a_fallback_holds_the_models_and_the_release_that_are_asked_for(run, released):
    released(model="other")  # which has no label
    releases = run("export", "--fallback", "chat", "--release", "2").json["releases"]
    assert {name: each["release"] for name, each in releases.items()} == {"chat": 2}
    assert "promote other --label stable" in run("export", "--fallback", code=2).err
    latest = run("export", "--fallback", "--label", "latest").json["releases"]
    assert sorted(latest) == ["chat", "other"]


MISTAKES = [
    ([], "name one model"),
    (["chat", "other"], "name one model"),
    (["--fallback", "--with-secrets"], "a fallback has no secrets"),
    (["--fallback", "--release", "1"], "--release needs exactly one model"),
    (["chat", "--format", "toml"], "'toml' is not one of"),
    (["chat", "--output", "/no/such/folder/x"], "can't be written: No such file or directory"),
]


@pytest.mark.usefixtures("two")
def test_a_mistake_is_a_text_and_exit_code_2(run):
    for arguments, problem in MISTAKES:
        said = run("export", *arguments, code=2)
        assert problem in said.err
        assert said.out == ""


# Files


def test_a_file_has_the_mode_it_should_from_the_first_moment(tmp_path, monkeypatch):
    seen = []
    replace = Path.replace

    def look(aside: Path, place: Path) -> Path:
        seen.append(stat.S_IMODE(aside.stat().st_mode))
        return replace(aside, place)

    monkeypatch.setattr(Path, "replace", look)
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "x", "é\n", private=True)
        write_file(tmp_path / "y", "é\n", private=False)
    finally:
        os.umask(before)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes() == "é\n".encode()
    assert seen == [0o600, 0o640]


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_beside_it(
    tmp_path, monkeypatch
):
    file = tmp_path / "x"
    file.write_text("old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_file(file, "new", private=True)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_is_followed_and_what_is_no_ordinary_file_is_not_replaced_by_one(tmp_path):
    (tmp_path / "link").symlink_to("file")
    write_file(tmp_path / "link", "x", private=False)
    assert (tmp_path / "file").read_text() == "x"
    assert (tmp_path / "link").is_symlink()
    # Never tried on /dev/null: were the check gone, root would lose it.
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, target in (("circle", "circle"), ("there", "back"), ("back", "there")):
        (tmp_path / name).symlink_to(target)
    for name, problem in {
        "pipe": "it is not a regular file",
        "folder": "it is not a regular file",
        "circle": "its symbolic links form a loop",
        "there": "its symbolic links form a loop",
    }.items():
        with pytest.raises(UsageError, match=f"{name} can't be written: {problem}"):
            write_file(tmp_path / name, "x", private=False)
    assert {each.name for each in tmp_path.iterdir()} == {
        "link", "file", "pipe", "folder", "circle", "there", "back",
    }  # fmt: skip
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert (tmp_path / "circle").is_symlink()
    assert (tmp_path / "there").is_symlink()
