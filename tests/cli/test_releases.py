"""`model-config releases` and `diff-releases`."""

import re

import pytest
from support.documents import digest_of

from model_config.format.text import who

BEFORE = {"model": "a", "generation": {"seed": 1, "on": True}, "prompt": "One\nTwo\nThree"}
AFTER = {"model": "b", "generation": {"on": 1, "stop": []}, "prompt": "One\n2\nThree"}


@pytest.fixture
def two(released):
    released(BEFORE, {"old": "sk-old", "kept": "sk-kept"}, label="stable")
    released(AFTER, {"new": "sk-new", "kept": "sk-other"})


# releases


@pytest.mark.usefixtures("two")
def test_releases_are_listed_newest_first_with_what_changed(run):
    newest, oldest = (line.split("\t") for line in run("releases", "chat").out.splitlines())
    assert (newest[0], oldest[0]) == ("2", "1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", newest[1])
    assert newest[3] == digest_of(AFTER)[7:19]
    assert (newest[4], oldest[4]) == ("", "stable")
    assert newest[5] == (
        "~ generation/on, - generation/seed, + generation/stop, ~ model, ~ prompt, "
        "+ secrets/new, - secrets/old"
    )
    assert oldest[5] == "the first release"

    said = run("releases", "chat", "--json")
    newest, oldest = said.json
    assert (newest["release"], newest["digest"]) == (2, digest_of(AFTER))
    assert {"path": "secrets/new", "change": "added", "secret": True} in newest["changes"]
    assert {"path": "model", "change": "changed", "secret": False} in newest["changes"]
    assert (oldest["labels"], oldest["changes"], oldest["by"]) == (["stable"], None, "N/A")
    assert newest["at"].endswith("+00:00")
    assert "sk-" not in said.out


def test_a_release_that_cannot_be_read_says_why_among_the_others(run, released):
    released({"n": 1})
    released(document="{")
    released({"n": 3})
    released({"n": 3})
    same, newer, broken, oldest = run("releases", "chat").out.splitlines()
    assert same.endswith("\tthe same values")
    assert newer.endswith("\t")  # nothing to compare with
    assert "unreadable\t\t/ai/dev/chat/release:2 can't be used" in broken
    assert oldest.endswith("the first release")
    assert "not valid JSON" in run("releases", "chat", "--json").json[2]["problem"]
    assert "not valid JSON" in run("diff-releases", "chat", "1", "2", code=2).err


def test_a_number_that_is_written_otherwise_and_a_line_end_that_came_are_changes(run, released):
    released({"n": 1, "order": {"a": 1, "b": 2}, "prompt": "One\n"})
    released({"n": 1.0, "order": {"b": 2, "a": 1}, "prompt": "One\r\n\x1b[2J"})
    lines = run("diff-releases", "chat", "1", "2").out.splitlines()
    assert lines[:3] == ["~ n: 1 → 1.0", "~ order: order changed: b now first", "~ prompt"]
    assert lines[-4:] == ["    -One", "    -", "    +One\\r", "    +\\x1b[2J"]


def test_a_held_label_is_shown(run, released):
    released({"n": 1}, label="stable")
    run("rollback", "chat", "--release", "1")
    assert "\tstable (held), stable-previous\t" in run("releases", "chat").out
    assert run("releases", "chat", "--json").json[0]["held"] == ["stable"]


def test_a_promotion_that_was_interrupted_is_no_hold(run, released, ssm):
    released({"n": 1})
    run("promote", "chat")
    released({"n": 2})
    name = "/ai/dev/chat/release"
    ssm.label_parameter_version(Name=name, ParameterVersion=1, Labels=["stable-previous"])
    assert "\tstable (promotion interrupted), stable-previous\t" in run("releases", "chat").out
    newest, oldest = run("releases", "chat", "--json").json
    assert (newest["interrupted"], oldest["interrupted"], oldest["held"]) == ([], ["stable"], [])
    said = run("promote", "chat")
    assert "the interrupted promotion is completed" in said.out
    assert "rollback;" not in said.out


def test_who_wrote_it_is_read_from_the_arn():
    for arn, name in {
        "arn:aws:iam::123456789012:user/anna": "anna",
        "arn:aws:sts::123456789012:assumed-role/Deployer/build-7": "Deployer/build-7",
        "arn:aws:iam::123456789012:root": "root",
        "N/A": "-",
        "": "-",
    }.items():
        assert who(arn) == name


# diff-releases


@pytest.mark.usefixtures("two")
def test_a_diff_shows_values_texts_line_by_line_and_secrets_by_name(run):
    said = run("diff-releases", "chat", "1", "2")
    assert said.out == (
        "~ generation/on: true → 1\n"
        "- generation/seed: 1\n"
        "+ generation/stop: []\n"
        '~ model: "a" → "b"\n'
        "~ prompt\n"
        "    @@ -1,3 +1,3 @@\n"
        "     One\n"
        "    -Two\n"
        "    +2\n"
        "     Three\n"
        "+ secrets/new: a secret\n"
        "- secrets/old: a secret\n"
    )
    assert run("diff-releases", "chat", "stable", "latest", "--exit-code", code=1).out == said.out

    said = run("diff-releases", "chat", "1", "2", "--exit-code", "--json", code=1)
    assert (said.json["before"], said.json["after"], said.json["environment"]) == (1, 2, "dev")
    assert said.json["changes"][0] == {
        "path": "generation/on", "change": "changed", "before": True, "after": 1, "secret": False,
        "variables": None,
    }  # fmt: skip
    assert said.json["changes"][-1]["path"] == "secrets/old"
    assert "sk-" not in said.out

    same = run("diff-releases", "chat", "2", "2", "--exit-code")
    assert same.out == "release 2 and release 2 have the same values\n"
    for selector, problem in (
        ("9", "there is no release 9 of chat in dev; the releases are 1 to 2"),
        ("canary", "no release of chat in dev has the label 'canary'; existing labels: stable"),
    ):
        assert problem in run("diff-releases", "chat", "1", selector, code=2).err
