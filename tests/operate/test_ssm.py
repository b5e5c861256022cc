"""A view asks for nothing twice, and reuses earlier answers while AWS is away."""

import threading
from datetime import UTC, datetime
from traceback import format_exception
from typing import Any

import pytest
from support.moves import prod

from model_config.format.errors import AccessDeniedError, StoreError, StoreUnavailableError
from model_config.operate.ssm import PAUSE, WRITING, Ssm

NAMES = [f"/ai/prod/chat/field_{number}" for number in range(12)]


@pytest.fixture
def view(aws: Any) -> Ssm:
    for name in NAMES:
        aws.put(name, f"text of {name}")
    aws.requests.clear()
    return Ssm(aws.client, threads=1).view()


def asked(aws: Any) -> list[str]:
    return [operation for operation, _ in aws.requests]


def watch(shown: list[str]) -> Any:
    return lambda items, what, _: shown.append(what) or items


def test_nothing_is_asked_for_twice(aws: Any, view: Ssm) -> None:
    first = view.below("/ai/prod")
    assert (view.below("/ai/prod"), len(first)) == (first, 12)
    requests = len(aws.requests)
    assert view.below("/ai/prod") == first
    assert len(aws.requests) == requests
    # A history once with and once without values.
    aws.requests.clear()
    for _ in range(2):
        view.history(NAMES[0], decrypt=False)
        view.history(NAMES[0], decrypt=True)
    assert [operation for operation, _ in aws.requests] == ["GetParameterHistory"] * 2
    # A parameter once, however it is grouped.
    aws.requests.clear()
    assert len(view.get([NAMES[0], *NAMES])) == 12
    assert view.get([NAMES[3], NAMES[11]])[NAMES[11]].text == f"text of {NAMES[11]}"
    assert view.texts([NAMES[0]]) == {NAMES[0]: f"text of {NAMES[0]}"}
    assert [len(names) for _, names in aws.requests] == [10, 2]
    # What is not there once too, and a version is another thing than the newest.
    aws.put(NAMES[0], "newer")
    aws.requests.clear()
    for _ in range(2):
        assert view.get(["/ai/prod/chat/gone", NAMES[1]]).keys() == {NAMES[1]}
        assert view.get([f"{NAMES[0]}:2"])[NAMES[0]].text == "newer"
        assert view.get([NAMES[0]])[NAMES[0]].text == f"text of {NAMES[0]}"
    assert len(aws.requests) == 2


def test_a_refusal_is_heard_once_and_raised_each_time(loopback: Any) -> None:
    loopback.answers = [loopback.refuses("AccessDeniedException", "no")]
    view = Ssm(loopback.client()).view()
    for _ in range(2):
        with pytest.raises(AccessDeniedError):
            view.history(NAMES[0], decrypt=False)
    assert loopback.asked == 1


def test_one_denied_name_does_not_stand_for_those_it_was_asked_with(loopback: Any) -> None:
    def parameter(name: str) -> dict[str, Any]:
        return {"Name": name, "Version": 1, "Value": "text"}

    loopback.answers = [
        loopback.refuses("AccessDeniedException", "no"),
        loopback.says(200, {"Parameters": [parameter(NAMES[0])]}),
        loopback.refuses("AccessDeniedException", "no"),
    ]
    view = Ssm(loopback.client()).view()
    assert view.texts(NAMES[:2]) == {NAMES[0]: "text"}
    assert len(view.problems) == 1


def test_once_aws_is_away_nothing_else_waits_for_it(loopback: Any) -> None:
    loopback.answers = [loopback.resets()]
    view = Ssm(loopback.client()).view()
    for name in NAMES:
        with pytest.raises(StoreUnavailableError):
            view.history(name, decrypt=False)
    assert loopback.asked == 1
    assert view.away is not None


def test_while_aws_is_away_it_tells_what_earlier_looks_heard(aws, monkeypatch):
    ssm, times = Ssm(aws.client), []
    for name in NAMES[:3]:
        aws.put(name, name)
        ssm.view().get([name])
        times.append(datetime.now(UTC))

    def away(*_: Any) -> Any:
        raise ConnectionResetError("by peer")  # botocore lets some through

    monkeypatch.setattr(aws.client, "_make_api_call", away)
    view = ssm.view()
    for name in (NAMES[1], NAMES[0], NAMES[2]):
        assert view.get([name])[name].text == name
    assert view.as_of is not None
    assert view.as_of <= times[0]  # the oldest that is shown
    with pytest.raises(StoreError):
        view.get([NAMES[3]])
    with pytest.raises(StoreUnavailableError):  # and isn't taken for one that is denied
        view.texts([NAMES[4]])


def test_a_write_is_tried_for_a_minute_and_a_person_sees_why(loopback: Any) -> None:
    ssm, shown = prod(loopback.client()).ssm, []
    ssm.watch = watch(shown)
    loopback.answers = [*[loopback.resets()] * 3, loopback.says(200, {"Version": 3})]
    assert ssm.write_string(NAMES[0], "text") == 3
    loopback.answers, loopback.asked = [loopback.resets()], 0
    with pytest.raises(StoreUnavailableError):
        ssm.write_string(NAMES[0], "text")
    assert loopback.asked == 1 + WRITING / PAUSE
    assert shown == ["Waiting for SSM"] * 2


def test_an_answer_that_cannot_be_read_is_an_error_that_shows_nothing_of_it(loopback: Any) -> None:
    for value in ({"Value": "sk-hidden"}, {"LastModifiedDate": "sk-hidden"}):
        parameter = {"Name": NAMES[0], **value}
        loopback.answers = [loopback.says(200, {"Parameters": [parameter]})]
        with pytest.raises(StoreUnavailableError) as caught:
            Ssm(loopback.client()).get([NAMES[0]])
        assert "sk-hidden" not in "".join(format_exception(caught.value))


def test_a_history_is_sorted(loopback: Any) -> None:
    loopback.answers = [loopback.says(200, {"Parameters": [{"Version": 10}, {"Version": 9}]})]
    history = Ssm(loopback.client()).history(NAMES[0], decrypt=False)
    assert [version["Version"] for version in history] == [9, 10]


def test_a_view_shows_progress_and_with_one_thread_asks_in_the_callers(aws: Any) -> None:
    shown: list[str] = []
    view = Ssm(aws.client, threads=1).view(watch(shown))
    aws.put(NAMES[0], "text")
    view.history(*view.below("/ai"), decrypt=False)
    asked_in = view.map(lambda _: threading.get_ident(), range(3), "Asking")
    assert {*asked_in} == {threading.get_ident()}
    assert shown == ["Listing parameters", "Asking"]


def test_many_are_asked_for_at_once_and_answered_in_order(aws: Any) -> None:
    meeting = threading.Barrier(3, timeout=5)

    def meet(number: int) -> int:
        meeting.wait()
        return number

    view = Ssm(aws.client, threads=3)
    assert view.map(meet, range(6), "Meeting") == list(range(6))


def test_the_first_that_fails_fails_the_whole(aws: Any) -> None:
    view = Ssm(aws.client, threads=2)
    with pytest.raises(ZeroDivisionError):
        view.map(lambda number: 1 / number, [1, 0, 2], "Dividing")
