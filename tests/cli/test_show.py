"""`model-config show`."""

import errno
import os

import pytest
from filelock import FileLock
from support.documents import digest_of

from model_config.format.release import Release, write_release

CONFIG = {"name": "5", "n": 5, "flags": {"on": True, "none": {}}, "prompt": "One\n[bold]\x1b"}


@pytest.fixture
def chat(released):
    released({"n": 1})
    released(CONFIG, {"keys/primary": "sk-very-secret"}, label="stable")


@pytest.mark.usefixtures("chat")
def test_a_pipe_gets_a_line_for_each_value_with_secrets_masked(run):
    said = run("show", "chat")
    assert said.out.splitlines() == [
        'name\t"5"',
        "n\t5",
        "flags/on\ttrue",
        "flags/none\t{}",
        'prompt\t"One\\n[bold]\\u001b"',
        "secrets/keys/primary\t********",
    ]
    assert f"chat in dev: release 2 (stable), {digest_of(CONFIG)}, written as ChatModel" in said.err
    assert "sk-very-secret" not in said.out + said.err
    said = run("show", "chat", "--reveal")
    assert said.out.splitlines()[-1] == 'secrets/keys/primary\t"sk-very-secret"'
    assert "*" not in said.out


@pytest.mark.usefixtures("chat")
def test_json_holds_values_and_a_mask_for_each_secret(run):
    said = run("show", "chat", "--json").json
    assert said["config"] == CONFIG
    assert said["secrets"] == {"keys/primary": "********"}
    assert (said["release"], said["label"], said["digest"]) == (2, "stable", digest_of(CONFIG))
    revealed = run("show", "chat", "--json", "--reveal").json
    assert revealed["secrets"] == {"keys/primary": "sk-very-secret"}


@pytest.mark.usefixtures("chat")
def test_a_release_is_shown_by_number_label_or_as_the_newest(run, monkeypatch):
    assert run("show", "chat", "--release", "1").out == "n\t1\n"
    assert "(latest)" in run("show", "chat", "--label", "latest").err
    monkeypatch.setenv("MODEL_CONFIG_LABEL", "canary")
    assert "promote chat --label canary --new-label" in run("show", "chat", code=2).err
    assert run("show", "chat", "--release", "1").out == "n\t1\n"
    said = run("show", "chat", "--label", "stable", "--release", "1", code=2)
    assert "pass a label or a release, not both" in said.err


@pytest.mark.usefixtures("chat")
def test_a_secret_that_is_not_there_stands_only_in_the_way_of_who_wants_it(run, ssm):
    ssm.delete_parameter(Name="/ai/dev/chat/secrets/keys/primary")
    run("show", "chat")
    assert "/ai/dev/chat/secrets/keys/primary" in run("show", "chat", "--reveal", code=2).err


PROMPT = "One\n\tTwo…\n"


@pytest.fixture
def prompted(released):
    config = {"prompts": {"system": PROMPT, "short": "Hi"}, "n": 5, "stop": ["</a>"]}
    released(config, {"key": "sk-very-secret"}, label="stable")


SHOWN = {
    "prompts/system": PROMPT,
    "/prompts/system/": PROMPT,
    "n": "5",
    "stop": '["</a>"]',
    "prompts": 'prompts/system\t"One\\n\\tTwo…\\n"\nprompts/short\t"Hi"\n',
    "secrets/key": "********",
    "secrets": "secrets/key\t********\n",
}


@pytest.mark.usefixtures("prompted")
def test_a_value_is_shown_as_it_is_and_a_group_as_a_table(run):
    for path, shown in SHOWN.items():
        assert run("show", "chat", path).out == shown
    assert run("show", "chat", "secrets/key", "--reveal").out == "sk-very-secret"
    assert run("show", "chat", "prompts", "--json").json == {"system": PROMPT, "short": "Hi"}
    assert run("show", "chat", "prompts/system", "--json").json == PROMPT
    assert run("show", "chat", "secrets/key", "--json").json == "********"
    assert 'did you mean "prompts/system"?' in run("show", "chat", "prompt/system", code=2).err


def test_a_field_that_is_none_is_told_from_a_misspelled_one(run, released):
    config = {"generation": {"temperature": 0.2}}
    content = Release.of("chat", "dev", "ChatModel", config, none=["generation/seed"])
    released(document=write_release(content).document, label="stable")
    none = run("show", "chat", "generation/seed", code=2).err
    assert "generation/seed is None in this release, so it has no value" in none
    misspelled = run("show", "chat", "generation/temprature", code=2).err
    assert 'did you mean "generation/temperature"?' in misspelled
    assert run("export", "chat").json == run("show", "chat", "--json").json["config"] == config


@pytest.mark.usefixtures("prompted")
def test_full_shows_texts_of_several_lines_as_they_are_below_the_rest(run):
    assert run("show", "chat", "--full").out == (
        'prompts/short\t"Hi"\n'
        "n\t5\n"
        'stop\t["</a>"]\n'
        "secrets/key\t********\n"
        "\nprompts/system:\n"
        f"{PROMPT}\n"
    )


@pytest.mark.usefixtures("prompted")
def test_a_terminal_gets_a_line_end_and_no_control_characters(run, released, monkeypatch):
    released({"t": "\x1b[2Jx"})
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run("show", "chat", "t", "--label", "latest").out == "\\x1b[2Jx\n"


def test_a_read_only_checkout_can_be_read(run, released_locally, monkeypatch):
    released_locally({"n": 1}, label="stable")

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", refused)
    monkeypatch.setattr(os, "open", refused)
    assert run("show", "chat").out == "n\t1\n"
    assert (
        "Read-only file system"
        in run("promote", "chat", "--label", "canary", "--new-label", code=2).err
    )
