"""A cached inventory asks for nothing twice, and reuses earlier answers while AWS is away."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from model_config.format.errors import AccessDeniedError, StoreError, StoreUnavailableError
from model_config.operate.cached_inventory import CachedInventory, Memory
from model_config.operate.pace import Pace
from model_config.reader.store import Store

NAMES = [f"/ai/prod/chat/field_{number}" for number in range(12)]


@pytest.fixture
def inventory(aws: Any) -> CachedInventory:
    for name in NAMES:
        aws.put(name, f"text of {name}")
    aws.requests.clear()
    return CachedInventory(Store(aws.client), pace=None, threads=1)


def asked(aws: Any) -> list[str]:
    return [operation for operation, _ in aws.requests]


def test_a_list_is_asked_for_once(aws: Any, inventory: CachedInventory) -> None:
    first = inventory.below("/ai/prod")
    requests = len(aws.requests)
    assert inventory.below("/ai/prod") == first
    assert len(first) == 12
    assert len(aws.requests) == requests


def test_a_history_is_asked_for_once_with_and_once_without_values(
    aws: Any, inventory: CachedInventory
) -> None:
    for _ in range(2):
        inventory.history(NAMES[0], decrypt=False)
        inventory.history(NAMES[0], decrypt=True)
    assert asked(aws) == ["GetParameterHistory"] * 2


def test_a_parameter_is_asked_for_once_however_it_is_grouped(
    aws: Any, inventory: CachedInventory
) -> None:
    assert len(inventory.get(NAMES)) == 12
    assert inventory.get([NAMES[3], NAMES[11]])[NAMES[11]].text == f"text of {NAMES[11]}"
    assert inventory.texts([NAMES[0]]) == {NAMES[0]: f"text of {NAMES[0]}"}
    assert [len(names) for _, names in aws.requests] == [10, 2]


def test_a_version_is_another_thing_than_the_newest(aws: Any, inventory: CachedInventory) -> None:
    aws.put(NAMES[0], "newer")
    aws.requests.clear()
    assert inventory.get([NAMES[0]])[NAMES[0]].text == "newer"
    assert inventory.get([f"{NAMES[0]}:1"])[NAMES[0]].text == f"text of {NAMES[0]}"
    assert len(aws.requests) == 2


def test_what_is_not_there_is_not_asked_for_again(aws: Any, inventory: CachedInventory) -> None:
    for _ in range(2):
        assert inventory.get(["/ai/prod/chat/gone", NAMES[0]]).keys() == {NAMES[0]}
    assert len(aws.requests) == 1


def test_a_refusal_is_heard_once_and_raised_each_time(loopback: Any) -> None:
    loopback.answers = [loopback.refuses("AccessDeniedException", "no")]
    inventory = CachedInventory(Store(loopback.client()), pace=None)
    for _ in range(2):
        with pytest.raises(AccessDeniedError):
            inventory.history(NAMES[0], decrypt=False)
    assert loopback.asked == 1


def test_one_denied_name_does_not_stand_for_those_it_was_asked_with(loopback: Any) -> None:
    def parameter(name: str) -> dict[str, Any]:
        return {"Name": name, "Version": 1, "Value": "text"}

    loopback.answers = [
        loopback.refuses("AccessDeniedException", "no"),
        loopback.says(200, {"Parameters": [parameter(NAMES[0])]}),
        loopback.refuses("AccessDeniedException", "no"),
    ]
    inventory = CachedInventory(Store(loopback.client()), pace=None)
    assert inventory.texts(NAMES[:2]) == {NAMES[0]: "text"}
    assert len(inventory.problems) == 1


def test_once_aws_is_away_nothing_else_waits_for_it(loopback: Any) -> None:
    loopback.answers = [loopback.resets()]
    inventory = CachedInventory(Store(loopback.client()), pace=None)
    for name in NAMES:
        with pytest.raises(StoreUnavailableError):
            inventory.history(name, decrypt=False)
    assert loopback.asked == 1
    assert inventory.away is not None


def test_while_aws_is_away_it_tells_what_an_earlier_look_heard(aws: Any, loopback: Any) -> None:
    memory: Memory = {}
    aws.put(NAMES[0], "known")
    before = datetime.now(UTC)
    CachedInventory(Store(aws.client), memory=memory, pace=None).get([NAMES[0]])
    loopback.answers = [loopback.resets()]
    inventory = CachedInventory(Store(loopback.client()), memory=memory, pace=None)
    assert inventory.get([NAMES[0]])[NAMES[0]].text == "known"
    assert inventory.as_of is not None
    assert before <= inventory.as_of <= datetime.now(UTC)
    with pytest.raises(StoreError):
        inventory.get([NAMES[1]])


def test_many_are_asked_for_at_once_and_answered_in_order(aws: Any) -> None:
    meeting = threading.Barrier(3, timeout=5)

    def meet(number: int) -> int:
        meeting.wait()
        return number

    inventory = CachedInventory(Store(aws.client), pace=None, threads=3)
    assert inventory.map(meet, range(6), "Meeting") == list(range(6))


def test_the_first_that_fails_fails_the_whole(aws: Any) -> None:
    inventory = CachedInventory(Store(aws.client), pace=None, threads=2)
    with pytest.raises(ZeroDivisionError):
        inventory.map(lambda number: 1 / number, [1, 0, 2], "Dividing")


def test_the_pace_lets_a_burst_through_and_then_one_after_the_other(clock: Any) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(round(seconds, 3))
        clock.advance(seconds)

    pace = Pace(10, 3, clock, sleep)
    for _ in range(6):
        pace.wait()
    assert pauses == [0.1, 0.1, 0.1]
    clock.advance(60)
    pauses.clear()
    for _ in range(4):
        pace.wait()
    assert pauses == [0.1]
