"""`model-config rollout` and `history`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from model_config import Reader
from model_config.format.errors import AccessDeniedError
from model_config.format.rollout import read_rollout
from model_config.operate import rollout_plan
from model_config.operate.environment import Environment

NAME = "/ai/dev/chat/rollout"
NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
CHAT = {"provider": "openai", "model_id": "m", "prompts": {"system": "Hello {{name}}"}}


class Clock:
    """The time of the command line, set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(rollout_plan, "utc_now", found)
    return found


@pytest.fixture
def three(released):
    """Three releases of a model, the first one stable."""
    for number in (1, 2, 3):
        released({"n": number}, label="stable" if number == 1 else None)


@pytest.fixture
def two_models(released):
    """Two releases of chat and of other, each time the first one stable."""
    for model in ("chat", "other"):
        released({"n": 1}, model=model, label="stable")
        released({"n": 2}, model=model)


@pytest.fixture
def two_regions(released, elsewhere, ssm):
    """Two releases in two regions: what tells the rollout's document in each."""
    for write in (released, elsewhere):
        write({"n": 1}, label="stable")
        write({"n": 2})
    clients = (ssm, elsewhere.args[0])
    return lambda: [each.get_parameter(Name=NAME)["Parameter"]["Value"] for each in clients]


@pytest.fixture
def document(ssm):
    return lambda: read_rollout(ssm.get_parameter(Name=NAME)["Parameter"]["Value"])


def put(ssm, text):
    ssm.put_parameter(Name=NAME, Value=text, Type="String", Overwrite=True)


def start(run, *arguments, code=0):
    return run("rollout", "start", "chat", *arguments, code=code)


def status(run):
    return run("rollout", "status", "chat", "--json").json


# Units


def served(ssm, unit):
    return Reader("dev", client=ssm).get("chat", key=unit).release


@pytest.mark.usefixtures("three")
def test_a_unit_gets_a_release_of_the_rollout_until_it_is_removed(run, document, ssm, monkeypatch):
    said = start(run, "--steps", "0", "--unit", "qa-1")
    assert "These units get it whatever the share: qa-1." in said.out
    assert "due" not in said.out
    assert (served(ssm, "qa-1"), served(ssm, "somebody")) == (3, 1)
    before = document()
    for arguments, problem in [
        (["x", "--release", "2"], "release 2 is neither the rollout's candidate, 3, nor"),
        (["x" * 2048], f'the unit "{"x" * 16}" has 2,048 bytes, and a unit has 1 to 64'),
        (["x", "--remove"], "the rollout names no unit 'x'; its units: qa-1"),
        (["qa-1", "--remove"], "the only unit of a rollout to 0 %"),
        (["qa-1", "--remove", "--release", "3"], "name one"),
    ]:
        assert problem in run("rollout", "unit", "chat", *arguments, code=2).err
        assert document() == before
    next_year = datetime.now(UTC) + timedelta(days=365)
    with monkeypatch.context() as then:
        then.setattr(rollout_plan, "utc_now", lambda: next_year)  # no job gives it to everybody
        assert status(run)[0]["phase"] == "running"
        assert "is due to be finished" in run("rollout", "finish", "--when-due").out
    assert document() == before

    run("rollout", "unit", "chat", "qa-2")
    run("rollout", "unit", "chat", "qa-1", "--release", "1")
    assert document().rollout.units == {"qa-1": 1, "qa-2": 3}
    assert (served(ssm, "qa-1"), served(ssm, "qa-2")) == (1, 3)
    assert status(run)[0]["units"] == {"qa-1": 1, "qa-2": 3}
    assert "\tqa-1: 1, qa-2: 3\n" in run("rollout", "status").out
    run("rollout", "unit", "chat", "qa-2", "--remove")
    assert document().rollout.units == {"qa-1": 1}
    said = run("history", "chat").out
    for line in (
        "rollout of release 3 to stable started: 0 %, unit qa-1 gets release 3",
        "rollout of release 3 to stable: unit qa-2 gets release 3",
        "rollout of release 3 to stable: unit qa-1 gets release 1",
        "rollout of release 3 to stable: unit qa-2 removed",
    ):
        assert line in said


# Start


@pytest.mark.usefixtures("three")
def test_start_writes_the_plan_and_prints_it_with_its_times(run, document, clock):
    start(run, "--at", "2026-12-01T13:00:00+01:00", "--json")
    found = document().rollout
    assert found.release == 3  # the newest
    assert found.steps[0].at == NOW + timedelta(hours=2)
    (shown,) = status(run)
    assert (shown["phase"], shown["percent"]) == ("scheduled", 0)
    assert shown["next"] == {"at": "2026-12-01T12:00:00+00:00", "percent": 5}
    clock.advance(121)
    assert status(run)[0]["percent"] == 5

    run("rollout", "abort", "chat")
    clock.advance(-121)
    said = start(run, "--release", "2", "--steps", "5,25.5,100", "--every", "20m", "--reason", "x")
    assert said.out == (
        "chat in dev: release 2 is rolled out to the readers of stable, who have release 1.\n"
        "2026-12-01 10:00 UTC\t5 %\n"
        "2026-12-01 10:20 UTC\t25.5 %\n"
        "2026-12-01 10:40 UTC\t100 %\n"
        "It is due to be finished at 2026-12-01 11:00 UTC.\n"
        "Stop it with: `model-config rollout abort chat`\n"
    )
    found = document().rollout
    assert (found.label, found.release, found.before) == ("stable", 2, 1)
    assert [(step.at, step.percent) for step in found.steps] == [
        (NOW, 5), (NOW + timedelta(minutes=20), 25.5), (NOW + timedelta(minutes=40), 100)
    ]  # fmt: skip


def test_the_candidate_is_verified_and_compared_as_promote_does(run, released, ssm, document):
    released(CHAT, {"api_key": "sk-1"}, model="support_chat", label="stable")
    too_hot = {**CHAT, "generation": {"temperature": 7}}
    released(too_hot, {"api_key": "sk-1"}, model="support_chat")
    said = run("rollout", "start", "support_chat", code=2)
    assert "generation.temperature" in said.err
    released({"n": 1}, label="stable")
    released({"n": 2}, {"key": "sk"})
    ssm.delete_parameter(Name="/ai/dev/chat/secrets/key")
    assert "names secrets that are gone" in start(run, code=2).err
    released(document="{")
    assert "chat/release:3 can't be used" in start(run, code=2).err
    assert document().rollout is None
    released({"prompt": "Hello"}, label="stable")
    released({"prompt": "Hello {{name}}"})
    assert "chat in dev: prompt now asks for name. An application" in start(run).err


REFUSED = [
    (["--steps", "25,5"], "don't increase"),
    (["--steps", "5,5"], "don't increase"),
    (["--steps", "5,101"], "from 0 to 100 percent"),
    (["--steps", "-1"], "from 0 to 100 percent"),
    (["--steps", "nan"], "from 0 to 100 percent"),
    (["--steps", "0"], "reaches nobody: name units with --unit"),
    (["--unit", "x" * 2048], f'the unit "{"x" * 16}" has 2,048 bytes'),
    (["--unit", ""], 'the unit "" has 0 bytes, and a unit has 1 to 64'),
    ([f"--unit=qa-{each}" for each in range(33)], "has 33 units; the limit is 32"),
    (
        [
            *(f"--unit={each:x>64}" for each in range(32)),
            f"--steps={','.join(str(each) for each in range(20))}",
            f"--reason={'é' * 500}",
        ],
        "a Standard parameter holds 4,096",
    ),
    (["--steps", ""], "give increasing shares in percent"),
    (["--steps", "5,x"], "give increasing shares in percent"),
    (["--steps", "5.001"], "two decimal places"),
    (["--steps", ",".join(str(each) for each in range(1, 22))], "1 to 20 steps"),
    (["--every", "30"], "write a number and s, m, h or d"),
    (["--every", "0m"], "is not after"),
    (["--every", "366d"], "at most 365 days"),
    (["--at", "2026-12-01T10:00:00"], "with a time zone"),
    (["--at", "tomorrow"], "with a time zone"),
    (["--at", "9999-12-31T23:59:59-12:00"], "more than 365 days from now"),
    (["--at", "0001-01-01T00:00:00+14:00"], "in the past"),
    (["--at", "2026-12-01T09:58:00Z"], "in the past"),
    (["--reason", "x" * 501], "has 501 characters"),
    (["--release", "9"], "there is no release 9"),
    (["--release", "0"], "whole number from 1"),
    (["--release", "1"], "already on release 1"),
    (["--label", "canary"], "canary is on no release of chat in dev"),
    (["--label", "latest"], "always means the newest release"),
]


@pytest.mark.usefixtures("three", "clock")
def test_a_rollout_that_cannot_be_is_refused_before_it_is_written(run, document):
    for arguments, problem in REFUSED:
        said = start(run, *arguments, code=2)
        assert problem in said.err
        assert "Traceback" not in said.err
        assert document().rollout is None

    # A second one, and that of a held label, are refused without --force.
    start(run, "--release", "2")
    said = start(run, "--release", "3", code=2)
    assert "a rollout of release 2 to stable of chat is under way" in said.err
    start(run, "--release", "3", "--force")
    assert document().rollout.release == 3
    run("rollback", "chat", "--release", "1")
    assert "is held on release 1 by a rollback" in start(run, code=2).err
    start(run, "--force")
    assert document().rollout.release == 3


def test_a_model_without_a_rollout_parameter_has_no_history_and_is_told_how_to_get_one(
    run, released, ssm
):
    released(label="stable")
    released({"n": 2})
    for verb in ("pause", "resume", "abort", "finish"):
        said = run("rollout", verb, "chat", code=2)
        assert "no rollout of chat in dev is under way" in said.err
    ssm.delete_parameter(Name=NAME)
    said = start(run, code=2)
    assert "has no rollout parameter. A deploy creates it: `model-config local deploy" in said.err
    assert "/ai/dev/chat/rollout: there is no such parameter" in run("history", "chat", code=2).err


# Two people at once, and what was edited


@pytest.mark.usefixtures("three")
def test_of_two_people_at_once_the_last_is_told_and_abort_mends_what_was_edited_into_nonsense(
    run, ssm, document
):
    really_ask = ssm._make_api_call

    def meet(operation, given):
        if operation == "PutParameter":
            with patch.object(ssm, "_make_api_call", really_ask):
                put(ssm, json.dumps({"format": 1}))
        return really_ask(operation, given)

    with patch.object(ssm, "_make_api_call", meet):
        said = start(run, code=2)
    assert "somebody else wrote /ai/dev/chat/rollout at the same moment" in said.err
    assert "versions 2 to 2 are theirs" in said.err
    assert document().rollout.release == 3

    put(ssm, "{}")
    said = run("rollout", "pause", "chat", code=2)
    assert "has format None" in said.err
    assert "model-config rollout abort chat --environment dev" in said.err
    assert "has format None" in start(run, "--force", code=2).err
    assert "the invalid document is replaced" in run("rollout", "abort", "chat").out
    assert document().rollout is None


# Status, pause, resume


@pytest.mark.usefixtures("three")
def test_status_shows_share_next_step_who_and_since_when_and_pause_keeps_the_share(
    run, clock, document, ssm
):
    start(run, "--release", "2", "--reason", "shorter")
    clock.advance(31)
    cells = run("rollout", "status").out.rstrip("\n").split("\t")
    assert cells[:7] == [
        "chat in dev", "stable", "2", "1", "25 %", "running", "50 % at 2026-12-01 11:00 UTC"
    ]  # fmt: skip
    assert cells[8:] == ["-", "shorter"]  # moto names nobody
    (shown,) = status(run)
    assert (shown["percent"], shown["phase"], shown["reason"]) == (25, "running", "shorter")
    assert shown["due"] == "2026-12-01T12:00:00+00:00"

    assert "\t25 %\tpaused\t\t" in run("rollout", "pause", "chat").out
    clock.advance(1000)
    assert status(run)[0]["percent"] == 25
    assert "\t25 %\trunning\t50 % at" in run("rollout", "resume", "chat").out
    clock.advance(30)
    assert status(run)[0]["percent"] == 50
    assert document().rollout.salt

    # Where the label was moved by another tool, it is over.
    ssm.label_parameter_version(Name="/ai/dev/chat/release", ParameterVersion=3, Labels=["stable"])
    assert status(run)[0]["phase"] == "over"
    assert "no rollout of chat in dev is under way" in run("rollout", "pause", "chat", code=2).err


@pytest.mark.usefixtures("two_models")
def test_those_that_are_under_way_are_shown_and_those_that_are_due_finished(run, clock, labels):
    assert run("rollout", "status").out == "No rollout is under way in dev.\n"
    start(run, "--steps", "100", "--every", "30m")
    assert [line.split("\t")[0] for line in run("rollout", "status").out.splitlines()] == [
        "chat in dev"
    ]
    assert "No rollout of other is under way" in run("rollout", "status", "other").out
    run("rollout", "start", "other", "--steps", "50,100", "--every", "1h")
    assert "No rollout in dev is due" in run("rollout", "finish", "--when-due").out
    clock.advance(30)
    assert "the rollout of release 2 is finished" in run("rollout", "finish", "--when-due").out
    assert (labels()["stable"], labels("other")["stable"]) == (2, 1)
    run("rollout", "finish", "other", "--when-due")
    assert labels("other")["stable"] == 1
    assert "name the model" in run("rollout", "finish", code=2).err


# The end


@pytest.mark.usefixtures("three")
def test_finish_moves_the_label_abort_leaves_it_and_promote_and_rollback_know_of_a_rollout(
    run, labels, document
):
    start(run, "--release", "2")
    said = run("rollout", "abort", "chat", "--reason", "too terse")
    assert said.out == (
        "chat in dev: the rollout of release 2 is aborted. Readers of stable get release 1 again "
        "within their time to live, 30 seconds by default.\n"
    )
    assert (labels(), document().rollout) == ({"stable": 1}, None)

    start(run, "--release", "2")
    said = run("promote", "chat", "--release", "3", code=2)
    assert "`model-config rollout finish chat --environment dev`" in said.err
    said = run("rollout", "finish", "chat")
    assert "stable moved from release 1 to release 2" in said.out
    assert "the rollout of release 2 is finished" in said.out
    assert labels() == {"stable": 2, "stable-previous": 1}
    assert document().rollout is None

    start(run, "--release", "3")
    assert "the rollout of release 3 is aborted" in run("rollback", "chat", "--release", "2").out
    assert document().rollout is None
    run("promote", "chat", "--release", "2")
    start(run, "--release", "3")
    assert "the rollout of release 3 is finished" in run("promote", "chat", "--release", "3").out
    assert labels()["stable"] == 3


def test_a_rollout_in_several_regions_treats_a_unit_alike_in_each(run, two_regions, clock):
    regions = ("--region", "eu-west-1", "--region", "us-east-1")
    start(run, *regions)
    one, other = two_regions()
    assert one == other
    shown = run("rollout", "status", *regions, "--json").json
    assert [each["region"] for each in shown] == ["eu-west-1", "us-east-1"]
    run("rollout", "abort", "chat", *regions)
    one, other = two_regions()
    assert one == other
    assert read_rollout(one).rollout is None
    start(run, "--region", "eu-west-1", "--unit", "qa-1")  # and was killed between the two
    clock.advance(7)
    start(run, *regions, "--unit", "qa-1")
    one, other = two_regions()
    assert one == other


def test_a_region_that_refuses_a_rollout_is_told_and_the_other_has_it(
    run, two_regions, monkeypatch
):
    write = Environment.write

    def refuses(place, *given):
        if place.region == "us-east-1":
            raise AccessDeniedError("not allowed to write here")
        return write(place, *given)

    monkeypatch.setattr(Environment, "write", refuses)
    said = start(run, "--region", "eu-west-1", "--region", "us-east-1", code=2).err
    assert "(us-east-1): not allowed to write here" in said
    assert "1 of 2 were not written as planned." in said
    assert [read_rollout(text).rollout is not None for text in two_regions()] == [True, False]


def test_one_rollout_that_cannot_be_finished_holds_up_no_other(run, released, clock, labels, ssm):
    for model in ("chat", "other", "third"):
        released({"n": 1}, model=model, label="stable")
        released({"n": 2}, {"key": "x"}, model=model)
        run("rollout", "start", model, "--steps", "100", "--every", "30m")
    ssm.delete_parameter(Name="/ai/dev/chat/secrets/key")
    run("rollback", "other", "--release", "1")
    run("rollout", "start", "other", "--steps", "100", "--every", "30m", "--force")
    clock.advance(31)
    said = run("rollout", "finish", "--when-due", code=1)
    assert "names secrets that are gone" in said.err
    assert "stable is held on release 1 by a rollback, and stays held" in said.err
    assert "the rollout of release 2 is finished" in said.out
    assert (labels()["stable"], labels("other")["stable"], labels("third")["stable"]) == (1, 1, 2)


def test_readers_get_what_the_command_line_says(run, ssm, released):
    released({"n": 1}, label="stable")
    released({"n": 2})

    def share(users: int = 50) -> float:
        reader = Reader("dev", client=ssm)
        served = [reader.get("chat", key=f"user-{number}")["n"] for number in range(users)]
        return served.count(2) / users * 100

    start(run, "--steps", "25,100")
    assert 15 < share(1_000) < 35  # seven standard deviations: the salt is drawn anew
    run("rollout", "abort", "chat")
    assert share() == 0
    start(run, "--steps", "100")
    assert share() == 100
    run("rollback", "chat", "--release", "1")
    assert share() == 0
    start(run, "--steps", "100", "--force")
    run("rollout", "finish", "chat")
    assert share() == 100
    assert Reader("dev", client=ssm).get("chat").rollout is None


# History


@pytest.mark.usefixtures("three")
def test_history_tells_who_moved_what_and_why_newest_first(run):
    assert "No label of chat in dev has a recorded move" in run("history", "chat").out
    run("promote", "chat", "--release", "2", "--reason", "first")
    start(run, "--release", "3", "--reason", "gently", "--steps", "5,100")
    run("promote", "chat", "--label", "canary", "--new-label", "--reason", "beside")
    run("rollout", "pause", "chat")
    run("rollout", "resume", "chat")
    run("rollout", "finish", "chat", "--reason", "fine")
    run("rollback", "chat", "--reason", "not fine")
    run("promote", "chat", "--release", "2")
    start(run, "--release", "3")
    run("rollout", "abort", "chat", "--reason", "in alarm: errors")
    told = [line.split("\t")[1:] for line in run("history", "chat").out.splitlines()]
    assert told == [
        ["-", "rollout of release 3 to stable aborted", "in alarm: errors"],
        ["-", "rollout of release 3 to stable started: 5, 25, 50, 100 %", ""],
        ["-", "stable kept on release 2: no longer held", ""],
        ["-", "stable moved from release 3 to 2, and held there", "not fine"],
        ["-", "stable moved from release 2 to 3", "fine"],
        ["-", "rollout of release 3 to stable ended", ""],
        ["-", "rollout of release 3 to stable resumed", ""],
        ["-", "rollout of release 3 to stable paused", ""],
        ["-", "canary moved from no release to 3", "beside"],
        ["-", "rollout of release 3 to stable started: 5, 100 %", "gently"],
        ["-", "stable moved from release 1 to 2", "first"],
    ]
    newest = run("history", "chat", "--json").json[0]
    assert newest["what"] == "rollout of release 3 to stable aborted"
    assert newest["at"].endswith("+00:00")


@pytest.mark.usefixtures("three")
def test_a_move_that_is_made_again_is_told_again_and_nonsense_is_part_of_the_history(run, ssm):
    run("rollback", "chat", "--release", "1")
    run("promote", "chat", "--release", "1")
    told = [line.split("\t")[2] for line in run("history", "chat").out.splitlines()]
    assert told == [
        "stable kept on release 1: no longer held",
        "stable kept on release 1: held there",
    ]
    # From before a record said which it was:
    put(ssm, '{"format":1,"moved":{"label":"stable","release":1,"from":1}}')
    assert "stable kept on release 1: held there, or no longer held" in run("history", "chat").out
    put(ssm, "nonsense")
    assert "replaced by an invalid one" in run("history", "chat").out
