"""`model-config show`."""

import pytest

from model_config.format.release import digest_of

CONFIG = {"name": "5", "n": 5, "flags": {"on": True, "none": {}}, "prompt": "One\n[bold]\x1b"}


@pytest.fixture
def chat(released):
    released({"n": 1})
    released(CONFIG, {"keys/primary": "sk-very-secret"}, label="stable")


@pytest.mark.usefixtures("chat")
def test_a_pipe_gets_a_line_for_each_value_with_secrets_masked(run):
    said = run("show", "chat")
    assert said.out.splitlines() == [
        "flags/none\t{}",
        "flags/on\ttrue",
        "n\t5",
        'name\t"5"',
        'prompt\t"One\\n[bold]\\u001b"',
        "secrets/keys/primary\t********",
    ]
    assert f"chat in dev: release 2 (stable), {digest_of(CONFIG)}, written as ChatModel" in said.err
    assert "sk-very-secret" not in said.out + said.err


@pytest.mark.usefixtures("chat")
def test_reveal_shows_the_secrets(run):
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
    assert "promote chat --to canary" in run("show", "chat", code=2).err
    assert run("show", "chat", "--release", "1").out == "n\t1\n"


@pytest.mark.usefixtures("chat")
def test_a_label_and_a_number_contradict_each_other(run):
    said = run("show", "chat", "--label", "stable", "--release", "1", code=2)
    assert "give a label or a release, not both" in said.err


@pytest.mark.usefixtures("chat")
def test_a_secret_that_is_not_there_stands_only_in_the_way_of_who_wants_it(run, ssm):
    ssm.delete_parameter(Name="/ai/dev/chat/secrets/keys/primary")
    run("show", "chat")
    assert "/ai/dev/chat/secrets/keys/primary" in run("show", "chat", "--reveal", code=2).err
