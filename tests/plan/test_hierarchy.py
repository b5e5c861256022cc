"""A typed configuration becomes flat paths, and nothing that has no value leaves a trace."""

from __future__ import annotations

from enum import Enum, StrEnum

from model_config.plan.hierarchy import (
    Parameter,
    config_of,
    leaves,
    parameters_of,
    plain,
    secrets_of,
)
from model_config.schema import Generation, Group, ModelConfig, SecretRef

BASE = "/ai/dev/mine"


class Mode(StrEnum):
    FAST = "fast"


class Size(Enum):
    UNKNOWN = None
    LARGE = 3


class Keys(Group):
    primary: SecretRef
    backup: SecretRef | None = None


class Inner(Group):
    steps: list[int]
    note: str | None = None


class Outer(Group):
    inner: Inner
    mode: Mode
    nothing: Generation = Generation()


class Mine(ModelConfig):
    title: str
    outer: Outer
    keys: Keys
    token: SecretRef
    modes: dict[str, list[Mode]]
    size: Size = Size.LARGE


MINE = Mine(
    title="{{t}}",
    outer=Outer(inner=Inner(steps=[]), mode=Mode.FAST),
    keys=Keys(primary=SecretRef("minePrimary")),
    token=SecretRef("mineToken"),
    modes={"a": [Mode.FAST]},
)


def parameters(model: ModelConfig) -> list[Parameter]:
    return [each for path, value in leaves(model) for each in parameters_of(path, value, BASE)]


def test_each_value_and_secret_of_an_own_class_has_the_path_it_stands_at() -> None:
    assert {each.path: each.content for each in parameters(MINE)} == {
        "title": r'"\u007b{t}}"',
        "outer/inner/steps": "[]",
        "outer/mode": "fast",
        "secrets/keys/primary": SecretRef("minePrimary"),
        "secrets/token": SecretRef("mineToken"),
        "modes": '{"a":["fast"]}',
        "size": "3",
    }
    assert all(each.name == f"{BASE}/{each.path}" for each in parameters(MINE))


def test_the_config_holds_exactly_what_has_a_parameter_and_the_secrets_stand_apart() -> None:
    assert config_of(MINE) == {
        "title": "{{t}}",
        "outer": {"inner": {"steps": []}, "mode": "fast"},
        "modes": {"a": ["fast"]},
        "size": 3,
    }
    assert secrets_of(MINE) == {
        "keys/primary": SecretRef("minePrimary"),
        "token": SecretRef("mineToken"),
    }


def test_an_enums_member_that_stands_for_none_leaves_nothing() -> None:
    unknown = MINE.model_copy(update={"size": Size.UNKNOWN})
    assert "size" not in config_of(unknown)
    assert "size" not in {each.path for each in parameters(unknown)}


def test_a_long_text_is_stored_in_parts_whose_first_keeps_the_fields_name() -> None:
    text = "x" * 4096 + "y" * 4096 + "z"
    parts = parameters_of(("prompts", "system"), text, BASE)
    assert [(each.path, each.content) for each in parts] == [
        ("prompts/system", "x" * 4096),
        ("prompts/system.part2", "y" * 4096),
        ("prompts/system.part3", "z"),
    ]
    assert [each.name for each in parts] == [f"{BASE}/{each.path}" for each in parts]


def test_enums_become_their_values_however_deep_they_stand() -> None:
    assert plain({Mode.FAST: [Size.LARGE, {"k": Mode.FAST}]}) == {"fast": [3, {"k": "fast"}]}
