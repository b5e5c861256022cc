"""What an environment changes goes through the same schema, and is refused with its place."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, JsonValue, field_validator

from model_config.format.errors import Finding
from model_config.plan.hierarchy import templates_of
from model_config.plan.plan import apply_overrides
from model_config.plan.project import StackConfig
from model_config.plan.registry import Model
from model_config.schema import (
    CallLimits,
    ChatModel,
    Generation,
    Group,
    ModelConfig,
    Part,
    Prompt,
    Prompts,
    SecretRef,
    Verbatim,
)
from model_config.schema import Message as ChatMessage

CHAT = ChatModel(
    provider="p",
    model_id="m",
    prompts=Prompts(system="s", templates={"a": "A", "b": "B"}),
    generation=Generation(temperature=0.2, top_p=0.9, stop=["x", "y"]),
    api_key=SecretRef("chatKey"),
)


class Mode(StrEnum):
    FAST = "fast"
    GOOD = "good"


class Fast(Group):
    batch: int
    token: SecretRef | None = None


class Good(Group):
    beams: int


class Deployment(Group):
    model: str
    weight: int = 1
    api_key: SecretRef | None = None


class Message(Group):
    role: Literal["user", "assistant"]
    content: Prompt


class Mine(ModelConfig):
    mode: Mode = Mode.FAST
    engine: Fast | Good
    spare: Fast | None = None
    extra: dict[str, JsonValue] | None = None
    flag: bool = False
    flags: dict[str, bool] = Field({"old": True})
    by_region: dict[str, dict[str, int]] = Field({"eu": {"low": 1, "high": 9}})
    anything: JsonValue = "text"
    deployments: dict[str, Deployment] = Field({})
    messages: list[Message] = Field([])
    headers: dict[str, SecretRef] = Field({})


MINE = Mine(
    engine=Good(beams=4),
    deployments={
        "us": Deployment(model="m", weight=3, api_key=SecretRef("us")),
        "eu": Deployment(model="e"),
    },
    messages=[Message(role="user", content="a"), Message(role="assistant", content="b")],
    headers={"a": SecretRef("a"), "b": SecretRef("b")},
)


def overridden(config: ModelConfig, overrides: Any) -> tuple[ModelConfig, list[Finding]]:
    model, findings = apply_overrides(Model("chat", config), overrides, StackConfig("dev", {}))
    return model.config, findings


# Right


@pytest.mark.parametrize(
    ("config", "overrides", "changed"),
    [
        (CHAT, {"generation": {"temperature": 0.7}}, {"generation": {"temperature": 0.7}}),
        # `pulumi config set --path` stores 0.2 as text
        (CHAT, {"generation": {"temperature": "0.2"}}, {"generation": {"temperature": 0.2}}),
        (CHAT, {"limits": {"timeout_seconds": 5}}, {"limits": {"timeout_seconds": 5.0}}),
        (CHAT, {"limits": {"max_retries": "3"}}, {"limits": {"max_retries": 3}}),
        (CHAT, {"model_id": "other"}, {"model_id": "other"}),
        (CHAT, {"generation": {"top_p": None}}, {"generation": {"top_p": None}}),
        (CHAT, {"generation": {"stop": []}}, {"generation": {"stop": []}}),
        (CHAT, {"prompts": {"templates": {"c": "C"}}},
         {"prompts": {"templates": {"a": "A", "b": "B", "c": "C"}}}),
        (CHAT, {"prompts": {"templates": {"a": None, "b": "!"}}},
         {"prompts": {"templates": {"b": "!"}}}),
        (MINE, {"mode": "good"}, {"mode": Mode.GOOD}),
        (MINE, {"flag": "true"}, {"flag": True}),
        (MINE, {"engine": {"beams": 8}}, {"engine": {"beams": 8}}),
        (MINE, {"spare": {"batch": 2}}, {"spare": {"batch": 2, "token": None}}),
        (MINE, {"extra": {"a": [1, None]}}, {"extra": {"a": [1, None]}}),
        (MINE, {"flags": {"new": "true"}}, {"flags": {"old": True, "new": True}}),
        (MINE, {"by_region": {"eu": {"low": 2}}}, {"by_region": {"eu": {"low": 2, "high": 9}}}),
        (MINE, {"extra": {"a": {"b": None, "c": 1}}}, {"extra": {"a": {"b": None, "c": 1}}}),
        (MINE, {"flags": None}, {}),
        (MINE, {"spare": False}, {}),
        (MINE.model_copy(update={"spare": Fast(batch=1)}), {"spare": False}, {"spare": None}),
        (MINE.model_copy(update={"spare": Fast(batch=1)}), {"spare": {}}, {}),
        (MINE.model_copy(update={"extra": {"a": 1}}), {"extra": None}, {"extra": None}),
        (MINE, {"deployments": {"us": {"model": "x"}, "new": {"model": "n"}}},
         {"deployments": {"us": {"model": "x", "weight": 3, "api_key": {"config_key": "us"}},
                          "eu": {"model": "e", "weight": 1, "api_key": None},
                          "new": {"model": "n", "weight": 1, "api_key": None}}}),
        (MINE, {"deployments": {"us": None, "eu": {}}},
         {"deployments": {"eu": {"model": "e", "weight": 1, "api_key": None}}}),
        (MINE, {"messages": [{"role": "user", "content": "{{x}}"}]},
         {"messages": [{"role": "user", "content": "{{x}}"}]}),
        (MINE, {"headers": {"a": None}}, {"headers": {"b": {"config_key": "b"}}}),
        (MINE, {"anything": None}, {"anything": None}),
        (MINE, {}, {}),
    ],
    ids=str,
)  # fmt: skip
def test_an_override_changes_its_field_and_no_other(config, overrides, changed):
    result, findings = overridden(config, overrides)
    assert findings == []
    expected = config.model_dump()
    for name, value in changed.items():
        is_group = isinstance(value, dict) and isinstance(getattr(config, name), Group)
        expected[name] = {**expected[name], **value} if is_group else value
    assert result.model_dump() == expected
    assert type(result) is type(config)


def test_a_number_given_as_text_becomes_a_number() -> None:
    result, _ = overridden(
        CHAT, {"generation": {"temperature": "0.2"}, "limits": {"max_retries": "3"}}
    )
    assert isinstance(result, ChatModel)
    assert type(result.generation.temperature) is float
    assert type(result.limits.max_retries) is int


def test_without_overrides_the_modules_own_value_is_not_validated_again() -> None:
    class Counted(ModelConfig):
        name: str

        @field_validator("name")
        @classmethod
        def with_region(cls, name: str) -> str:
            return f"eu.{name}"

    result, _ = overridden(Counted(name="m"), {})
    assert result.model_dump() == {"name": "eu.m"}


# A line that is commented out leaves YAML's null behind.


def test_null_and_an_empty_map_override_nothing() -> None:
    places = [(CHAT, []), (CHAT, ["generation"]), *((MINE, [it]) for it in ("engine", "flags"))]
    for config, place in (*places, (MINE, ["deployments"])):
        for nothing in (None, {}):
            overrides: Any = {place[0]: nothing} if place else nothing
            assert overridden(config, overrides) == (config, []), (place, nothing)


# RFC 7396, appendix A
MERGED: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c", "c": 1}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    # Where ours differs: what is new stays as it is written.
    ([1, 2], {"a": "b", "c": None}, {"a": "b", "c": None}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {"ccc": None}}}),
    ({"a": 1}, {"a": {"b": None}}, {"a": {"b": None}}),
    ({"z": 1, "a": 2}, {"b": 1, "a": 3}, {"z": 1, "a": 3, "b": 1}),
]


def test_a_dict_is_merged_as_the_examples_of_json_merge_patch_are_in_its_order() -> None:
    for target, patch, merged in MERGED:
        config = Mine(engine=Good(beams=4), extra={"at": target})
        result, findings = overridden(config, {"extra": {"at": patch}})
        assert findings == []
        assert json.dumps(result.extra) == json.dumps({"at": merged})  # type: ignore[attr-defined]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=40)
@given(
    target=st.dictionaries(st.sampled_from("abc"), JSON),
    patch=st.dictionaries(st.sampled_from("abc"), JSON, min_size=1),
)
def test_a_dict_is_merged_as_the_pseudo_code_of_json_merge_patch_says(target, patch):
    result, findings = overridden(Mine(engine=Good(beams=4), extra=target), {"extra": patch})
    try:
        merged = merge_patch(target, patch)
    except KeyError:
        assert {finding.problem for finding in findings} == {
            "null removes a key, and there is no key of that name"
        }
    else:
        assert (result.extra, findings) == (merged, [])  # type: ignore[attr-defined]


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, line by line, but for what is new; KeyError if nothing is removed."""
    if isinstance(patch, dict) and isinstance(target, dict):
        target = dict(target)
        for name, value in patch.items():
            if value is None:
                del target[name]
            else:
                target[name] = merge_patch(target.get(name), value)
        return target
    return patch


def test_a_prompt_that_is_verbatim_stays_so() -> None:
    chat = CHAT.model_copy(
        update={"prompts": Prompts(system=Verbatim("{{ a"), templates={"a": "A"})}
    )
    prompts = {"prompts": {"system": "{{ b", "templates": {"a": "{{b}}"}}}
    result, findings = overridden(chat, prompts)
    assert findings == []
    assert templates_of(result) == ["prompts/templates/a"]


def test_a_list_keeps_the_positions_that_are_verbatim() -> None:
    messages = [
        ChatMessage(role="user", content=Verbatim("{{ a")),
        ChatMessage(role="assistant", content=[Part(text=Verbatim("{{ b")), Part(text="{{c}}")]),
    ]
    parts: list[JsonValue] = [{"text": "{{ e"}, {"text": "{{f}}"}, {"text": "{{g}}"}]
    changed: list[JsonValue] = [
        {"role": "user", "content": "{{ d"}, {"role": "assistant", "content": parts}
    ]  # fmt: skip
    result, findings = overridden(
        CHAT.model_copy(update={"messages": messages}), {"messages": changed}
    )
    assert findings == []
    assert templates_of(result) == [
        "prompts/system", "prompts/templates/a", "prompts/templates/b",
        "messages/1/content/1/text", "messages/1/content/2/text",
    ]  # fmt: skip


def test_fields_with_a_dicts_own_names_are_overridden() -> None:
    class Inner(Group):
        keys: str = "x"
        items: dict[str, int] = Field({"get": 1})

    class Named(ModelConfig):
        keys: Inner = Inner()
        values: dict[str, Inner] = Field({"copy": Inner()})

    result, findings = overridden(
        Named(), {"keys": {"keys": "y", "items": {"pop": 2}}, "values": {"copy": {"keys": "z"}}}
    )
    assert findings == []
    assert result.model_dump() == {
        "keys": {"keys": "y", "items": {"get": 1, "pop": 2}},
        "values": {"copy": {"keys": "z", "items": {"get": 1}}},
    }


# Wrong


def test_overrides_that_are_no_map_are_refused() -> None:
    for overrides in (5, "temperature: 1", ["generation"], True):
        result, (finding,) = overridden(CHAT, overrides)
        assert result == CHAT
        assert finding.where == "model-config:overrides.chat"
        assert "a map of groups and fields" in finding.problem


@pytest.mark.parametrize(
    ("config", "overrides", "place", "problem", "fix"),
    [
        (CHAT, {"generatoin": {}}, "generatoin", "ChatModel has no field", '"generation"?'),
        (CHAT, {"generation": {"temprature": 1}}, "generation.temprature",
         "Generation has no field", '"temperature"?'),
        (CHAT, {"limits": {"zzz": 1}}, "limits.zzz", "CallLimits has no field",
         "known names: max_concurrent, max_cost_usd_per_day"),
        (CHAT, {"Limits": {}}, "Limits", "no field", '"limits"?'),
        (CHAT, {"generation": {"temperature": 2.1}}, "generation.temperature",
         "less than or equal to 2", "that Generation allows"),
        (CHAT, {"generation": {"temperature": "warm"}}, "generation.temperature",
         "valid number", "that Generation allows"),
        (CHAT, {"generation": {"temperature": float("nan")}}, "generation.temperature",
         "finite number", "that Generation allows"),
        (CHAT, {"model_id": 4.1}, "model_id", "valid string",
         "a text that looks like a number needs quotation marks"),
        (CHAT, {"model_id": None}, "model_id", "valid string", "that ChatModel allows"),
        (CHAT, {"generation": 5}, "generation", "valid dictionary or instance of Generation",
         "that ChatModel allows"),
        (CHAT, {"generation": {"stop": "x"}}, "generation.stop", "valid list",
         "that Generation allows"),
        (CHAT, {"prompts": {"templates": {"a": 1}}}, "prompts.templates.a", "valid string",
         "that Prompts allows"),
        (MINE, {"by_region": {"us": {"low": "x"}}}, "by_region.us.low", "valid integer",
         "that Mine allows"),
        (MINE, {"flags": 5}, "flags", "valid dictionary", "that Mine allows"),
        (MINE, {"spare": {"batch": 1, "token": None}}, "spare.token", "a secret can't be",
         "SecretRef"),
        (MINE, {"flag": None}, "flag", "valid boolean", "that Mine allows"),
        (MINE, {"mode": "fats"}, "mode", "should be 'fast' or 'good'", "that Mine allows"),
        (MINE, {"engine": {"batch": 1}}, "engine.batch", "Good has no field", "known names: beams"),
        (MINE, {"engine": {"beams": "x"}}, "engine.beams", "valid integer", "that Good allows"),
        (MINE, {"spare": None}, "spare", "null doesn't say whether", "write false to switch"),
        (MINE, {"engine": False}, "engine", "valid dictionary", "that Mine allows"),
        (MINE, {"spare": 0}, "spare", "valid dictionary", "that Mine allows"),
        (MINE, {"flags": {"odl": None}}, "flags.odl", "null removes a key", '"old"?'),
        (MINE, {"by_region": {"eu": {"x": None}}}, "by_region.eu.x", "null removes a key",
         "known names: high, low"),
        (MINE, {"messages": [{"role": "user", "content": "x"}, {"role": "usr", "content": "x"}]},
         "messages.1.role", "should be 'user' or 'assistant'", "that Mine allows"),
        (MINE, {"messages": [{"role": "user", "content": "x", "contents": ""}]},
         "messages.0.contents", "Message has no field", '"content"?'),
        (MINE, {"deployments": {"us": {"weihgt": 1}}}, "deployments.us.weihgt",
         "Deployment has no field", '"weight"?'),
        (MINE, {"deployments": {"new": {"weight": 1}}}, "deployments.new.model", "field required",
         "that Deployment allows"),
        (MINE, {"deployments": {"ap": None}}, "deployments.ap", "null removes a key", "eu, us"),
        (CHAT, {"generation": {"maxTokens": 5}}, "generation.maxTokens",
         "Generation has no field", '"max_output_tokens"?'),
        (CHAT, {"generation": {"stop_sequences": []}}, "generation.stop_sequences",
         "Generation has no field", '"stop"?'),
        (MINE, {"spare": {"bathc": 1, "batch": 1}}, "spare.bathc", "Fast has no field", '"batch"?'),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_wrong_override_is_refused_with_its_place_and_the_module_stands(
    config: ModelConfig, overrides: dict[str, Any], place: str, problem: str, fix: str
) -> None:
    result, (finding,) = overridden(config, overrides)
    assert result == config
    assert finding.where == f"model-config:overrides.chat.{place}"
    assert problem in finding.problem
    assert fix in finding.fix
    assert finding.file == "Pulumi.dev.yaml"


SECRETS: list[tuple[ModelConfig, dict[str, Any], str]] = [
    (CHAT, {"api_key": "sk-live-42"}, "api_key"),
    (CHAT, {"api_key": {"secure": "sk-live-42"}}, "api_key"),
    (MINE, {"spare": {"batch": 1, "token": "sk-live-42"}}, "spare.token"),
    (MINE, {"deployments": {"us": {"api_key": "sk-live-42"}}}, "deployments.us.api_key"),
    (MINE, {"deployments": {"new": {"model": "m", "api_key": "sk-live-42"}}},
     "deployments.new.api_key"),
    (MINE, {"headers": {"a": "sk-live-42"}}, "headers.a"),
    (MINE, {"headers": {"new": "sk-live-42"}}, "headers.new"),
]  # fmt: skip


def test_a_secret_cannot_be_overridden_and_is_not_shown() -> None:
    for config, overrides, place in SECRETS:
        result, (finding,) = overridden(config, overrides)
        assert result == config
        assert finding.where == f"model-config:overrides.chat.{place}"
        assert "a secret can't be overridden" in finding.problem
        assert "pulumi config set --secret model-config:<key> --stack dev" in finding.fix
        assert "sk-live" not in str(finding)


def test_wrong_names_and_wrong_values_are_reported_at_once() -> None:
    overrides = {
        "providr": "p",
        "generation": {"temprature": 1, "top_p": 2, "seed": 5},
        "limits": {"max_retries": 21},
        "api_key": "k",
    }
    result, findings = overridden(CHAT, overrides)
    assert sorted(finding.where.rpartition("chat.")[2] for finding in findings) == [
        "api_key",
        "generation.temprature",
        "generation.top_p",
        "limits.max_retries",
        "providr",
    ]
    assert result == CHAT


def test_a_group_of_a_class_of_its_own_keeps_it() -> None:
    class Extended(CallLimits):
        burst: int = 1

    chat = CHAT.model_copy(update={"limits": Extended()})
    result, findings = overridden(chat, {"limits": {"burst": 5}})
    assert (findings, result.limits) == ([], Extended(burst=5))  # type: ignore[attr-defined]
