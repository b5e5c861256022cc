"""The JSON Schema of a project's stack files allows what `validate` allows.

It refuses what an editor can tell. Required fields of what is new, ranges of numbers in quotation
marks, a class's own validators and the limits of SSM are `validate`'s alone.
"""

from __future__ import annotations

import json
from enum import Enum
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, JsonValue
from support.json_schema import validator

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.json_schema import stack_schema
from model_config.plan.plan import plan_stack
from model_config.plan.project import Project
from model_config.plan.registry import Model, Modules
from model_config.plan.stack_file import read_stack_file
from model_config.schema import ChatModel, Group, ModelConfig, Prompt, Prompts, SecretRef


class Mode(Enum):
    FAST = "fast"
    SECOND = 2


class Inner(Group):
    """A group.

    Attributes:
        size: how large it is,
            in metres.
    """

    size: int = 1
    flags: dict[str, bool] = Field({"old": True})
    token: SecretRef | None = None


class Child(Group):
    name: Annotated[str, Field(min_length=1)]
    limits: dict[str, int]
    extra: dict[str, int] = Field({})


class Locked(Group):
    token: SecretRef


class Fast(Group):
    batch: int


class Good(Group):
    beams: int = 1


class Message(Group):
    role: Literal["user", "assistant"]
    content: Prompt | list[Mode] = "x"


class Deployment(Group):
    weight: int
    api_key: SecretRef | None = None
    parts: list[Message] = Field([])


class Kinds(ModelConfig):
    """A field of every kind."""

    text: str = "x"
    short: Annotated[str, Field(min_length=2, max_length=3, pattern="^[a-z]+$")] = "ab"
    whole: int = 1
    ranged: Annotated[int, Field(ge=-3, le=12)] = 1
    fives: Annotated[int, Field(multiple_of=5)] = 5
    number: float = 0.5
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    maybe: float | None = Field(None, ge=0.25, description="Perhaps.")
    on: bool = True
    mode: Mode = Mode.FAST
    maybe_mode: Mode | None = None
    choice: Literal["a", 1] = "a"
    either: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    neither: int | Literal["auto"] | None = None
    names: list[str] = Field([], max_length=2)
    numbers: list[Annotated[int, Field(ge=0)]] | None = None
    maps: list[Annotated[dict[str, int], Field(max_length=1)]] = Field([])
    flags: dict[str, bool] = Field({"old": True})
    few: dict[str, int] = Field({"old": 1}, max_length=1)
    nested: dict[str, dict[str, int]] | None = None
    keyed: dict[Annotated[str, Field(pattern="^[a-c]")], float] = Field({}, max_length=9)
    free: JsonValue = 1
    freeform: dict[str, JsonValue] | None = None
    inner: Inner = Inner()
    child: Child | None = None
    locked: Locked | None = None
    engine: Fast | Good = Fast(batch=1)
    spare: Fast | Good | None = None
    fast_or_text: Fast | str = "x"
    messages: list[Message] = Field([])
    deployments: dict[str, Deployment] = Field({"old": Deployment(weight=1)})
    headers: dict[str, SecretRef] = Field({"old": SecretRef("header")})
    api_key: SecretRef = SecretRef("kindsKey")


CHAT = ChatModel(provider="p", model_id="m", prompts=Prompts(system="s", templates={"a": "A"}))
MODELS = {"kinds": Model("kinds", Kinds()), "chat": Model("chat", CHAT)}


class Files:
    """A project whose stack's file is written, and what the two say of it."""

    def __init__(self, root: Path, name: str = "model-config") -> None:
        (root / "Pulumi.yaml").write_text(f"name: {name}\n")
        self.modules = Modules(Project(root), MODELS, {})
        self.schema = stack_schema(self.modules)
        self.validator = validator(self.schema)

    def refusals(self, config: Any) -> list[str]:
        """Return what `validate` refuses; every YAML parser reads JSON."""
        file = self.modules.project.stack_file("dev")
        file.write_text(json.dumps({"config": config}), encoding="utf-8")
        try:
            read = read_stack_file(self.modules.project, "dev")
        except InvalidConfigurationError as error:
            return list(map(str, error.findings))
        return list(map(str, plan_stack(self.modules, read).findings))

    def allows(self, config: Any) -> bool:
        return self.validator.is_valid({"config": config})

    def agree(self, config: Any) -> bool:
        return self.allows(config) == (self.refusals(config) == [])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("files"))


def overrides(**fields: Any) -> dict[str, Any]:
    return {"model-config:overrides": {"kinds": fields}}


# Overrides, as YAML types them.

TEXTS = st.sampled_from(
    ["", "a", "ab", "abcd", "A", "fast", "auto", "old", "7", "12", "0.5", "true", "null", "é\n"]
)
SCALARS = st.none() | st.booleans() | st.integers(-5, 14) | st.sampled_from([0.25, 0.5]) | TEXTS
NAMES = st.sampled_from(["old", "a", "b", "dd", "size", "flags", "token", "batch", "beams"])
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
INTEGERS = st.integers(-5, 14) | st.sampled_from([2**53 - 1, 2**53])
FLOATS = INTEGERS.filter(lambda number: number < 2**53) | st.floats(-2, 2).map(
    lambda number: round(number, 3)
)
PATCH = st.none() | st.just({})


def patch(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return PATCH | st.dictionaries(st.sampled_from(["old", "a", "dd"]), st.none() | values)


INNER = PATCH | st.fixed_dictionaries(
    {}, optional={"size": INTEGERS, "flags": patch(st.booleans()), "token": TEXTS, "sise": INTEGERS}
)
FAST = st.fixed_dictionaries({}, optional={"batch": INTEGERS, "beams": INTEGERS})
OFF = st.just(value=False)
CHILD = (
    PATCH
    | OFF
    | st.fixed_dictionaries(
        {}, optional={"name": TEXTS, "limits": patch(INTEGERS), "extra": patch(INTEGERS)}
    )
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "usr"])},
    optional={"content": TEXTS | st.lists(st.sampled_from(["fast", "slow", 2])), "name": TEXTS},
)
DEPLOYMENT = PATCH | st.fixed_dictionaries(
    {}, optional={"weight": INTEGERS, "api_key": TEXTS, "parts": st.lists(MESSAGE, max_size=2)}
)
TYPED: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "short": TEXTS,
    "whole": INTEGERS,
    "ranged": INTEGERS,
    "fives": INTEGERS,
    "number": FLOATS,
    "share": FLOATS,
    "maybe": st.none() | FLOATS,
    "on": st.booleans(),
    "mode": st.sampled_from(["fast", "slow", 2, 3]),
    "maybe_mode": st.sampled_from(["fast", "slow", 2, 3, None]),
    "choice": st.sampled_from(["a", "b", 1, 2]),
    "either": INTEGERS | st.sampled_from(["auto", "manual"]),
    "neither": INTEGERS | st.sampled_from(["auto", "manual", None]),
    "names": st.lists(TEXTS, max_size=3),
    "numbers": st.none() | st.lists(INTEGERS, max_size=3),
    "maps": st.lists(st.dictionaries(st.sampled_from("ab"), st.none() | INTEGERS), max_size=2),
    "flags": patch(st.booleans()),
    "nested": patch(patch(INTEGERS)),
    "few": patch(INTEGERS),
    "keyed": PATCH | st.dictionaries(st.sampled_from(["a", "dd"]), FLOATS),
    "free": ANYTHING,
    "freeform": PATCH | st.dictionaries(NAMES, st.none() | TEXTS | st.integers(-9, 9)),
    "inner": INNER,
    "child": CHILD,
    "locked": PATCH | OFF | st.just({"token": "x"}),
    "engine": PATCH | FAST,
    "spare": PATCH | OFF | FAST,
    "messages": st.lists(MESSAGE, max_size=2),
    "deployments": patch(DEPLOYMENT),
    "headers": patch(TEXTS),
    "fast_or_text": TEXTS | PATCH | FAST,
    "api_key": TEXTS | st.none(),
    "txet": TEXTS,
}


@settings(max_examples=100)
@given(data=st.data(), name=st.sampled_from(sorted(TYPED)))
def test_the_schema_allows_every_override_that_is_no_finding(files, data, name):
    config = overrides(**{name: data.draw(TYPED[name])})
    assert files.allows(config) or files.refusals(config), config


REFUSED: list[dict[str, Any]] = [
    {"txet": "x"},
    {"text": 5},
    {"text": None},
    {"short": "abcd"},
    {"ranged": 13},
    {"ranged": "x"},
    {"share": 1},
    {"on": "maybe"},
    {"mode": "slow"},
    {"either": 0},
    {"names": ["a", "b", "c"]},
    {"names": None},
    {"maps": [{"a": 1, "b": 2}]},
    {"maps": [{"a": None}]},  # what a list holds is not merged
    {"flags": {"new": "maybe"}},
    {"nested": {"a": {"b": 0.5}}},
    {"keyed": {"dd": 1}},
    {"inner": {"sise": 1}},
    {"inner": {"token": "x"}},
    {"inner": {"token": None}},
    {"deployments": {"old": {"api_key": None}}},
    {"inner": False},
    {"child": None},
    {"child": True},
    {"child": {"limits": {"a": "x"}}},
    {"spare": None},
    {"engine": {"batch": "x"}},
    {"api_key": "x"},
    {"api_key": None},
    {"headers": {"old": "x"}},
    {"messages": [{}]},
    {"messages": [{"role": "usr"}]},
    {"messages": [{"role": "user", "contents": "x"}]},
    {"deployments": {"old": {"wieght": 1}}},
    {"deployments": {"old": {"api_key": "x"}}},
    {"deployments": {"old": {"parts": [{"role": "usr"}]}}},
]


def test_the_schema_refuses_what_an_editor_can_tell(files: Files) -> None:
    for fields in REFUSED:
        assert not files.allows(overrides(**fields)), fields
        assert files.refusals(overrides(**fields)), fields


TEXTS_OF: dict[str, list[Any]] = {
    "whole": ["7", "-7"],
    "number": ["0.2", "7", "1e-05"],
    "on": ["true", "false"],
    "numbers": [["7", 8]],
    "flags": [{"new": "false"}],
    "nested": [{"a": {"b": "7"}}],
    "either": ["7", "auto"],
}


def test_numbers_and_booleans_may_be_text_as_pulumi_config_set_writes_them(files: Files) -> None:
    for field, texts in TEXTS_OF.items():
        for text in texts:
            assert files.allows(overrides(**{field: text}))
            assert files.refusals(overrides(**{field: text})) == []


# The rest of the file

KEY = "model-config:"
SETTINGS = {
    "prefix": st.sampled_from(
        ["/ai", "ai", "/ai/", "//", "", "/aws", "/AwS/x", "/ssmx", "/ai/ssm", "/a.b/c-d_e", "/é"]
    ),
    "environment": st.sampled_from(["dev", "eu.prod-1_a", "", "a/b", "a b"]),
    "models": st.lists(st.sampled_from(["chat", "kinds", "chta"]), max_size=3) | st.none(),
    "protect": st.booleans() | st.sampled_from(["true", "false"]) | st.none(),
    "keyDeletionWindowDays": st.integers(5, 32) | st.sampled_from(["7", "30", "x"]),
    "tags": st.none()
    | st.dictionaries(
        st.sampled_from(["team", "aws:x", "AWS:x", "", "é 1_.:/=+-@", "a;b", "k" * 128, "k" * 129]),
        st.sampled_from(["", "x", "aws:x", "awsx", "a;b", "v" * 256, "v" * 257])
        | st.integers(1, 2),
    ),
    "overrides": st.none()
    | st.dictionaries(
        st.sampled_from(["chat", "kinds", "chta"]),
        PATCH | st.fixed_dictionaries({}, optional={"text": TEXTS}),
    ),
    "kmsKeyArn": st.sampled_from(
        ["arn:aws:kms:eu-west-1:111122223333:key/1a-2b", "alias/x", "", "arn:aws:kms:eu:1:key/1"]
    ),
    "notifyTopicArn": st.sampled_from(
        ["arn:aws:sns:eu-west-1:111122223333:topic", "arn:aws:sns:eu-west-1:111122223333:t.fifo"]
    ),
    "kindsKey": st.sampled_from([{"secure": "x"}, {"secret": "x"}, "x", ""]),
    "protekt": st.booleans(),
}
OTHER = {
    # In another region, the key and the topic above would be refused.
    "aws:region": st.sampled_from(["eu-west-1", "", None]),
    "aws:skipRegionValidation": st.sampled_from([True, False, "true"]),
    "other:prefix": st.just("x"),
}
CONFIG = st.fixed_dictionaries(
    {}, optional={**{KEY + key: values for key, values in SETTINGS.items()}, **OTHER}
)


@settings(max_examples=50)
@given(config=st.none() | CONFIG)
def test_the_schema_allows_settings_exactly_where_they_are_no_finding(files: Files, config: Any):
    assert files.agree(config), files.refusals(config)


def test_the_schema_refuses_overrides_of_a_model_that_is_left_out(files: Files) -> None:
    for chosen, changed in product(
        (None, ["chat"], ["chat", "kinds"], []), (None, {}, {"text": "y"})
    ):
        models = {} if chosen is None else {"model-config:models": chosen}
        assert files.agree({"model-config:overrides": {"kinds": changed}, **models})


def test_the_schema_refuses_a_key_that_has_lost_its_namespace(tmp_path_factory):
    named = Files(tmp_path_factory.mktemp("named"), "my-models")
    for key in ("prefix", "my-models:prefix", "model-config", "my-models:model-config"):
        for beside in ({}, {"model-config:prefix": "/x"}):
            assert named.agree({key: "/x", **beside}), key
    for key in ("size", "my-models:size", "aws:region"):  # the project's own, and others'
        assert named.allows({key: "eu-west-1"})
        assert named.agree({key: "eu-west-1"})


def test_an_editor_can_say_what_a_field_and_a_setting_is(files: Files) -> None:
    definitions = files.schema["definitions"]
    assert definitions["Kinds.override"]["description"] == "A field of every kind."
    assert definitions["Kinds.override"]["properties"]["maybe"]["description"] == "Perhaps."
    assert (
        definitions["Inner.override"]["properties"]["size"]["description"]
        == "how large it is, in metres."
    )
    config = files.schema["properties"]["config"]["properties"]
    assert all("description" in config[f"model-config:{key}"] for key in ("prefix", "tags"))


def test_it_is_the_same_each_time(files: Files) -> None:
    assert json.dumps(stack_schema(files.modules)) == json.dumps(files.schema)
