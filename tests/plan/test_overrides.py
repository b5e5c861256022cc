"""What an environment changes goes through the same schema, and is refused with its place."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from pydantic import JsonValue, field_validator

from model_config.format.errors import Finding
from model_config.plan.overrides import apply_overrides
from model_config.plan.registry import Model
from model_config.plan.settings import StackConfig
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


MINE = Mine(engine=Good(beams=4))


def overridden(config: ModelConfig, overrides: dict[str, Any]) -> tuple[ModelConfig, list[Finding]]:
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
        (CHAT, {"prompts": {"templates": {"c": "C"}}}, {"prompts": {"templates": {"c": "C"}}}),
        (MINE, {"mode": "good"}, {"mode": Mode.GOOD}),
        (MINE, {"flag": "true"}, {"flag": True}),
        (MINE, {"engine": {"beams": 8}}, {"engine": {"beams": 8}}),
        (MINE, {"spare": {"batch": 2}}, {"spare": {"batch": 2, "token": None}}),
        (MINE, {"extra": {"a": [1, None]}}, {"extra": {"a": [1, None]}}),
        (MINE, {}, {}),
    ],
    ids=str,
)
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


# Wrong


@pytest.mark.parametrize(
    ("config", "overrides", "place", "problem", "fix"),
    [
        (CHAT, {"generatoin": {}}, "generatoin", "ChatModel has no field", '"generation"?'),
        (CHAT, {"generation": {"temprature": 1}}, "generation.temprature",
         "Generation has no field", '"temperature"?'),
        (CHAT, {"limits": {"zzz": 1}}, "limits.zzz", "CallLimits has no field",
         "known are max_retries, requests_per_minute, timeout_seconds"),
        (CHAT, {"Limits": {}}, "Limits", "no field", '"limits"?'),
        (CHAT, {"generation": {"temperature": 2.1}}, "generation.temperature",
         "less than or equal to 2", "that Generation allows"),
        (CHAT, {"generation": {"temperature": "warm"}}, "generation.temperature",
         "valid number", "that Generation allows"),
        (CHAT, {"generation": {"temperature": float("nan")}}, "generation.temperature",
         "finite number", "that Generation allows"),
        (CHAT, {"model_id": 4.1}, "model_id", "valid string",
         "a text that looks like a number wants quotes"),
        (CHAT, {"model_id": None}, "model_id", "valid string", "that ChatModel allows"),
        (CHAT, {"generation": 5}, "generation", "valid dictionary or instance of Generation",
         "that ChatModel allows"),
        (CHAT, {"generation": {"stop": "x"}}, "generation.stop", "valid list",
         "that Generation allows"),
        (CHAT, {"prompts": {"templates": {"a": 1}}}, "prompts.templates.a", "valid string",
         "that Prompts allows"),
        (MINE, {"mode": "fats"}, "mode", "should be 'fast' or 'good'", "that Mine allows"),
        (MINE, {"engine": {"batch": 1}}, "engine.batch", "Good has no field", "known are beams"),
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
        (MINE, {"spare": {"batch": 1, "token": "sk-live-42"}}, "spare.token"),
    ],
)
def test_a_secret_cannot_be_overridden_and_is_not_shown(
    config: ModelConfig, overrides: dict[str, Any], place: str
) -> None:
    result, (finding,) = overridden(config, overrides)
    assert result == config
    assert finding.where == f"model-config:overrides.chat.{place}"
    assert "it is a secret" in finding.problem
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
