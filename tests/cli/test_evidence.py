"""`model-config evidence`, and what is refused where evidence is required."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from support.project import CHECKOUT

from model_config.plan.evidence import LARGEST

CHAT = {"provider": "openai", "model_id": "m", "prompts": {"system": "Hello {{name}}"}}
PASSED = {"name": "greets", "rate": 0.94, "floor": 0.9, "repeats": 50}
DEAD = {"name": "refunds", "rate": 0.0, "floor": 0.5, "repeats": 2}
LOW = {"name": "refunds", "rate": 0.79, "floor": 0.8, "repeats": 100}
EXAMPLE = CHECKOUT / "examples" / "evidence"

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="1" skipped="1"
 tests="4" time="0.1" timestamp="2026-11-28T13:00:00.123456+00:00" hostname="host">
<testcase classname="test_chat" name="test_greets" time="0.001"/>
<testcase classname="test_chat" name="test_refunds" time="0.001"><properties>
<property name="floor" value="0.5"/></properties></testcase>
<testcase classname="test_chat" name="test_refunds" time="0.001">
<failure message="assert 1 == 2">prompt and answer</failure></testcase>
<testcase classname="test_chat" name="test_later" time="0.0">
<skipped type="pytest.skip" message="later">test_chat.py:3: later</skipped></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def digest(released, run) -> str:
    """The digest of release 2; stable is on release 1."""
    released({**CHAT, "model_id": "old"}, label="stable")
    released(CHAT)
    return run("releases", "chat", "--json").json[0]["digest"]


@pytest.fixture
def write(digest, project):
    """Write evidence for release 2: what is given replaces what would be enough."""

    def call(*tests, text: str | None = None, **fields) -> None:
        now = f"{datetime.now(UTC) - fields.pop('age', timedelta()):%Y-%m-%dT%H:%M:%SZ}"
        content = {"format": 1, "digest": digest, "at": now, "by": "ada", "tests": list(tests)}
        file = project / "evidence" / f"{digest.removeprefix('sha256:')}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({**content, **fields}) if text is None else text)

    return call


@pytest.fixture
def stable(labels):
    return lambda: labels()["stable"]


def recorded(project, digest: str):
    (file,) = (project / "evidence").iterdir()
    content = json.loads(file.read_text())
    assert (file.name, content["digest"]) == (f"{digest.removeprefix('sha256:')}.json", digest)
    return content


def test_a_recorded_report_of_promptfoo_lets_its_digest_be_promoted(run, project, digest, stable):
    refused = run("promote", "chat", "--require", "evidence", code=2).err
    assert "as --require evidence asks: no evidence" in refused
    assert "`model-config exec chat --release 2 --environment dev -- COMMAND`" in refused
    assert stable() == 1
    file = str(EXAMPLE / "results.json")
    out = run("evidence", "record", "chat", "--from", "promptfoo", file, "--by", "ada").out
    assert "chat: 2 tests passed, the lowest in 80 % of runs\n" in out
    content = recorded(project, digest)
    assert content["by"] == "ada"
    assert content["tests"] == [
        {"name": "speaks for the company", "rate": 1.0, "floor": 1.0, "repeats": 5},
        {"name": "admits what it does not know", "rate": 0.8, "floor": 0.8, "repeats": 5},
    ]
    run("promote", "chat", "--require", "evidence")
    assert stable() == 2


def test_junit_counts_repetitions_and_leaves_skipped_tests_out(run, project, digest, tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(JUNIT)
    said = run("evidence", "record", "chat", "--from", "junit", str(report), "--release", "2")
    assert "Left out: 1 skipped test." in said.err
    content = recorded(project, digest)
    assert content["at"] == "2026-11-28T13:00:00Z"
    assert content["tests"] == [
        {"name": "test_chat.test_greets", "rate": 1.0, "floor": 1.0, "repeats": 1},
        {"name": "test_chat.test_refunds", "rate": 0.5, "floor": 0.5, "repeats": 2},
    ]


def test_a_digest_needs_no_aws_and_any_evaluator_can_write_json(
    run, project, digest, requests_to, tmp_path
):
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"digest": digest, "tests": [{"name": "greets", "rate": 0.9}]}))
    more = ("--from", "json", str(report), "--floor", "0.9", "--digest", digest)
    out = run("evidence", "record", "chat", *more).out
    assert "chat: 1 test passed, the lowest in 90 % of runs\n" in out
    assert recorded(project, digest)["tests"][0]["floor"] == 0.9
    assert not requests_to
    other = (*more[:-1], f"sha256:{0:064}")
    said = run("evidence", "record", "chat", *other, code=2).err
    assert f"it is for {digest}, and not for sha256:0" in said


REFUSED = [
    ({"tests": [PASSED, DEAD]}, "'refunds' passed in none of 2 runs"),
    ({"tests": [PASSED, LOW]}, "'refunds' passed in 79 % of 100 runs, below its floor of 80 %"),
    ({"tests": []}, "tests: tuple should have at least 1 item"),
    ({"tests": [PASSED], "age": timedelta(days=31)}, "older than it may be"),
    ({"tests": [PASSED], "age": -timedelta(days=1)}, "it is from the future"),
    ({"tests": [PASSED], "digest": f"sha256:{0:064}"}, "it is for another digest, sha256:000"),
    ({"tests": [PASSED], "format": 2}, "format: input should be 1"),
    ({"tests": [PASSED], "note": "ok"}, "note: there is no field of that name"),
    ({"tests": [{**PASSED, "rate": 1.5}]}, "tests.0.rate: input should be less than or equal"),
    ({"tests": [{**PASSED, "floor": 0}]}, "tests.0.floor: input should be greater than 0"),
    ({"tests": [{**PASSED, "rate": "1"}]}, "tests.0.rate: input should be a valid number"),
    ({"text": '{"format": 1'}, "invalid JSON"),
    ({"text": '{"tests": [{"rate": NaN}]}'}, "tests.0.rate: input should be"),
    ({"text": "[" * 100_000}, "invalid JSON"),
    ({"text": " " * (LARGEST + 1)}, "more than 20 MiB"),
]


def test_evidence_that_is_not_enough_is_refused_with_its_reason(run, write, stable):
    for evidence, reason in REFUSED:
        fields = dict(evidence)
        write(*fields.pop("tests", ()), **fields)
        said = run("promote", "chat", "--require", "evidence", "--max-age", "30d", code=2).err
        assert reason in said
        assert stable() == 1


def test_a_stack_file_requires_evidence_for_each_way_forward_and_none_back(
    run, project, write, stable, tmp_path
):
    file = project / "Pulumi.dev.yaml"
    file.write_text(file.read_text() + "  model-config:evidence: required\n")
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_text('{"chat": 1}')
    after.write_text('{"chat": 2}')
    pipeline = ("pipeline", "promote", "--before", str(before), "--after", str(after))
    for verb in (("promote", "chat"), ("rollout", "start", "chat"), pipeline):
        said = run(*verb, code=2)
        assert "as model-config:evidence in Pulumi.dev.yaml asks" in said.err + said.out, verb
    assert stable() == 1
    write(PASSED, age=timedelta(days=31))
    assert "older" in run(*pipeline, "--max-age", "30d", code=2).out
    run("rollout", "start", "chat")
    run("promote", "chat")
    assert stable() == 2
    run("rollback", "chat")
    assert stable() == 1

    # A requirement that can't be read holds, and that of another stack of the environment too.
    shutil.rmtree(project / "evidence")
    text = file.read_text().partition("  model-config:evidence")[0]
    for wrong in ("  model-config:evidence: yes please\n", "<<<<<<<\n  model-config:evidence: re"):
        file.write_text(text + wrong)
        assert "Pulumi.dev.yaml" in run("promote", "chat", code=2).err
    file.write_text(text)
    (project / "Pulumi.dev-us.yaml").write_text(
        "config:\n  model-config:environment: dev\n  model-config:evidence: required\n"
    )
    assert "Pulumi.dev-us.yaml asks" in run("promote", "chat", code=2).err
    assert stable() == 1


NO_REPORTS = [
    ("promptfoo", '{"results": {"version": 2, "results": []}}', "results.version: input should"),
    ("promptfoo", '{"results": {"version": 3, "results": []}}', "it has no results"),
    ("promptfoo", "<promptfoo/>", "a report of promptfoo: the file: invalid JSON"),
    ("junit", "<promptfoo/>", "it is not a report of JUnit: its root is <promptfoo>"),
    ("junit", "{}", "as a report of JUnit: "),
    ("junit", '<?xml version="1.0" encoding="x-none"?><testsuite/>', "as a report of JUnit: "),
    ("junit", "<testsuite><testcase><skipped/></testcase></testsuite>", "it has no results"),
    ("junit", '<!DOCTYPE t [<!ENTITY a "b">]><testsuite>&a;</testsuite>', "document type"),
    ("junit", JUNIT.replace('value="0.5"', 'value="half"'), "to float: 'half'"),
    ("junit", JUNIT.replace('value="0.5"', 'value="nan"'), "floor: input should be"),
    ("json", '{"tests": [], "at": "2999-01-01T00:00:00Z"}', "it has no results"),
    ("json", '{"tests": [{"rate": 1}]}', "name: field required"),
    ("json", '{"at": "2999-01-01T00:00:00Z", "tests": [{"name": "a", "rate": 1}]}', "future"),
    ("json", '{"by": "%s", "tests": [{"name": "a", "rate": 1}]}' % ("x" * 301), "by: string"),
    ("json", '{"at": "0001-01-01T00:00:00+14:00", "tests": [{"name": "a", "rate": 1}]}', "at: "),
    ("json", '{"tests": [{"name": "\\ud800", "rate": 1}]}', "as a report of json: "),
    ("json", "[1]", "as a report of json: "),
    ("json", " " * (LARGEST + 1), "more than 20 MiB"),
]


@pytest.mark.usefixtures("digest")
def test_a_report_that_is_none_is_not_recorded(run, project):
    report = project / "report"
    for source, text, reason in NO_REPORTS:
        report.write_text(text)
        said = run("evidence", "record", "chat", "--from", source, str(report), code=2).err
        assert reason in said
        assert "was not recorded" in said
        assert not (project / "evidence").exists()


def test_releases_show_their_evidence_where_the_project_has_any(run, write):
    assert "passed" not in run("releases", "chat").out
    write(PASSED, LOW)
    newest, first = run("releases", "chat", "--json").json
    assert first["evidence"] == {"passed": None, "text": "no evidence"}
    assert newest["evidence"]["passed"] is False
    assert "'refunds' passed in 79 % of 100 runs" in run("releases", "chat").out
