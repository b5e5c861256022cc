"""What an environment changes goes through the same schema, and is refused with its place."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, JsonValue, field_validator

from model_config.format.errors import Finding
from model_config.plan.overrides import apply_overrides
from model_config.plan.registry import Model
from model_config.plan.stack_config import StackConfig
from model_config.schema import (
    CallLimits,
    ChatModel,
    Generation,
    Group,
    ModelConfig,
    Prompts,
    SecretRef,
)

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


class Mine(ModelConfig):
    mode: Mode = Mode.FAST
    engine: Fast | Good
    spare: Fast | None = None
    extra: dict[str, JsonValue] | None = None
    flag: bool = False
    flags: dict[str, bool] = Field({"old": True})
    by_region: dict[str, dict[str, int]] = Field({"eu": {"low": 1, "high": 9}})
    anything: JsonValue = "text"


MINE = Mine(engine=Good(beams=4))


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
        (MINE, {"extra": {"a": {"b": None, "c": 1}}}, {"extra": {"a": {"c": 1}}}),
        (MINE, {"anything": None}, {"anything": None}),
        (MINE, {}, {}),
    ],
    ids=str,
)  # fmt: skip
def test_an_override_changes_its_field_and_no_other(
    config: ModelConfig, overrides: dict[str, Any], changed: dict[str, Any]
) -> None:
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


@pytest.mark.parametrize("nothing", [None, {}])
@pytest.mark.parametrize(
    ("config", "place"),
    [
        (CHAT, []),
        (CHAT, ["generation"]),
        (CHAT, ["prompts", "templates"]),
        (MINE, ["engine"]),
        (MINE, ["spare"]),  # its module has none
        (MINE, ["extra"]),
        (MINE, ["flags"]),
    ],
    ids=str,
)
def test_null_and_an_empty_map_override_nothing(
    config: ModelConfig, place: list[str], nothing: Any
) -> None:
    overrides = nothing
    for name in reversed(place):
        overrides = {name: overrides}
    assert overridden(config, overrides) == (config, [])


# RFC 7396, appendix A
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
    ids=str,
)
def test_a_dict_is_merged_as_the_examples_of_json_merge_patch_are(
    target: JsonValue, patch: JsonValue, result: JsonValue
) -> None:
    assert patched({"at": target}, {"at": patch}) == {"at": result}


def test_null_takes_a_dicts_key_out_and_one_that_is_not_there_does_no_harm() -> None:
    assert patched({"a": "foo"}, {"a": None, "b": None}) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    target=st.dictionaries(st.sampled_from("abc"), JSON),
    patch=st.dictionaries(st.sampled_from("abc"), JSON, min_size=1),
)
def test_a_dict_is_merged_as_the_pseudo_code_of_json_merge_patch_says(
    target: dict[str, JsonValue], patch: dict[str, JsonValue]
) -> None:
    assert patched(target, patch) == merge_patch(target, patch)


def patched(target: JsonValue, patch: JsonValue) -> JsonValue:
    """Return what becomes of a dict field."""
    result, findings = overridden(Mine(engine=Good(beams=4), extra=target), {"extra": patch})  # type: ignore[arg-type]
    assert findings == []
    return result.extra  # type: ignore[attr-defined]


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, line by line."""
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        target = dict(target)
        for name, value in patch.items():
            if value is None:
                if name in target:
                    del target[name]
            else:
                target[name] = merge_patch(target.get(name), value)
        return target
    return patch


# Wrong


@pytest.mark.parametrize("overrides", [5, "temperature: 1", ["generation"], True], ids=repr)
def test_overrides_that_are_no_map_are_refused(overrides: JsonValue) -> None:
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


@pytest.mark.parametrize(
    ("config", "overrides", "place"),
    [
        (CHAT, {"api_key": "sk-live-42"}, "api_key"),
        (CHAT, {"api_key": {"secure": "sk-live-42"}}, "api_key"),
        (MINE, {"spare": {"batch": 1, "token": "sk-live-42"}}, "spare.token"),
    ],
)
def test_a_secret_cannot_be_overridden_and_is_not_shown(
    config: ModelConfig, overrides: dict[str, Any], place: str
) -> None:
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


def test_one_wrong_override_leaves_the_whole_module_as_it_is() -> None:
    result, _ = overridden(CHAT, {"model_id": "other", "generation": {"top_p": 0.5, "seed": "x"}})
    assert result == CHAT


def test_a_group_of_a_class_of_its_own_keeps_it() -> None:
    class Extended(CallLimits):
        burst: int = 1

    chat = CHAT.model_copy(update={"limits": Extended()})
    result, findings = overridden(chat, {"limits": {"burst": 5}})
    assert (findings, result.limits) == ([], Extended(burst=5))  # type: ignore[attr-defined]


def test_the_default_of_a_group_is_a_start_for_overrides_too() -> None:
    result, _ = overridden(CHAT, {"limits": {"requests_per_minute": 60}})
    assert isinstance(result, ChatModel)
    assert result.limits == CallLimits(requests_per_minute=60)
