from __future__ import annotations

import enum
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, JsonValue, ValidationError, ValidationInfo, field_validator
from typing_extensions import TypeAliasType

from model_config.format.errors import SchemaMismatchError, UsageError
from model_config.format.release import RELEASED, Release
from model_config.plan.hierarchy import config_of, none_of, secrets_of
from model_config.reader.configuration import Configuration, secret_of
from model_config.schema import (
    ChatModel,
    Generation,
    Group,
    ModelConfig,
    Prompt,
    Prompts,
    SecretRef,
)
from model_config.testing.fake import FakeReader


class Keys(Group):
    primary: SecretRef
    spare: SecretRef | None = None


class Mood(enum.Enum):
    CALM = "calm"


class Tuning(Group):
    rate: float | None
    steps: int | None = None


class Own(ModelConfig):
    """One field of each kind, with and without a default."""

    name: str
    mood: Mood
    keys: Keys
    tuning: Tuning
    maybe: Tuning | None
    size: int = 3
    tags: list[str] | None = None
    table: dict[str, dict[str, int]] | None = None
    either: Generation | Tuning | None = None
    generation: Generation = Generation()


def read(model: ModelConfig) -> Any:
    """Deploy a model, in effect, and read it back."""
    secrets = {path: secret_of("text") for path in secrets_of(model)}
    config, schema = config_of(model), type(model).__name__
    release = Release.of("m", "dev", schema, config, secrets=secrets, none=none_of(model))
    return Configuration(release, 1, None, secrets, read_at=0, clock=float)


def test_a_deployed_model_comes_back_as_its_class() -> None:
    model = ChatModel(
        provider="p",
        model_id="m",
        prompts=Prompts(system="{{hello}}", templates={"a": "b"}),
        generation=Generation(temperature=0.5, stop=["x"]),
    )
    assert read(model).as_model(ChatModel) == model


def test_an_instance_of_an_own_class_is_equal_and_cannot_be_changed_either() -> None:
    model = Own(
        name="n",
        mood=Mood.CALM,
        keys=Keys(primary=SecretRef("keys.primary")),
        tuning=Tuning(rate=None),
        maybe=None,
        tags=["a"],
        table={"a": {"model_fields": 1}},
        either=Tuning(rate=0.5, steps=2),
        generation=Generation(stop=["x"]),
    )
    own = read(model).as_model(Own)
    changes: list[Callable[[], object]] = [
        partial(own.tags.append, "b"),
        partial(own.table["a"].update, b=2),
        own.generation.stop.clear,
        partial(setattr, own, "name", "other"),
    ]
    for change in changes:
        with pytest.raises((TypeError, ValidationError)):
            change()
    assert own == model
    assert own.model_dump() == model.model_dump()
    assert own.model_dump_json() == model.model_dump_json()
    assert own.model_copy(deep=True) == model


class Size(enum.Enum):
    UNKNOWN = None
    LARGE = 3


class OfMany(ModelConfig):
    """Fields that may be None, each in another way."""

    name: str = "n"
    generation: Generation = Generation(temperature=0.2)
    spare: Generation | None = None
    anything: JsonValue = "text"
    any_json: JsonValue
    size: Size
    cache: Literal["5m", None]  # noqa: PYI061
    alias: TypeAliasType("alias", Tuning | None)  # type: ignore[valid-type]


def test_what_was_deployed_as_none_is_not_the_classs_default() -> None:
    nothing = OfMany(
        generation=Generation(),
        spare=Generation(),
        anything=None,
        any_json=None,
        size=Size.UNKNOWN,
        cache=None,
        alias=Tuning(rate=None),
    )
    back = read(nothing).as_model(OfMany)
    assert back == nothing
    assert (back.generation.temperature, back.anything) == (None, None)
    # It is where the release doesn't know the field, or knows it as a group.
    assert FakeReader({"m": {}}).get("m").as_model(OneGroup) == OneGroup()
    assert read(nothing).as_model(OneText) == OneText()


class OneGroup(ModelConfig):
    generation: Generation = Generation(temperature=0.2)


class OneText(ModelConfig):
    generation: str | None = None
    spare: dict[str, str] | None = None


class Web(Group):
    url: str
    depth: int | None
    token: SecretRef | None = None


class File(Group):
    path: str
    key: SecretRef


class Plain(Group):
    url: str


class Search(ModelConfig):
    source: Plain | Web | File
    more: dict[str, Web | File] = Field({})
    others: list[Plain | Tuning] = Field([])


def test_one_of_several_classes_comes_back_as_itself_with_its_secrets() -> None:
    web, file = Web(url="u", depth=None), File(path="p", key=SecretRef("source.key"))
    keyed = Web(url="u", depth=1, token=SecretRef("more.a.token"))
    other = file.model_copy(update={"key": SecretRef("more.b.key")})
    for search in (
        Search(source=web, more={"a": keyed, "b": other}),
        Search(source=file, others=[Plain(url="u"), Tuning(rate=None, steps=1)]),
        Search(source=Plain(url="u")),
    ):
        assert read(search).as_model(Search) == search
    # An application a version behind leaves out what none of them knows.
    newer = {"source": {"path": "p", "new": 1}}
    reader = FakeReader({"m": newer}, secrets={"m": {"source/key": "x"}})
    assert reader.get("m").as_model(Search) == Search(source=file)
    with pytest.raises(SchemaMismatchError, match=r"source\.File\.path: Field required"):
        FakeReader({"m": {"source": {"new": 1}}}).get("m").as_model(Search)


def test_a_strict_class_takes_what_json_holds() -> None:
    class Strict(ModelConfig, strict=True):
        mood: Mood

    assert read(Strict(mood=Mood.CALM)).as_model(Strict) == Strict(mood=Mood.CALM)


def test_an_application_a_version_ahead_gets_its_classs_defaults_as_they_are() -> None:
    shared = Generation(stop=["x"])

    class Listed(ModelConfig):
        n: int = 7
        group: Generation = Field(default_factory=lambda: shared)

    listed = FakeReader({"m": {}}).get("m").as_model(Listed)
    assert listed == Listed()
    assert listed.model_fields_set == set()
    assert type(shared.stop) is list


def test_a_secret_field_says_that_there_is_one_and_where() -> None:
    class OneKey(ModelConfig):
        api_key: SecretRef | None = None
        keys: Keys | None = None

    given = OneKey(api_key=SecretRef("someConfigKey"), keys=Keys(primary=SecretRef("keys.primary")))
    with_keys = read(given)
    assert with_keys.as_model(OneKey).api_key == SecretRef("api_key")
    assert with_keys.as_model(OneKey).keys == given.keys
    assert with_keys.secrets["api_key"].reveal() == "text"
    assert read(OneKey()).as_model(OneKey) == OneKey()


class Message(Group):
    role: str
    content: Prompt | None
    parts: list[Tuning] = Field([])


class Deployment(Group):
    model: str | None = None
    api_key: SecretRef | None = None


class Deep(ModelConfig):
    messages: list[Message]
    deployments: dict[str, Deployment]
    headers: dict[str, SecretRef | str]
    by_region: dict[str, dict[str, list[Message]]] = Field({})
    generation: Generation = Generation()


def test_groups_in_lists_and_dicts_and_secrets_in_dicts_come_back_in_their_order() -> None:
    message = Message(role="user", content=None, parts=[Tuning(rate=None), Tuning(rate=0.5)])
    deep = Deep(
        messages=[message, Message(role="user", content="{{a}}")],
        deployments={
            "us": Deployment(model="m"),
            "eu": Deployment(api_key=SecretRef("deployments.eu.api_key")),
        },
        headers={"X-Org": "acme", "Authorization": SecretRef("headers.Authorization")},
        by_region={"eu": {"a": [message]}},
    )
    back = read(deep).as_model(Deep)
    assert back == deep
    assert list(back.deployments) == ["us", "eu"]
    assert isinstance(back.messages[0].parts[1], Tuning)
    with pytest.raises(TypeError, match="read-only"):
        back.by_region["eu"]["a"][0].parts.append(Tuning(rate=1.0))


def test_an_application_a_version_behind_leaves_out_what_it_does_not_know() -> None:
    values = {
        "messages": [{"role": "user", "content": "x", "new": 1, "parts": [{"rate": 1.0, "n": 1}]}],
        "deployments": {"us": {"model": "m", "new": {"deep": 1}}},
        "headers": {},
        "generation": {"temperature": 1.0, "newer": {"deep": 1}},
        "brand_new": {"group": 1},
    }
    back = FakeReader({"m": values}, secrets={"m": {"unknown_key": "x"}}).get("m").as_model(Deep)
    assert back == Deep(
        messages=[Message(role="user", content="x", parts=[Tuning(rate=1.0)])],
        deployments={"us": Deployment(model="m")},
        headers={},
        generation=Generation(temperature=1.0),
    )


class Inner(Group):
    system: str


class Strict(ModelConfig):
    provider: str
    model_id: str
    prompts: Inner
    lists: list[Inner]


def test_a_missing_field_without_a_default_is_an_error_that_names_both_sides() -> None:
    values = {"provider": "p", "prompts": {}, "lists": [{"system": "s"}, {}]}
    reader = FakeReader({"m": values}, environment="prod", release=7)
    with pytest.raises(SchemaMismatchError) as caught:
        reader.get("m").as_model(Strict)
    text = str(caught.value)
    assert "release 7 of m in prod, written as FakeReader, doesn't fit" in text
    assert "test_typed.Strict:" in text
    assert "  lists.1.system: Field required" in text
    assert "  model_id: Field required" in text
    assert "  prompts.system: Field required" in text
    assert "provider" not in text


def test_a_value_of_another_kind_is_an_error_without_the_value() -> None:
    base = {"provider": "p", "model_id": "m", "prompts": {"system": "s"}}
    for place, value in [
        ("generation", "sk-1"),  # a group in the class
        ("generation", ""),
        ("model_id", {"name": "sk-1"}),
        ("api_key", "sk-1"),  # a secret
    ]:
        with pytest.raises(SchemaMismatchError, match=f"  {place}: ") as caught:
            FakeReader({"m": {**base, place: value}}).get("m").as_model(ChatModel)
        assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{{ user.name }}"])
def test_a_prompt_that_was_deployed_before_prompts_were_checked_is_still_read(text: str) -> None:
    values = {"provider": "p", "model_id": "m", "prompts": {"system": text}}
    chat = FakeReader({"m": values}).get("m").as_model(ChatModel)
    assert chat.prompts.system == text


def test_a_validator_of_the_application_is_heard_and_can_tell_that_a_release_is_read() -> None:
    class Stricter(ModelConfig):
        name: str

        @field_validator("name")
        @classmethod
        def refuse(cls, value: str, info: ValidationInfo) -> str:
            if info.context != RELEASED or value == "bad":
                raise ValueError(f"not {value!r} as {info.field_name}")
            return value

    reader = FakeReader({"m": {"name": "n"}, "refused": {"name": "bad"}})
    assert reader.get("m").as_model(Stricter).name == "n"
    with pytest.raises(SchemaMismatchError, match="name: Value error, not 'bad' as name"):
        reader.get("refused").as_model(Stricter)
    with pytest.raises(ValidationError, match="not 'n' as name"):
        Stricter(name="n")


class Changeable(BaseModel):
    n: int


@pytest.mark.parametrize("refused", [dict, Changeable])
def test_a_class_that_is_not_ours_or_whose_instances_can_be_changed_is_refused(
    refused: Any,
) -> None:
    reader = FakeReader({"m": {"n": 1}})
    with pytest.raises(UsageError, match=r"a class of model_config\.schema, not .*needs pydantic"):
        reader.get("m").as_model(refused)
    with pytest.raises(UsageError, match=r"takes a class of model_config\.schema"):
        reader.get("m", schema=refused)
