from __future__ import annotations

import copy
import dataclasses
import json
import math
import operator
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from model_config.format.errors import PromptError, SecretUnavailableError
from model_config.format.prompt import texts
from model_config.format.release import Release
from model_config.reader.configuration import (
    Configuration,
    freeze,
    secret_of,
    thaw,
)

TEXT = "sk-live-5f3a"
CONFIG: dict[str, Any] = {
    "provider": "openai",
    "prompts": {
        "system": "You are {{ name }} of {{company}}.",
        "templates": {"hi": "Hello {{name}}!"},
    },
    "generation": {"temperature": 0.2, "stop": ["a", "b"], "bias": [{"token": 1}]},
}


def made(config: Any = CONFIG, none: Sequence[str] = (), **options: Any) -> Configuration:
    about_it = {"secrets": ["api_key"], "templates": list(texts(config)), "none": none}
    content = Release.of("chat", "prod", "Chat", config, **about_it)
    about: dict[str, Any] = {"read_at": 0.0, "clock": lambda: 7.0, "label": "stable", **options}
    return Configuration(content, 3, secrets={"api_key": secret_of(TEXT)}, **about)


# Values that behave


def test_values_are_those_that_json_has() -> None:
    chat = made()
    assert chat == made(label="canary") == chat.as_dict() == CONFIG
    assert chat != {**CONFIG, "provider": "other"}
    assert json.dumps(chat["generation"]) == json.dumps(CONFIG["generation"])
    assert json.loads(json.dumps(dict(chat))) == CONFIG
    assert isinstance(chat["generation"], dict)
    assert isinstance(chat["generation"]["stop"], list)
    assert repr(chat["generation"]) == repr(CONFIG["generation"])
    match chat["generation"]:
        case {"stop": [first, *_], **rest}:
            assert (first, sorted(rest)) == ("a", ["bias", "temperature"])
        case _:
            raise AssertionError


copies: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    lambda value: value.copy(),
    *(lambda value, p=protocol: pickle.loads(pickle.dumps(value, p)) for protocol in range(6)),  # noqa: S301
]


def kinds(value: Any) -> list[type]:
    """Return the class of a value and of everything in it."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [type(value), *(kind for item in items for kind in kinds(item))]


def test_a_copy_of_a_value_is_plain_and_equal() -> None:
    leaves = [None, True, 0, -1, 2**70, 1.5, "", "é"]
    values: list[Any] = [[], {}, [[]], {"a": {}}, leaves, {"": leaves, "b": [{"c": [leaves]}, {}]}]
    for value in values:
        frozen = freeze(value)
        assert frozen == value
        for copied in (thaw, *copies):
            same = copied(frozen)
            assert same == value
            assert kinds(same) == kinds(value)
        assert freeze(frozen) == value


def test_what_is_combined_with_a_value_or_rebuilds_it_by_its_type_is_plain() -> None:
    @dataclasses.dataclass
    class Settings:
        generation: Any

    plain = dataclasses.asdict(Settings(made()["generation"]))["generation"]
    assert plain == CONFIG["generation"]
    assert kinds(plain) == kinds(CONFIG["generation"])
    generation = made()["generation"]
    assert type(type(generation).fromkeys("ab")) is dict
    for combined in (generation | {"seed": 1}, {"seed": 1} | generation, {**generation}):
        assert type(combined) is dict
    stop = generation["stop"]
    assert type(operator.add(stop, ["c"])) is type(stop[:1]) is type(stop * 2) is list


# Nothing can be changed for other callers

# Besides the methods, which are tested below.
dict_changes: list[Callable[[Any], Any]] = [
    lambda d: operator.setitem(d, "x", 1),
    lambda d: operator.delitem(d, "temperature"),
    lambda d: operator.ior(d, {"x": 1}),
    lambda d: d.__init__({"x": 1}),
    lambda d: d.__init__(temperature=1),
    lambda d: setattr(d, "x", 1),
    lambda d: setattr(d, "__class__", dict),
]
list_changes: list[Callable[[Any], Any]] = [
    lambda items: operator.setitem(items, slice(None), []),
    lambda items: operator.delitem(items, 0),
    lambda items: operator.iadd(items, ["x"]),
    lambda items: operator.imul(items, 2),
    lambda items: items.__init__(["x"]),
    lambda items: setattr(items, "x", 1),
    lambda items: setattr(items, "__class__", list),
]
configuration_changes: list[Callable[[Any], Any]] = [
    lambda chat: operator.setitem(chat, "provider", "x"),
    lambda chat: operator.setitem(chat.secrets, "api_key", secret_of("x")),
    lambda chat: setattr(chat, "release", 9),
    lambda chat: setattr(chat, "rollout", "candidate"),
    lambda chat: operator.setitem(chat.content.secrets, 0, "other"),
    lambda chat: delattr(chat, "release"),
]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        (dict_changes, lambda chat: chat["generation"]),
        (list_changes, lambda chat: chat["generation"]["stop"]),
        (dict_changes, lambda chat: chat["generation"]["bias"][0]),
        (configuration_changes, lambda chat: chat),
    ],
)
def test_nothing_that_a_caller_reaches_can_be_changed(
    changes: list[Callable[[Any], Any]], where: Callable[[Any], Any]
) -> None:
    for change in changes:
        chat = made()
        with pytest.raises((TypeError, AttributeError)):
            change(where(chat))
        assert chat == CONFIG
        assert (chat.release, chat.secrets["api_key"].reveal()) == (3, TEXT)


def test_every_method_that_changes_a_dict_or_list_refuses() -> None:
    """What Python may add one day is found here."""
    reading = {"copy", "fromkeys", "get", "items", "keys", "values", "count", "index"}
    for frozen in (freeze({"a": 1}), freeze([1])):
        methods = {name for name in dir(frozen) if not name.startswith("_")} - reading
        for name in methods:
            with pytest.raises(TypeError, match=r"read-only: as_dict\(\) returns a copy"):
                getattr(frozen, name)("a")


def test_what_a_configuration_was_made_of_is_not_part_of_it() -> None:
    config, secrets = {"a": {"b": [1]}}, {"key": secret_of(TEXT)}
    content = Release.of("chat", "prod", "Chat", config, secrets=["key"])
    chat = Configuration(content, 1, None, secrets, read_at=0.0, clock=lambda: 0.0)
    config["a"]["b"].append(2)
    secrets.clear()
    assert (chat["a"], list(chat.secrets)) == ({"b": [1]}, ["key"])


# Copies of a configuration


def test_a_pickled_configuration_has_all_but_its_secrets() -> None:
    chat = made(rollout="candidate")
    assert copy.copy(chat) is copy.deepcopy({"chat": chat})["chat"] is chat
    pickled = pickle.dumps(chat)
    assert TEXT.encode() not in pickled
    same = pickle.loads(pickled)  # noqa: S301 - our own
    assert same == chat
    assert (same.release, same.label, same.rollout, same.content, same.from_fallback) == (
        (chat.release, chat.label, chat.rollout, chat.content, chat.from_fallback)
    )
    assert same.age == pytest.approx(chat.age, abs=5)
    assert list(same.secrets) == ["api_key"]
    with pytest.raises(SecretUnavailableError, match=r"api_key can't be revealed: .* pickled"):
        same.secrets["api_key"].reveal()
    with pytest.raises(TypeError):
        same["generation"]["temperature"] = 1
    fallback = pickle.loads(pickle.dumps(made(from_fallback=True)))  # noqa: S301 - our own
    assert (fallback.from_fallback, fallback.age) == (True, math.inf)


def test_secrets_can_be_copied_but_not_taken_along() -> None:
    secrets = made().secrets
    assert copy.deepcopy(secrets)["api_key"].reveal() == TEXT
    assert TEXT not in repr(secrets)
    for take in (pickle.dumps, json.dumps):
        with pytest.raises(TypeError) as caught:
            take(secrets)
        assert TEXT not in str(caught.value)


# Prompts


def test_a_prompt_is_rendered_by_its_path() -> None:
    chat = made()
    assert chat.variables("prompts/system") == ["name", "company"]
    assert chat.render("prompts/system", name="Zoë", company="{{name}}") == (
        "You are Zoë of {{name}}."
    )
    assert chat.render("prompts/templates/hi", name="{") == "Hello {!"
    assert chat.render("provider") == "openai"
    assert made({"a": "{{self}}{{path}}{{values}}"}).render("a", self=1, path=2, values=3) == "123"


def test_everything_below_a_path_is_rendered_at_once() -> None:
    messages = [{"role": "system", "content": "{{a}}"}, {"role": "user", "content": "{{b}} {{a}}"}]
    chat = made({"messages": messages, "other": "{{c}}"})
    assert chat.variables("messages") == ["a", "b"]
    rendered = chat.render("messages", a="x", b=2)
    assert [each["content"] for each in rendered] == ["x", "2 x"]
    assert type(rendered[0]) is dict
    assert chat["messages"] == messages
    assert chat.render("messages/1/content", a="x", b=2) == "2 x"
    with pytest.raises(PromptError, match=r"no value for b; not a variable of the text: c"):
        chat.render("messages", a="x", c="y")


def test_only_what_the_release_says_is_a_template_is_one() -> None:
    content = Release.of("chat", "prod", "Chat", {"a": "{{x}}", "b": "{{x}}"}, templates=["a"])
    chat = Configuration(content, 1, None, {}, read_at=0.0, clock=lambda: 0.0)
    assert (chat.render("a", x="1"), chat.render("b"), chat.variables("b")) == ("1", "{{x}}", [])


def test_a_value_that_is_not_there_says_whether_it_is_none() -> None:
    chat = made(none=["generation/max_output_tokens", "limits/rate"])
    for read, key in ((chat["generation"], "max_output_tokens"), (chat, "limits")):
        with pytest.raises(KeyError) as caught:
            read[key]
        told = f"{key!r} is None in this release, so it has no value. Use get()"
        assert str(caught.value) == told
        assert read.get(key) is None
    with pytest.raises(KeyError, match=r"^'temprature'$"):
        chat["generation"]["temprature"]


def test_what_is_wrong_with_a_prompts_values_is_said_with_the_release() -> None:
    with pytest.raises(PromptError) as caught:
        made().render("prompts/system", nmae="", company=None)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "prompts/system of release 3 of chat in prod can't be rendered: no value for name; not a "
        "variable of the text: nmae (it has name, company); company is of type NoneType: "
        "pass a str or an int"
    )


def test_a_path_without_a_text_is_an_error_that_names_those_there_are() -> None:
    there = (
        "Its texts: provider, prompts/system, prompts/templates/hi, generation/stop/0, "
        "generation/stop/1"
    )
    for path in ("prompt", "prompts/sytem", "generation/temperature", "generation/bias", "", "/"):
        for ask in (made().variables, made().render):
            with pytest.raises(PromptError) as caught:
                ask(path)
            assert str(caught.value) == f"release 3 of chat in prod has no text {path!r}. {there}"


# What goes on a span

NAMES = {
    "gen_ai.prompt.name": "chat",
    "gen_ai.prompt.version": "3",
    "feature_flag.key": "chat",
    "feature_flag.set.id": "prod",
    "feature_flag.version": "3",
    "feature_flag.provider.name": "model-config",
}


def test_a_span_gets_opentelemetrys_names_and_no_value() -> None:
    for options, variant in [
        ({}, "stable"),
        ({"label": None}, "3"),
        ({"rollout": "candidate"}, "candidate"),
        ({"rollout": "control"}, "control"),
    ]:
        assert made(**options).attributes() == {**NAMES, "feature_flag.result.variant": variant}
