"""Verbs that are killed at each of their requests, and verbs that meet at each of their requests.

An SSM of a few lines, in memory, since there are some thousand runs.
"""

# ruff: noqa: N803 - the names of boto3's arguments

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import permutations
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from support.moves import prod, promote, rollback

from model_config import Reader
from model_config.format import release as release_format
from model_config.format.errors import ModelConfigError, UsageError
from model_config.format.rollout import EMPTY, RolloutDocument
from model_config.operate import rollouts
from model_config.operate.environment import Environment
from model_config.operate.labels import label_state, make
from model_config.operate.promotion import promote_changed
from model_config.operate.record import events, is_held, read_history, under_way
from model_config.operate.releases import Releases
from model_config.operate.rollout_plan import RolloutPlan

RELEASE, ROLLOUT = "/ai/prod/chat/release", "/ai/prod/chat/rollout"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)  # long ago: a rollout is at 100 %, and due


class Killed(BaseException):
    """The process is gone."""


class Memory:
    """SSM's parameters, versions and labels."""

    #: What readers were found to get, since most runs end in one of a few states.
    served: ClassVar[dict[tuple[str, frozenset[tuple[str, int]]], int]] = {}

    def __init__(self) -> None:
        self.versions: dict[str, list[str]] = {RELEASE: [], ROLLOUT: [EMPTY]}
        self.labels: dict[str, int] = {}
        for number in (1, 2, 3):
            content = release_format.Release.of("chat", "prod", "Chat", {"n": number})
            self.versions[RELEASE].append(release_format.write_release(content).document)


class Client:
    """A client of boto3 over the memory, which calls `meet` before and after each request."""

    meta = SimpleNamespace(region_name="eu-west-1", service_model=None)

    def __init__(self, memory: Memory, meet: Callable[[], None] = lambda: None) -> None:
        self.memory, self.meet = memory, meet

    def get_parameters(self, *, Names: list[str], **_: Any) -> dict[str, Any]:
        self.meet()
        found = []
        for given in Names:
            name, colon, selector = given.partition(":")
            versions = self.memory.versions.get(name, [])
            number = len(versions)
            if colon:
                number = (
                    int(selector) if selector.isdecimal() else self.memory.labels.get(selector, 0)
                )
            if 0 < number <= len(versions):
                found.append(
                    {
                        "Name": name,
                        "Version": number,
                        "Value": versions[number - 1],
                        "Type": "String" if name == ROLLOUT else "SecureString",
                        "LastModifiedDate": BEGAN + timedelta(seconds=number),
                        "ARN": name,
                        **({"Selector": f":{selector}"} if colon else {}),
                    }
                )
        return {"Parameters": found, "InvalidParameters": []}

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, *, Name: str, **_: Any) -> list[dict[str, Any]]:
        self.meet()
        labels = self.memory.labels if Name == RELEASE else {}
        return [
            {
                "Parameters": [
                    {
                        "Version": number,
                        "Value": text,
                        "LastModifiedDate": BEGAN,
                        "Labels": [label for label, on in labels.items() if on == number],
                    }
                    for number, text in enumerate(self.memory.versions[Name], 1)
                ]
            }
        ]

    def put_parameter(self, *, Name: str, Value: str, **_: Any) -> dict[str, Any]:
        self.meet()
        self.memory.versions[Name].append(Value)
        number = len(self.memory.versions[Name])
        self.meet()
        return {"Version": number}

    def label_parameter_version(
        self,
        *,
        ParameterVersion: int,
        Labels: list[str],
        **_: Any,
    ) -> dict[str, Any]:
        self.meet()
        self.memory.labels[Labels[0]] = ParameterVersion
        self.meet()
        return {"InvalidLabels": [], "ParameterVersion": ParameterVersion}

    def unlabel_parameter_version(
        self,
        *,
        ParameterVersion: int,
        Labels: list[str],
        **_: Any,
    ) -> dict[str, Any]:
        self.meet()
        if self.memory.labels.get(Labels[0]) == ParameterVersion:
            del self.memory.labels[Labels[0]]
        self.meet()
        return {"RemovedLabels": Labels, "InvalidLabels": []}


def _start(place: Environment, number: int) -> None:
    plan = RolloutPlan((50, 100), timedelta(hours=1))
    new = rollouts.NewRollout("stable", plan, BEGAN, salt="0" * 16)
    rollouts.write(rollouts.start(place, "chat", new, release=number, force=True))


def _finish_due(place: Environment) -> None:
    rollout = rollouts.due(place, "chat")
    if rollout and not rollouts.why_held(place, "chat", rollout.label):
        make(rollouts.finish(place, "chat", is_automatic=True))


def _pipeline(place: Environment) -> None:
    for promotion in promote_changed(place, {}, {"chat": 3}):
        if promotion.was_left or promotion.outcome == "failed":  # told, and a person decides
            raise UsageError(promotion.message)


Verb = Callable[[Environment], object]
PEOPLE: dict[str, Verb] = {
    "promote": lambda place: promote(place, "chat", "stable", release=3),
    "promote 2": lambda place: promote(place, "chat", "stable", release=2),
    "rollback": lambda place: rollback(place, "chat", release=1),
    "finish": lambda place: make(rollouts.finish(place, "chat")),
    "abort": lambda place: rollouts.write(rollouts.abort(place, "chat")),
    "start": lambda place: _start(place, 3),
}
AUTOMATIC: dict[str, Verb] = {
    "pipeline": _pipeline,
    "finish --when-due": _finish_due,
}
VERBS = PEOPLE | AUTOMATIC

STATES: dict[str, list[Verb]] = {
    "no label": [],
    "promoted": [lambda place: promote(place, "chat", "stable", release=2)],
    "another label moved last": [
        lambda place: promote(place, "chat", "stable", release=2),
        lambda place: promote(place, "chat", "canary", release=2),
    ],
    "held": [
        lambda place: promote(place, "chat", "stable", release=2),
        lambda place: rollback(place, "chat", release=1),
    ],
    "rolling out": [
        lambda place: promote(place, "chat", "stable", release=2),
        lambda place: _start(place, 3),
    ],
    "another tool moved the label of a rollout": [
        lambda place: promote(place, "chat", "stable", release=2),
        lambda place: _start(place, 3),
        lambda place: place.ssm.label(RELEASE, 1, "stable"),
    ],
}


@cache
def _made(name: str) -> Memory:
    memory = Memory()
    for verb in STATES[name]:
        verb(prod(Client(memory)))
    return memory


def state(name: str) -> Memory:
    return deepcopy(_made(name))


def run(verb: Verb, memory: Memory, meet: Callable[[], None] = lambda: None) -> bool:
    """Run a verb, and return whether it succeeded."""
    try:
        verb(prod(Client(memory, meet)))
    except ModelConfigError:
        return False
    return True


def at(moment: int, what: Callable[[], object]) -> Callable[[], None]:
    """Return what happens at each moment of a verb: one thing, once."""
    moments = iter(range(10_000))

    def meet() -> None:
        if next(moments) == moment:
            what()

    return meet


def die() -> None:
    raise Killed


def moments(verb: Verb, name: str) -> range:
    count: list[None] = []
    run(verb, state(name), lambda: count.append(None))
    return range(len(count))


def look(memory: Memory) -> tuple[Releases, RolloutDocument]:
    return label_state(prod(Client(memory)), "chat")


def check(memory: Memory) -> None:
    """Check what must hold at any time: labels, and that readers get what the status says."""
    releases, document = look(memory)
    assert set(memory.labels.values()) <= {1, 2, 3}
    on = releases.on("stable")
    if on is None:
        return
    rollout = under_way(document, releases)
    seen = (memory.versions[ROLLOUT][-1], frozenset(memory.labels.items()))
    if seen not in memory.served:
        reader = Reader("prod", client=Client(memory))
        memory.served[seen] = reader.get("chat", key="a unit").release
    assert memory.served[seen] == (rollout.release if rollout and rollout.label == "stable" else on)


def recorded(memory: Memory) -> tuple[int | None, bool]:
    """Return where the history says that stable is, and whether it is held."""
    history = read_history(prod(Client(memory)).ssm, "/ai/prod", "chat")
    events(history)
    moves = [each.document.moved for each in history if each.document]
    last = [moved for moved in moves if moved and moved.label == "stable"]
    return (last[-1].release, bool(last[-1].held)) if last else (None, False)


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_verb_that_is_killed_anywhere_is_completed_by_the_same_verb(
    verb: Verb, name: str
) -> None:
    expected = state(name)
    succeeds = run(verb, expected)
    for moment in moments(verb, name):
        memory = state(name)
        with pytest.raises(Killed):
            run(verb, memory, at(moment, die))
        check(memory)
        again = run(verb, memory)
        check(memory)
        releases, document = look(memory)
        if not (succeeds and again):
            continue
        assert memory.labels.get("stable") == expected.labels.get("stable"), moment
        after, of_expected = look(expected)
        assert is_held("stable", document, releases) == is_held("stable", of_expected, after)
        assert recorded(memory) == recorded(expected), moment


@pytest.mark.parametrize("name", ["promoted", "held", "rolling out"])
@pytest.mark.parametrize(
    ("verb", "other"), list(permutations(VERBS, 2)), ids=lambda name: name.replace(" ", "_")
)
def test_two_verbs_that_meet_anywhere_leave_what_is_told(verb: str, other: str, name: str) -> None:
    for moment in moments(VERBS[verb], name):
        memory = state(name)
        outcome: list[bool] = []

        def meet(memory: Memory = memory, outcome: list[bool] = outcome) -> None:
            outcome.append(run(VERBS[other], memory))

        run(VERBS[verb], memory, at(moment, meet))
        check(memory)
        releases, document = look(memory)
        is_persons_rollback = other == "rollback" and verb in AUTOMATIC and outcome == [True]
        if is_persons_rollback:
            # Nothing automatic undoes a person, wherever the two meet.
            assert releases.on("stable") == 1, moment
            assert is_held("stable", document, releases), moment
