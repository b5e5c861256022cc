"""`model-config promote` and `rollback`."""

import json

import pytest

from model_config.format.release import digest_of

CHAT = {"provider": "openai", "model_id": "m", "prompts": {"system": "Hello {{name}}"}}


@pytest.fixture
def labels(run):
    """Tell which release each label is on."""

    def read(model: str = "chat") -> dict[str, int]:
        rows = run("releases", model, "--json").json
        return {label: row["release"] for row in rows for label in row["labels"]}

    return read


def test_promote_moves_the_label_to_the_newest_and_says_where_it_was(run, released, labels):
    released({"n": 1})
    assert "chat in dev: stable is on release 1 now, before on no release." in (
        run("promote", "chat", "--to", "stable").out
    )
    released({"n": 2})
    said = run("promote", "chat", "--to", "stable").out
    assert "chat in dev: stable is on release 2 now, before on release 1." in said
    assert "model-config rollback chat -e dev" in said
    assert labels() == {"stable": 2, "stable-previous": 1}


def test_promoting_twice_is_the_same_as_once_and_says_so(run, released, labels):
    released({"n": 1}, label="stable")
    released({"n": 2})
    run("promote", "chat", "--to", "stable")
    said = run("promote", "chat", "--to", "stable").out
    assert said == "chat in dev: stable is on release 2 already, nothing moved.\n"
    assert labels() == {"stable": 2, "stable-previous": 1}


def test_promote_takes_a_release_and_another_label(run, released, labels):
    released({"n": 1})
    released({"n": 2}, label="canary")
    said = run("promote", "chat", "--to", "canary", "--release", "1").out
    assert "model-config rollback chat --label canary -e dev" in said
    assert labels() == {"canary": 1, "canary-previous": 2}


def test_rollback_goes_back_and_twice_is_the_same_as_once(run, released, labels):
    released({"n": 1}, label="stable")
    released({"n": 2})
    run("promote", "chat", "--to", "stable")
    assert "is on release 1 now, before on release 2." in run("rollback", "chat").out
    assert "is on release 1 already, nothing moved." in run("rollback", "chat").out
    assert labels() == {"stable": 1, "stable-previous": 1}


def test_rollback_goes_to_a_release_by_number(run, released, labels):
    for number in (1, 2, 3):
        released({"n": number})
    run("promote", "chat", "--to", "canary")
    run("rollback", "chat", "--label", "canary", "--to", "1")
    assert labels() == {"canary": 1, "canary-previous": 1}


def test_a_release_with_a_wrong_digest_is_not_promoted(run, released, labels):
    wrong = {"format": 1, "model": "chat", "environment": "dev", "schema": "S",
             "digest": digest_of({"n": 1}), "config": {"n": 2}, "secrets": {}}  # fmt: skip
    released(document=json.dumps(wrong))
    said = run("promote", "chat", "--to", "stable", code=2)
    assert "/ai/dev/chat/release:1 can't be used" in said.err
    assert "its digest is" in said.err
    assert labels() == {}


def test_a_release_that_the_modules_class_cannot_hold_is_not_promoted(run, released, labels):
    released({**CHAT, "generation": {"temperature": 7}}, model="support_chat")
    said = run("promote", "support_chat", "--to", "stable", code=2)
    assert "generation.temperature" in said.err
    assert "model_config.schema.ChatModel" in said.err
    assert labels("support_chat") == {}


def test_a_release_that_the_modules_class_can_hold_is_promoted_without_a_note(run, released):
    released(CHAT, {"api_key": "sk-1"}, model="support_chat")
    assert run("promote", "support_chat", "--to", "stable").err == ""


def test_a_model_without_a_module_here_is_promoted_and_the_missing_check_is_told(run, released):
    released()
    said = run("promote", "chat", "--to", "stable")
    assert "not checked against a schema: chat's module isn't in this project" in said.err
    assert "is on release 1 now" in said.out


def test_a_module_that_does_not_load_is_told_and_holds_nothing_up(run, released, project):
    (project / "models" / "chat.py").write_text("MODEL = 1/0")
    released()
    said = run("promote", "chat", "--to", "stable")
    assert "chat's module can't be read" in said.err
    assert "ZeroDivisionError" in said.err
    assert "is on release 1 now" in said.out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["promote", "chta", "--to", "stable"], "/ai/dev/chta/release"),
        (["promote", "chat", "--to", "7"], "not beginning with a digit"),
        (["promote", "chat", "--to", "latest"], "asks for the newest release"),
        (["promote", "chat", "--to", "stable", "--release", "9"], "there is no release 9 of chat"),
        (["rollback", "chat"], "--label stable --release N --environment dev"),
        (["rollback", "chat", "--to", "0"], "whole number from 1"),
        (["promote", "a/b", "--to", "stable"], "the model 'a/b' can't be used"),
        (["promote", "chat", "--to", "stable", "-e", "../x"], "the environment '../x'"),
        (["promote", "chat", "--to", "stable", "--prefix", "ai"], "the prefix 'ai' can't be used"),
    ],
)
def test_a_mistake_is_a_text_and_exit_code_2(run, released, arguments, problem):
    released()
    said = run(*arguments, code=2)
    assert problem in said.err
    assert "Traceback" not in said.err
