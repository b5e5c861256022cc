"""Verbs that are killed at each of their requests, and verbs that meet at each of their requests.

An SSM of a few lines, in memory, since there are some thousand runs.
"""

# ruff: noqa: N803 - the names of boto3's arguments

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import product
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from support.moves import prod, promote, rollback

from model_config import Reader
from model_config.cli.moving import make_as_one
from model_config.format import release as release_format
from model_config.format.errors import ModelConfigError, UsageError
from model_config.format.rollout import EMPTY
from model_config.operate import rollouts
from model_config.operate.environment import Environment, State
from model_config.operate.labels import Move, make, prepare_unlabel
from model_config.operate.promotion import prepare_part, promote_changed
from model_config.operate.record import events, read_history
from model_config.operate.rollout_plan import RolloutPlan

RELEASE, ROLLOUT = "/ai/prod/chat/release", "/ai/prod/chat/rollout"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)  # long ago: a rollout is at 100 %, and due


class Killed(BaseException):
    """The process is gone."""


class Memory:
    """SSM's parameters, versions and labels."""

    #: The states that were checked, since most runs end in one of a few.
    checked: ClassVar[set[tuple[str, frozenset[tuple[str, int]]]]] = set()

    def __init__(self) -> None:
        self.versions: dict[str, list[str]] = {}
        self.labels_of: dict[str, dict[str, int]] = {}
        for model in ("chat", "search"):
            contents = [
                release_format.Release.of(model, "prod", "Chat", {"n": number})
                for number in (1, 2, 3)
            ]
            name = f"/ai/prod/{model}/release"
            self.versions[name] = [release_format.write_release(it).document for it in contents]
            self.versions[f"/ai/prod/{model}/rollout"] = [EMPTY]
            self.labels_of[name] = {}

    @property
    def labels(self) -> dict[str, int]:
        return self.labels_of[RELEASE]

    def holds(self, other: Memory) -> None:
        self.versions = {name: [*versions] for name, versions in other.versions.items()}
        self.labels_of = {name: {**labels} for name, labels in other.labels_of.items()}


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
                    int(selector)
                    if selector.isdecimal()
                    else self.memory.labels_of[name].get(selector, 0)
                )
            if 0 < number <= len(versions):
                found.append(
                    {
                        "Name": name,
                        "Version": number,
                        "Value": versions[number - 1],
                        "Type": "String" if name.endswith("/rollout") else "SecureString",
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
        labels = self.memory.labels_of.get(Name, {})
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
        self, *, Name: str, ParameterVersion: int, Labels: list[str]
    ) -> dict[str, Any]:
        self.meet()
        self.memory.labels_of[Name][Labels[0]] = ParameterVersion
        self.meet()
        return {"InvalidLabels": [], "ParameterVersion": ParameterVersion}

    def unlabel_parameter_version(
        self, *, Name: str, ParameterVersion: int, Labels: list[str]
    ) -> dict[str, Any]:
        self.meet()
        if self.memory.labels_of[Name].get(Labels[0]) == ParameterVersion:
            del self.memory.labels_of[Name][Labels[0]]
        self.meet()
        return {"RemovedLabels": Labels, "InvalidLabels": []}


def _start(place: Environment, number: int) -> None:
    plan = RolloutPlan((50, 100), timedelta(hours=1))
    new = rollouts.NewRollout("stable", plan, BEGAN, salt="0" * 16)
    rollouts.start(place, "chat", new, release=number, force=True).write()


def _finish_due(place: Environment) -> None:
    move = rollouts.finish_due(place, "chat")
    if isinstance(move, Move):
        make(move)


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
    "abort": lambda place: rollouts.abort(place, "chat").write(),
    "start": lambda place: _start(place, 3),
}
AUTOMATIC: dict[str, Verb] = {"pipeline": _pipeline, "finish --when-due": _finish_due}
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
    return copied(_made(name))


def copied(memory: Memory) -> Memory:
    copy = Memory.__new__(Memory)
    copy.holds(memory)
    return copy


def run(verb: Verb, memory: Memory, meet: Callable[[], None] = lambda: None) -> bool:
    """Run a verb, and return whether it succeeded."""
    try:
        verb(prod(Client(memory, meet)))
    except ModelConfigError:
        return False
    return True


_ends: dict[tuple[Verb, str], tuple[bool, Memory]] = {}


def run_once(verb: Verb, memory: Memory) -> bool:
    """Run a verb that nothing meets: its end is known where it found the same before."""
    found = verb, f"{memory.versions} {memory.labels_of}"
    if found in _ends:
        succeeded, after = _ends[found]
        memory.holds(after)
        return succeeded
    succeeded = run(verb, memory)
    _ends[found] = succeeded, copied(memory)
    return succeeded


def at(moment: int, what: Callable[[], object]) -> Callable[[], None]:
    """Return what happens at each moment of a verb: one thing, once."""
    moments = iter(range(10_000))

    def meet() -> None:
        if next(moments) == moment:
            what()

    return meet


def die() -> None:
    raise Killed


@cache
def moments(verb: Verb, name: str) -> range:
    count: list[None] = []
    run(verb, state(name), lambda: count.append(None))
    return range(len(count))


def look(memory: Memory, model: str = "chat") -> State:
    return prod(Client(memory)).state(model)


def check(memory: Memory) -> None:
    """Check what must hold at any time: labels, and that readers get what the status says."""
    seen = (memory.versions[ROLLOUT][-1], frozenset(memory.labels.items()))
    if seen in memory.checked:
        return
    now = look(memory)
    assert set(memory.labels.values()) <= {1, 2, 3}
    on = now.releases.on("stable")
    if on is not None:
        rollout = now.under_way
        served = Reader("prod", client=Client(memory)).get("chat", key="a unit").release
        assert served == (rollout.release if rollout and rollout.label == "stable" else on)
    memory.checked.add(seen)


def recorded(memory: Memory) -> tuple[int | None, bool]:
    """Return where the history says that stable is, and whether it is held."""
    history = read_history(prod(Client(memory)).ssm, "/ai/prod", "chat")
    events(history)
    moves = [each.document.moved for each in history if each.document]
    last = [moved for moved in moves if moved and moved.label == "stable"]
    return (last[-1].release, bool(last[-1].held)) if last else (None, False)


def told(memory: Memory) -> tuple[int | None, bool, tuple[int | None, bool]]:
    """Return where stable is, whether it is held, and both as the history says them."""
    return memory.labels.get("stable"), look(memory).is_held("stable"), recorded(memory)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_verb_that_is_killed_anywhere_is_completed_by_the_same_verb(verb: Verb) -> None:
    for name in STATES:
        expected = state(name)
        succeeds = run(verb, expected)
        end = told(expected)
        for moment in moments(verb, name):
            memory = state(name)
            with pytest.raises(Killed):
                run(verb, memory, at(moment, die))
            check(memory)
            again = run_once(verb, memory)
            check(memory)
            if not (succeeds and again):
                continue
            assert told(memory) == end, (name, moment)


def meet(other: str, memory: Memory, outcome: list[bool]) -> None:
    outcome.append(run_once(VERBS[other], memory))


@pytest.mark.parametrize("verb", VERBS)
def test_two_verbs_that_meet_anywhere_leave_what_is_told(verb: str) -> None:
    for other, name in product(VERBS, ("promoted", "held", "rolling out")):
        if other == verb:
            continue
        for moment in moments(VERBS[verb], name):
            memory = state(name)
            outcome: list[bool] = []

            run(VERBS[verb], memory, at(moment, partial(meet, other, memory, outcome)))
            check(memory)
            if other == "rollback" and verb in AUTOMATIC and outcome == [True]:
                # Nothing automatic undoes a person, wherever the two meet.
                assert told(memory) == (1, True, (1, True)), (name, moment)
                assert memory.labels["stable-previous"] == 1, (name, moment)
            if other == "abort" and verb in AUTOMATIC and outcome == [True]:
                assert told(memory)[1] == (name == "held"), (name, moment)


def test_an_automatic_move_that_gives_way_to_an_unlabel_leaves_no_previous() -> None:
    for moment in moments(_pipeline, "promoted"):
        memory = state("promoted")
        run(_pipeline, memory, at(moment, partial(run, _unlabel, memory)))
        assert "stable" in memory.labels or not memory.labels, moment


def _hold(place: Environment) -> object:
    return rollback(place, "chat", release=2)  # where the label is


def _unlabel(place: Environment) -> object:
    return make(prepare_unlabel(place, "chat", "stable"))


def test_a_hold_that_is_killed_during_a_rollout_is_no_interrupted_promotion() -> None:
    for moment in moments(_hold, "rolling out"):
        memory = state("rolling out")
        with pytest.raises(Killed):
            run(_hold, memory, at(moment, die))
        assert look(memory).interrupted is None, moment


def test_a_rollback_whose_label_moves_before_it_is_recorded_fails() -> None:
    for moment in moments(_hold, "promoted"):
        memory = state("promoted")
        if run(_hold, memory, at(moment, partial(memory.labels.update, stable=3))):
            assert memory.labels == {"stable": 2, "stable-previous": 2}, moment


def test_an_abort_of_an_interrupted_finish_is_no_hold() -> None:
    finish = PEOPLE["finish"]
    for moment in moments(finish, "rolling out"):
        memory = state("rolling out")
        with pytest.raises(Killed):
            run(finish, memory, at(moment, die))
        run(PEOPLE["abort"], memory)
        assert not recorded(memory)[1], moment


def test_an_unlabel_that_is_killed_anywhere_is_recorded_by_the_next() -> None:
    for moment in moments(_unlabel, "promoted"):
        memory = state("promoted")
        with pytest.raises(Killed):
            run(_unlabel, memory, at(moment, die))
        was_recorded = recorded(memory) == (None, False)
        assert run(_unlabel, memory) != was_recorded, moment
        assert told(memory) == (None, False, (None, False)), moment


def test_an_unlabel_that_finds_the_label_moved_fails_and_records_nothing() -> None:
    memory = state("promoted")
    meet = at(2, partial(run, PEOPLE["promote"], memory))  # after the looks, before the removal
    assert not run(_unlabel, memory, meet)
    assert told(memory) == (3, False, (3, False))


def test_a_promotion_of_a_label_whose_previous_alone_is_there_is_no_hold() -> None:
    memory = state("no label")
    memory.labels["stable-previous"] = 3
    assert run(PEOPLE["promote"], memory)
    assert told(memory) == (3, False, (3, False))


@pytest.mark.parametrize(
    ("verb", "name", "person"),
    [
        (_pipeline, "promoted", lambda place: make(prepare_unlabel(place, "chat", "stable"))),
        (_finish_due, "rolling out", PEOPLE["abort"]),
    ],
    ids=["removal", "abort"],
)
def test_an_automatic_move_puts_previous_nowhere_when_it_gives_way(verb, name, person) -> None:
    expected, memory = state(name), state(name)
    person(prod(Client(expected)))
    people = iter([person])

    class Meets(Client):
        def put_parameter(self, **wanted: Any) -> dict[str, Any]:
            for each in people:  # before the move's first document
                each(prod(Client(memory)))
            return super().put_parameter(**wanted)

    with pytest.raises(ModelConfigError, match="in the meantime"):
        verb(prod(Meets(memory)))
    assert memory.labels == expected.labels


# Several models as one

BOTH = ("chat", "search")


def _as_one(place: Environment) -> object:
    def prepare(environment: Environment, model: str) -> Move:
        return prepare_part(environment, model, "stable", None, None)

    return make_as_one([(place, model) for model in BOTH], prepare, "stable")


TOGETHER: dict[str, list[Verb]] = {
    "no label": [],
    "promoted": [
        lambda place: promote(place, "chat", "stable", release=1),
        lambda place: promote(place, "chat", "stable", release=2),
        lambda place: promote(place, "search", "stable", release=2),
    ],
    "one is there already": [
        lambda place: promote(place, "chat", "stable", release=2),
        lambda place: promote(place, "search", "stable", release=3),
    ],
}


def of_both(memory: Memory) -> list[tuple[dict[str, int], bool, bool]]:
    """Return each model's labels, whether stable is held, and whether a promotion is pending."""
    states = []
    for model in BOTH:
        now = look(memory, model)
        whole = now.document.together
        held, pending = now.is_held("stable"), bool(whole and whole.pending)
        states.append((memory.labels_of[now.releases.name], held, pending))
    return states


@pytest.mark.parametrize("name", TOGETHER)
@pytest.mark.parametrize("is_broken", [False, True], ids=["complete", "restore"])
def test_models_that_are_promoted_as_one_all_move_or_none_wherever_it_is_killed(name, *, is_broken):
    initial = Memory()
    for verb in TOGETHER[name]:
        verb(prod(Client(initial)))
    expected = copied(initial)
    count: list[None] = []
    assert run(_as_one, expected, lambda: count.append(None))
    assert [memory["stable"] for memory, *_ in of_both(expected)] == [3, 3]
    complete, before, history = of_both(expected), of_both(initial), recorded(expected)
    ends = []
    for moment in range(len(count)):
        memory = copied(initial)
        with pytest.raises(Killed):
            run(_as_one, memory, at(moment, die))
        check(memory)
        if is_broken:  # a release that can't be verified any more
            good = memory.versions["/ai/prod/search/release"][2]
            memory.versions["/ai/prod/search/release"][2] = "{"
        run_once(_as_one, memory)
        check(memory)
        ends.append(of_both(memory))
        if is_broken:
            memory.versions["/ai/prod/search/release"][2] = good
        assert ends[-1] in ([complete] + [before] * is_broken), moment
        if ends[-1] == complete:
            assert recorded(memory) == history, moment
    assert complete in ends
    assert not is_broken or before in ends


def interrupted() -> Iterator[tuple[int, Memory]]:
    """Yield what a promotion of both leaves that is killed at each of its requests."""
    memory = Memory()
    for verb in TOGETHER["promoted"]:
        verb(prod(Client(memory)))
    count: list[None] = []
    run(_as_one, copied(memory), lambda: count.append(None))
    for moment in range(len(count)):
        broken = copied(memory)
        with pytest.raises(Killed):
            run(_as_one, broken, at(moment, die))
        yield moment, broken


def test_a_rollback_in_the_middle_of_an_interrupted_promotion_stays() -> None:
    for moment, broken in interrupted():
        assert run(lambda place: rollback(place, "chat", release=1), broken)
        run(_as_one, broken)
        assert broken.labels == {"stable": 1, "stable-previous": 1}, moment
        assert broken.labels_of["/ai/prod/search/release"]["stable"] in {2, 3}


def test_a_rollout_of_a_label_that_is_put_back_ends() -> None:
    for moment, broken in interrupted():
        run(lambda place: _start(place, 1), broken)
        run(_as_one, broken)
        assert look(broken).left_over is None, moment
