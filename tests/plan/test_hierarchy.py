"""A typed configuration becomes flat paths, and nothing that has no value leaves a trace."""

from __future__ import annotations

import json
from enum import Enum, StrEnum

from pydantic import JsonValue

from model_config.plan.hierarchy import (
    Parameter,
    config_of,
    leaves,
    none_of,
    parameters_of,
    plain,
    secrets_of,
    templates_of,
)
from model_config.schema import Generation, Group, ModelConfig, Prompt, SecretRef, Verbatim

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
    size: Size


MINE = Mine(
    title="{{t}}",
    outer=Outer(inner=Inner(steps=[]), mode=Mode.FAST),
    keys=Keys(primary=SecretRef("minePrimary")),
    token=SecretRef("mineToken"),
    modes={"a": [Mode.FAST]},
    size=Size.LARGE,
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
    unknown = MINE.model_copy(update={"size": Size.UNKNOWN})  # it stands for None
    assert "size" not in config_of(unknown)
    assert "size" not in {each.path for each in parameters(unknown)}
    assert plain({Mode.FAST: [Size.LARGE, {"k": Mode.FAST}]}) == {"fast": [3, {"k": "fast"}]}


def test_a_long_text_is_stored_in_parts_whose_first_keeps_the_fields_name() -> None:
    text = "x" * 4096 + "y" * 4096 + "z"
    parts = parameters_of(("prompts", "system"), text, BASE)
    assert [(each.path, each.content) for each in parts] == [
        ("prompts/system", "x" * 4096),
        ("prompts/system.part2", "y" * 4096),
        ("prompts/system.part3", "z"),
    ]
    assert [each.name for each in parts] == [f"{BASE}/{each.path}" for each in parts]


# Lists and dicts


class Part(Group):
    text: Prompt | None = None
    ttl: int | None = None


class Message(Group):
    role: str
    content: Prompt | list[Part]
    cache: Part = Part()


class Deployment(Group):
    model: str | None = None
    api_key: SecretRef | None = None
    more: dict[str, SecretRef] | None = None


class Agent(ModelConfig):
    tools: dict[str, JsonValue]
    messages: list[Message]
    deployments: dict[str, Deployment]
    headers: dict[str, SecretRef | str]
    system: Prompt | None = None
    limits: Generation | None = None
    alone: Deployment = Deployment()


AGENT = Agent(
    tools={"z": None, "a": {"y": [None], "b": 2.0}},
    messages=[
        Message(role="user", content="{{a}}"),
        Message(role="user", content=[Part(text="{{b}}", ttl=5), Part(text=Verbatim("{{ b"))]),
        Message(role="user", content=[Part()]),
    ],
    deployments={
        "us": Deployment(model="m", api_key=SecretRef("us")),
        "eu": Deployment(more={"x": SecretRef("eux")}),
        "none": Deployment(),
    },
    headers={"X-Org": "acme", "Authorization": SecretRef("auth")},
)


def test_classes_fields_are_sorted_and_dicts_and_lists_are_as_written_at_every_depth() -> None:
    assert json.dumps(config_of(AGENT)) == json.dumps(
        {
            "deployments": {"us": {"model": "m"}, "eu": {"more": {}}, "none": {}},
            "headers": {"X-Org": "acme"},
            "messages": [
                {"content": "{{a}}", "role": "user"},
                {"content": [{"text": "{{b}}", "ttl": 5}, {"text": "{{ b"}], "role": "user"},
                {"content": [{}], "role": "user"},
            ],
            "tools": {"z": None, "a": {"y": [None], "b": 2.0}},
        }
    )


def test_a_list_and_a_dict_have_one_parameter_each_whatever_they_hold_but_secrets() -> None:
    config, secrets = config_of(AGENT), secrets_of(AGENT)
    assert secrets == {
        "deployments/us/api_key": SecretRef("us"),
        "deployments/eu/more/x": SecretRef("eux"),
        "headers/Authorization": SecretRef("auth"),
    }
    assert dict(leaves(AGENT)) == {
        **{(name,): config[name] for name in ("tools", "messages", "deployments", "headers")},
        **{tuple(path.split("/")): secret for path, secret in secrets.items()},
    }
    # What is None is told outside of them; templates by their place, with a star for all there.
    nothing = ["system", "limits", "alone/model", "alone/api_key", "alone/more"]
    assert none_of(AGENT) == nothing
    assert templates_of(AGENT) == ["messages/*/content", "messages/1/content/0/text"]


def test_a_long_list_is_flattened_in_no_time_to_speak_of() -> None:
    messages = [{"role": "user", "content": f"{{{{n}}}} {number}"} for number in range(1_000)]
    agent = Agent(tools={}, messages=messages, deployments={}, headers={})  # type: ignore[arg-type]
    assert templates_of(agent) == ["messages/*/content"]
    assert config_of(agent)["messages"] == messages
