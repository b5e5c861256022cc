"""`model-config promote` and `rollback`."""

import json
from unittest.mock import patch

import pytest
from support.documents import digest_of
from support.project import write_model

from model_config.cli import target
from model_config.format.errors import LocalError
from model_config.local.state import StateFolder
from model_config.plan.project import Project

CHAT = {"provider": "openai", "model_id": "m", "prompts": {"system": "Hello {{name}}"}}


def test_promote_and_rollback_move_the_label_once_and_say_from_where(run, released, labels):
    released({"n": 1})
    assert "chat in dev: stable moved from no release to release 1." in (
        run("promote", "chat", "--label", "stable").out
    )
    released({"n": 2})
    said = run("promote", "chat").out
    assert f"chat in dev: release 2 is the newest, {digest_of({'n': 2})}, written 20" in said
    assert "chat in dev: stable moved from release 1 to release 2." in said
    assert "Go back with: `model-config rollback chat`" in said
    again = run("promote", "chat").out
    assert "chat in dev: stable is already on release 2: nothing moved.\n" in again
    assert labels() == {"stable": 2, "stable-previous": 1}
    said = run("rollback", "chat").out
    assert "release 1 is on stable-previous now, sha256:" in said
    assert "stable moved from release 2 to release 1." in said
    assert "is already on release 1: nothing moved." in run("rollback", "chat").out
    assert labels() == {"stable": 1, "stable-previous": 1}


def test_promote_and_rollback_take_a_release_and_another_label(run, released, labels):
    released({"n": 1})
    released({"n": 2}, label="canary")
    said = run("promote", "chat", "--label", "canary", "--release", "1").out
    assert "`model-config rollback chat --label canary`" in said
    assert "is the newest" not in said
    assert labels() == {"canary": 1, "canary-previous": 2}
    released({"n": 3})
    run("promote", "chat", "--label", "beta", "--new-label")
    run("rollback", "chat", "--label", "beta", "--release", "1")
    assert labels()["beta"] == labels()["beta-previous"] == 1


def test_what_is_promoted_can_be_read_and_held_by_the_modules_class(run, released, labels, project):
    wrong = {"format": 2, "model": "chat", "environment": "dev", "schema": "S",
             "digest": digest_of({"n": 1}), "config": '{"n":2}', "secrets": []}  # fmt: skip
    released(document=json.dumps(wrong))
    said = run("promote", "chat", "--label", "stable", code=2)
    assert "/ai/dev/chat/release:1 can't be used" in said.err
    assert "its digest is" in said.err
    assert labels() == {}

    released({**CHAT, "generation": {"temperature": 7}}, model="support_chat")
    said = run("promote", "support_chat", "--label", "stable", code=2)
    assert "generation.temperature" in said.err
    assert "model_config.schema.shipped.ChatModel" in said.err
    assert labels("support_chat") == {}
    released(CHAT, {"api_key": "sk-1"}, model="support_chat")
    assert run("promote", "support_chat", "--label", "stable").err == ""

    # Without a module that loads, the missing check is told.
    released()
    said = run("promote", "chat", "--label", "stable")
    assert "not checked against a schema: chat's module isn't in this project" in said.err
    assert "moved from no release to release 2" in said.out
    (project / "models" / "chat.py").write_text("MODEL = 1/0")
    released()
    said = run("promote", "chat", "--label", "stable")
    assert "chat's module can't be read" in said.err
    assert "ZeroDivisionError" in said.err
    assert "moved from release 2 to release 3" in said.out


def test_only_the_module_of_the_model_is_run(run, released, project):
    for name in ("chat", "search"):
        (project / "models" / f"{name}.py").write_text(
            "import pathlib\nfrom model_config.schema import ModelConfig\n"
            f"pathlib.Path('{name}.ran').touch()\n\n"
            "class Own(ModelConfig):\n    n: int\n\nMODEL = Own(n=1)\n"
        )
        released({"n": 1}, model=name)
    assert "schema" not in run("promote", "chat").err
    assert [file.stem for file in project.glob("*.ran")] == ["chat"]


def test_what_is_promoted_has_the_digest_that_is_expected(run, released, labels):
    released({"n": 1})
    seen = digest_of({"n": 1})
    run("promote", "chat", "--label", "canary", "--new-label", "--expect-digest", seen[:19].upper())
    assert labels() == {"canary": 1}
    run("promote", "chat", "--expect-digest", seen.removeprefix("sha256:")[:12])
    assert labels() == {"canary": 1, "stable": 1}
    released({"n": 2})  # a deploy in between
    said = run("promote", "chat", "--expect-digest", seen, code=2)
    assert f"release 2 of chat in dev has the digest {digest_of({'n': 2})}, not {seen}" in said.err
    assert labels() == {"canary": 1, "stable": 1}


def test_a_dry_run_shows_what_readers_will_get_and_moves_nothing(run, released, labels):
    released({"n": 1, "prompt": "Be kind."}, {"key": "sk-1"}, label="stable-previous")
    released({"n": 2, "prompt": "Be kind."}, {"key": "sk-2"}, label="stable")
    released({"n": 2, "prompt": "Be kind."}, {"key": "sk-2"})
    before = labels()
    for verb in ("promote", "rollback"):
        said = run(verb, "chat", "--release", "1", "--dry-run")
        assert said.out == (
            f"chat in dev: stable would move from release 2 to release 1 "
            f"({digest_of({'n': 1, 'prompt': 'Be kind.'})}).\n"
            "  ~ n: 2 → 1\n"
        )
    assert "would get the same values" in run("promote", "chat", "--dry-run").out
    same = run("promote", "chat", "--release", "2", "--dry-run").out
    assert same == "chat in dev: stable is already on release 2.\n"
    assert labels() == before


def test_a_prompt_that_asks_for_another_variable_is_told(run, released):
    released({"prompt": "Hello {{name}}"}, label="stable")
    released({"prompt": "Hello {{customer}}"})
    said = run("promote", "chat")
    assert "prompt now asks for customer and no longer asks for name. An application" in said.err
    assert "prompt" not in run("promote", "chat").err  # it has them now


def test_every_rollback_holds_and_says_how_to_go_on(run, released, labels):
    def rollback(*options: str, to: int) -> None:
        for _ in range(2):  # the second one finds it held already
            said = run("rollback", "chat", *options).out
            assert (
                f"chat in dev: stable is held on release {to}: no pipeline moves it until" in said
            )
            assert f"To end the hold there: `model-config promote chat --release {to}`" in said

    released({"n": 1}, label="stable")
    for number in (2, 3):
        released({"n": number})
    run("promote", "chat", "--release", "2")
    rollback(to=1)
    said = run("promote", "chat", "--release", "1").out
    assert said == "chat in dev: stable stays on release 1 and is no longer held.\n"
    assert labels()["stable"] == 1
    rollback("--release", "2", to=2)
    assert "the hold on release 2 has ended" in run("promote", "chat").out
    assert labels() == {"stable": 3, "stable-previous": 2}
    rollback("--release", "3", to=3)
    run("promote", "chat", "--release", "3")
    assert labels() == {"stable": 3}


def test_a_reason_is_recorded_and_a_missing_record_told(run, released, ssm):
    released()
    run("promote", "chat", "--reason", "shorter answers")
    value = ssm.get_parameter(Name="/ai/dev/chat/rollout")["Parameter"]["Value"]
    assert json.loads(value)["moved"]["reason"] == "shorter answers"
    assert "has 501 characters" in run("promote", "chat", "--reason", "x" * 501, code=2).err
    ssm.delete_parameter(Name="/ai/dev/chat/rollout")
    said = run("promote", "chat", "--label", "canary", "--new-label")
    assert "canary moved from no release to release 1" in said.out
    assert "chat in dev: The move is not recorded" in said.err


# All models


@pytest.fixture
def own(project):
    """Modules of this project's models."""
    for name in ("chat", "held", "search", "broken"):
        write_model(Project(project), name, "n: int = 1")


@pytest.mark.usefixtures("own")
def test_all_models_are_promoted_but_for_what_is_held_and_other_projects(run, released, labels):
    for model in ("chat", "held", "search", "theirs"):
        released({"n": 1}, model=model, label="stable")
        released({"n": 2}, model=model)
    run("rollback", "held", "--release", "1")
    said = run("promote", "--all")
    assert "held: stable is held on release 1 by a rollback" in said.err
    assert "Models of other projects are left alone: theirs." in said.err
    now = [labels(each)["stable"] for each in ("chat", "held", "search", "theirs")]
    assert now == [2, 1, 2, 1]
    released({"n": 3})
    released(model="broken", document="{")
    said = run("promote", "--all", code=2)
    assert "nothing was moved, since not all moves are possible:\n  broken in dev: " in said.err
    assert labels()["stable"] == 2


def test_without_a_project_all_are_those_of_the_environment(run, elsewhere, tmp_path, monkeypatch):
    elsewhere({"n": 1}, model="theirs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODEL_CONFIG_PROJECT")
    said = run("promote", "--all", "--region", "us-east-1")
    assert "theirs in dev (us-east-1): stable moved from no release to release 1" in said.out


@pytest.mark.usefixtures("own")
def test_together_all_labels_move_or_none(run, released, labels):
    for model in ("chat", "search"):
        released({"n": 1}, model=model, label="stable")
        released({"n": 2}, model=model)
    run("rollback", "chat", "--release", "1")
    said = run("promote", "--all", "--together", code=2)
    assert "chat: stable is held on release 1 by a rollback" in said.err
    assert labels("search") == {"stable": 1}
    run("promote", "chat", "--release", "1")
    assert "would move" in run("promote", "--all", "--together", "--dry-run").out
    said = run("promote", "--all", "--together", "--reason", "run 7")
    assert "search in dev: stable moved from release 1 to release 2." in said.out
    assert labels("chat") == labels("search") == {"stable": 2, "stable-previous": 1}
    assert "stable moved from release 1 to 2\trun 7" in run("history", "search").out
    again = run("promote", "--all", "--together")
    assert again.out.count("stable is already on release 2: nothing moved.") == 2


@pytest.mark.usefixtures("own")
def test_together_lists_a_models_releases_twice_what_an_interruption_left_and_the_move(
    run, released, requests_to
):
    released(CHAT)
    released(CHAT, model="search")
    requests_to.clear()
    run("promote", "--all", "--together")
    asked = [names for operation, names in requests_to if operation == "GetParameterHistory"]
    release, other = "/ai/dev/chat/release", "/ai/dev/search/release"
    assert sorted(names[0] for names in asked if "release" in names[0]) == sorted(
        [release, other] * 2
    )


@pytest.mark.usefixtures("own")
def test_models_that_name_each_other_and_were_not_promoted_together_are_told(run, released):
    def told():
        rows = run("status", "-e", "dev", "--json").json[0]["models"]
        return [notice for row in rows for notice in row["notices"]]

    for number in (1, 2):
        released({"n": number, "fallbacks": ["search", "an-endpoint"]}, model="chat")
        released({"n": number}, model="search")
    run("promote", "chat", "--release", "1")
    run("promote", "search", "--release", "2")
    assert told() == []  # nobody wanted them together
    run("promote", "--all", "--together")
    assert told() == []
    run("promote", "search", "--release", "1")
    (notice,) = told()
    assert notice == (
        "stable is on release 2, and on release 1 of its fallback search: they weren't promoted "
        "together"
    )
    released({"n": 3}, model="search")
    run("promote", "search")
    assert len(told()) == 1
    run("promote", "--all", "--together")  # moves nothing, and they are together now
    assert told() == []


@pytest.mark.usefixtures("made_up_credentials", "own")
def test_all_models_take_as_many_clients_as_one(run, released, monkeypatch):
    for model in ("chat", "search", "held"):
        released({"n": 1}, model=model)
    opened = []
    really_open = target.aws_client
    monkeypatch.setattr(
        target, "aws_client", lambda *given: opened.append(given) or really_open(*given)
    )
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert run("promote", "--all").out.count("stable moved from no release") == 3
    assert opened == [("ssm", None)]


def test_nothing_is_said_to_have_moved_before_the_local_aws_has_saved_it(
    run, released_locally, monkeypatch
):
    released_locally({"n": 1})

    def save(*_: object) -> None:
        raise LocalError("the disk is full")

    monkeypatch.setattr(StateFolder, "save", save)
    for verb in (["promote", "chat"], ["rollback", "chat", "--release", "1"]):
        said = run(*verb, code=2)
        assert "the disk is full" in said.err
        assert "moved" not in said.out


# Regions


@pytest.fixture
def regions(released, elsewhere):
    """The same model in two regions: a client of the second."""
    for number in (1, 2):
        released({"n": number})
        elsewhere({"n": number})
    return elsewhere.args[0]


REGIONS = ("--region", "eu-west-1", "--region", "us-east-1")


def test_a_label_moves_in_several_regions_once_each_is_verified(run, regions, labels, elsewhere):
    run("promote", "chat", "--release", "1", *REGIONS)
    said = run("promote", "chat", *REGIONS)
    assert "chat in dev (us-east-1): stable moved from release 1 to release 2." in said.out
    assert "`model-config rollback chat --region us-east-1`" in said.out
    run("rollback", "chat", *REGIONS)
    assert labels() == labels(client=regions) == {"stable": 1, "stable-previous": 1}
    elsewhere(document="{")
    said = run("promote", "chat", *REGIONS, code=2)
    assert "/ai/dev/chat/release:3 can't be used" in said.err
    assert labels() == {"stable": 1, "stable-previous": 1}


def test_what_could_not_be_moved_is_told_and_a_second_run_completes_it(
    run, regions, labels, ssm, monkeypatch
):
    monkeypatch.setattr("model_config.operate.ssm.WRITING", 0)  # it would try for a minute

    def refuse(**_):
        raise regions.exceptions.ClientError({"Error": {"Code": "Throttling"}}, "Label")

    event = "before-call.ssm.LabelParameterVersion"
    clients = {"us-east-1": regions, "eu-west-1": ssm}
    with patch.object(target, "aws_client", lambda _, region: clients[region]):
        regions.meta.events.register(event, refuse)
        said = run("promote", "chat", "--region", "us-east-1", "--region", "eu-west-1", code=2)
        regions.meta.events.unregister(event, refuse)
        assert "chat in dev (us-east-1): stable could not be moved: " in said.err
        assert "1 of 2 could not be moved. Run it again." in said.err
        assert (labels(), labels(client=regions)) == ({"stable": 2}, {})
        run("promote", "chat", *REGIONS)
    assert labels() == labels(client=regions) == {"stable": 2}


MISTAKES = [
    (["promote", "chta", "--label", "stable"], "/ai/dev/chta/release"),
    (["promote", "chat", "--label", "7"], "not beginning with a digit"),
    (["promote", "chat", "--label", "latest"], "always means the newest release"),
    (["promote", "chat", "--label", "stable", "--release", "9"], "there is no release 9 of chat"),
    (["rollback", "chat"], "--label stable --release N --environment dev"),
    (["rollback", "chat", "--release", "0"], "whole number from 1"),
    (["promote"], "name one model to promote, or all of them with --all"),
    (["promote", "chat", "--all"], "name one model to promote, or all of them with --all"),
    (["promote", "--all", "--release", "1"], "need exactly one model"),
    (["promote", "chat", "--together"], "--together needs --all"),
    (["promote", "chat", "--expect-digest", "sha256:12"], "is not a digest: 8 to 64 hex"),
    (["promote", "a/b", "--label", "stable"], "'a/b' is not a valid model"),
    (["promote", "chat", "--label", "stable", "-e", "../x"], "'../x' is not a valid env"),
    (["promote", "chat", "--label", "stable", "--prefix", "ai"], "'ai' is not a valid prefix"),
]


def test_a_mistake_is_a_text_and_exit_code_2(run, released):
    released()
    for arguments, problem in MISTAKES:
        said = run(*arguments, code=2)
        assert problem in said.err
        assert "Traceback" not in said.err


def test_a_label_that_no_release_has_is_asked_for_and_none_is_named_like_an_environment(
    run, released, labels
):
    released(label="stable")
    said = run("promote", "chat", "--label", "stabel", code=2).err
    assert "existing labels: stable." in said
    assert "--new-label" in said
    for verb in (["promote"], ["rollout", "start"]):
        said = run(*verb, "chat", "--label", "prod", code=2).err
        assert "'prod' is an environment of this project" in said
        assert "use --environment prod" in said
    assert labels() == {"stable": 1}
    run("promote", "chat", "--label", "stabel", "--new-label")
    run("promote", "chat", "--label", "stabel")
    assert labels() == {"stable": 1, "stabel": 1}


def test_unlabel_takes_a_label_and_its_previous_off_and_records_it(run, released, labels):
    released({"n": 1}, label="canary")
    released({"n": 2})
    run("promote", "chat", "--label", "canary")
    assert labels() == {"canary": 2, "canary-previous": 1}
    said = run("unlabel", "chat", "canary", "--reason", "it has ended")
    assert said.out == "chat in dev: canary is taken off release 2.\n"
    assert labels() == {}
    latest, *_ = run("history", "chat", "--json").json
    assert latest["what"] == "canary taken off release 2"
    assert latest["reason"] == "it has ended"
    assert "no release of chat in dev has the label" in run("unlabel", "chat", "canary", code=2).err
    run("promote", "chat", "--release", "1", "--label", "canary", "--new-label")
    run("rollout", "start", "chat", "--label", "canary")
    said = run("unlabel", "chat", "canary", code=2).err  # a label with a rollout stays
    assert "`model-config rollout abort chat --environment dev`" in said
    assert labels() == {"canary": 1}
