"""The rollout document, and the share of units that it gives a candidate to."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model_config.format.errors import RolloutError
from model_config.format.rollout import (
    EMPTY,
    Moved,
    Rollout,
    RolloutDocument,
    Step,
    bucket,
    read_rollout,
    rollout_in,
    threshold,
    write_rollout,
)

BEGIN = datetime(2026, 12, 1, 10, tzinfo=UTC)
SALT = "00112233445566ff"
ROLLOUT = {
    "label": "stable",
    "release": 8,
    "from": 7,
    "salt": SALT,
    "steps": [
        {"at": "2026-12-01T10:00:00Z", "percent": 5},
        {"at": "2026-12-01T10:30:00Z", "percent": 100},
    ],
}
STEPS = (
    Step(BEGIN, 0),
    Step(BEGIN + timedelta(minutes=1), 0.01),
    Step(BEGIN.replace(year=9999), 100),
)
FORMAT = Path(__file__).parents[2] / "docs" / "release-format.md"


def rollout(**changes: object) -> Rollout:
    found = read_rollout(json.dumps({"format": 1, "rollout": {**ROLLOUT, **changes}})).rollout
    assert found is not None
    return found


def test_a_document_comes_back_as_it_was():
    whole = Rollout(
        "stable", 52, 50, SALT, STEPS, {"é😀": 50, "qa": 52}, {"every": "30m", "watched": False}
    )
    for moved in (
        None,
        Moved("stable", 1, None),
        Moved("canary", 2, 1, "", held=False),
        Moved("stable", 2, 1, "why", held=True),
    ):
        for planned in (None, Rollout("stable", 51, 50, SALT, STEPS[:1]), whole):
            document = RolloutDocument(moved, planned)
            assert read_rollout(write_rollout(document)) == document


def test_what_a_deploy_writes_says_nothing():
    assert read_rollout(EMPTY) == RolloutDocument()
    assert write_rollout(RolloutDocument()) == EMPTY
    assert read_rollout('{"format": 1, "later": {"x": 1}}') == RolloutDocument()


def test_a_reader_ignores_what_is_not_for_it():
    text = json.dumps({"format": 1, "moved": {"label": 7}, "rollout": {**ROLLOUT, "plan": [1]}})
    assert rollout_in(text) == rollout()
    with pytest.raises(RolloutError):
        read_rollout(text)


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_step_may_be_in_any_year(year: str):
    [step] = rollout(steps=[{"at": f"{year}-01-01T00:00:00Z", "percent": 5}]).steps
    assert step.at.year == int(year)
    document = RolloutDocument(rollout=replace(rollout(), steps=(step,)))
    assert f'"{year}-01-01T00:00:00Z"' in write_rollout(document)


def test_the_share_is_that_of_the_newest_past_step():
    plan = rollout()
    second = timedelta(seconds=1)
    assert plan.percent(BEGIN - second) == 0
    assert plan.percent(BEGIN) == 5
    assert plan.percent(BEGIN + timedelta(minutes=30) - second) == 5
    assert plan.percent(BEGIN + timedelta(minutes=30)) == 100
    assert plan.percent(BEGIN + timedelta(hours=1)) == 100
    steps = [{**ROLLOUT["steps"][0], "percent": 0}, ROLLOUT["steps"][1]]
    assert rollout(steps=steps).percent(BEGIN) == 0


def test_a_hundredth_of_a_percent_is_one_bucket_and_a_higher_share_has_all_of_a_lower():
    thresholds = [threshold(hundredths / 100) for hundredths in range(10_001)]
    assert thresholds == list(range(10_001))


def test_the_vectors_that_the_format_gives_other_languages_hold():
    text = FORMAT.read_text(encoding="utf-8")
    table = text[text.index("| salt | unit | bucket |") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]
    assert len(rows) == 10
    for salt, unit, expected in rows:
        assert bucket(salt, unit) == int(expected), unit


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"steps": []}, "1 to 20 steps"),
        ({"steps": "5"}, "1 to 20 steps"),
        ({"steps": [{"at": "2026-12-01T10:00:00Z", "percent": -1}]}, "from 0 to 100"),
        ({"steps": [{"at": "2026-12-01T10:00:00Z", "percent": 100.5}]}, "from 0 to 100"),
        ({"steps": [{"at": "2026-12-01T10:00:00Z", "percent": True}]}, "not a number"),
        ({"steps": [{"at": "2026-12-01T10:00:00Z", "percent": 0.005}]}, "two decimal places"),
        *(
            ({"steps": [{"at": at, "percent": 5}]}, "is not a time such as")
            for at in (
                "2026-12-01T10:00:00",
                "2026-12-01T10:00:00+00:00",
                "2026-12-01T10:00:00.5Z",
                "2026-12-01 10:00:00Z",
                "2026-02-30T10:00:00Z",
                "tomorrow",
                1796119200,
            )
        ),
        ({"steps": list(reversed(ROLLOUT["steps"]))}, "is not after"),
        (
            {"steps": [ROLLOUT["steps"][0], {"at": "2026-12-01T11:00:00Z", "percent": 5}]},
            "does not rise",
        ),
        ({"release": 7}, "which the label is on already"),
        ({"release": 0}, "a whole number from 1"),
        ({"release": 8.0}, "not a whole number"),
        ({"from": True}, "not a whole number"),
        ({"label": "stable-previous"}, "each promotion to"),
        ({"label": 7}, "`label` is not text"),
        ({"salt": "XYZ"}, "16 hex digits"),
        ({"units": ["qa"]}, "`units` is not a JSON object"),
        ({"units": {"": 8}}, "1 to 64 bytes"),
        ({"units": {"é" * 33: 8}}, "1 to 64 bytes"),
        ({"units": {"qa": 9}}, "given release 9, which the rollout doesn't have"),
        ({"units": {"qa": True}}, "not a whole number"),
        ({"units": {f"qa-{number}": 8 for number in range(33)}}, "the limit is 32"),
    ],
)
def test_a_rollout_that_cannot_be_is_refused(changes: dict[str, object], problem: str):
    with pytest.raises(RolloutError, match=problem):
        rollout(**changes)


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"format": 2}', '{"format": 1, "rollout": 5}', '{"format": 1, "moved": {"label": "stable"}}'])  # fmt: skip  # noqa: E501
def test_nonsense_is_refused(text: str):
    with pytest.raises(RolloutError):
        read_rollout(text)


def test_a_reason_has_500_characters_and_a_document_4096_bytes():
    beside = RolloutDocument(Moved("canary", 3, None, "x" * 500), rollout())
    assert read_rollout(write_rollout(beside)) == beside
    with pytest.raises(RolloutError, match="500 characters"):
        write_rollout(RolloutDocument(Moved("stable", 2, 1, "x" * 501)))
    with pytest.raises(RolloutError, match="4,096"):
        write_rollout(RolloutDocument(rollout=rollout(plan={"note": "x" * 5000})))
