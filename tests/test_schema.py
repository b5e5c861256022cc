"""The classes a configuration is written in: what a field may be, and what a value may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    JsonValue,
    SecretStr,
    ValidationError,
    create_model,
)
from typing_extensions import TypeAliasType, TypedDict

from model_config.format.errors import SchemaError
from model_config.plan.hierarchy import config_of, leaves, templates_of
from model_config.schema import (
    CallLimits,
    ChatModel,
    Generation,
    Group,
    ModelConfig,
    Prompt,
    Prompts,
    SecretRef,
    Verbatim,
    text_beside,
)


class Level(Enum):
    LOW = "low"
    HIGH = 2


class Coordinates(Enum):
    HERE = (0, 0)


def defined_with(annotation: Any) -> type[ModelConfig]:
    return create_model("Mine", __base__=ModelConfig, field=(annotation, ...))


# Types


class Message(Group):
    role: Literal["user", "assistant"]
    content: Prompt
    note: str | None = None


class Deployment(Group):
    model: str
    api_key: SecretRef | None = None


class Region(Group):
    deployment: Deployment


class Coordinate(TypedDict):
    x: int


class Point(NamedTuple):
    x: int


@dataclass
class Line:
    x: int


class Row(BaseModel):
    x: int


@pytest.mark.parametrize(
    "annotation",
    [
        str, int, float, bool, list[str], dict[str, int], dict[str, JsonValue], JsonValue,
        str | None, list[int | None] | None, dict[str, list[dict[str, bool]]],
        Level, list[Level], Literal["a", 1], Annotated[int, Field(ge=0)],
        dict[Annotated[str, Field(min_length=1)], str], Generation, Generation | None, SecretRef,
        list[Message], list[Message | str], dict[str, Message | None],
        pytest.param(list[Prompt], id="list[Prompt]"),  # its own text has an address
        dict[str, dict[str, list[Message]]], dict[str, SecretRef], dict[str, Region],
        dict[str, list[str] | SecretRef] | None, TypeAliasType("Names", list[str]),
    ],
)  # fmt: skip
def test_a_field_may_have_any_type_that_json_holds(annotation: Any) -> None:
    assert issubclass(defined_with(annotation), ModelConfig)


class Plain:
    """A class that pydantic doesn't know."""


ANYTHING = "or JsonValue for whatever JSON holds"
LIST_OF_SECRETS = "a list's items have no names that the secret's parameter could have: write "


@pytest.mark.parametrize(
    ("annotation", "instead"),
    [
        (bytes, "bytes: write str, such as Base64"),
        (tuple[int, int], "tuple[int, int]: write list[int]"),
        (tuple[int, str], "tuple[int, str]: write list[JsonValue]"),
        (tuple[Message, ...], "tuple[Message, ...]: write list[Message]"),
        (set[str], "set[str]: write list[str]"),
        (tuple[Annotated[int, Field(ge=0)], ...], "write list[int]"),
        (dict[str, set[Message]], "set[Message]: write list[Message]"),
        (Sequence[str], "Sequence[str]: write list[str]"),
        (Mapping[str, int], "Mapping[str, int]: write dict[str, int]"),
        (date, "date: write str"),
        (list[date], "date: write str"),
        (Decimal, "Decimal: write str"),
        (Path, "Path: write str"),
        (HttpUrl, "HttpUrl: write str"),
        (SecretStr, "SecretStr: write SecretRef"),
        (Any, "Any: write JsonValue"),
        (object, "object: write JsonValue"),
        (list, "list: write list[JsonValue]"),
        (dict, "dict: write dict[str, JsonValue]"),
        (dict[int, str], "dict[int, str]: write dict[str, str]"),
        (dict[Level, str], "dict[Level, str]: write dict[str, str]"),
        (Coordinate, "class Coordinate(Group) with these fields, or dict[str, JsonValue]"),
        (list[Point], "class Point(Group) with these fields, or dict[str, JsonValue]"),
        (Line, "class Line(Group) with these fields, or dict[str, JsonValue]"),
        (Row, "Group as the base class of Row, or dict[str, JsonValue]"),
        (str | bytes, "bytes: write str, such as Base64"),
        (Coordinates, "a value can't be tuple: write a str, int, float, bool or None"),
        (Literal[b"a"], "a value can't be bytes: write a str, int, float, bool or None"),
        (complex, ANYTHING),
        (Plain, ANYTHING),
        (list[SecretRef], LIST_OF_SECRETS + "dict[str, SecretRef] instead"),
        (list[Deployment], LIST_OF_SECRETS + "dict[str, Deployment] instead"),
        (dict[str, list[Region]], LIST_OF_SECRETS + "dict[str, Region] instead"),
        (list[dict[str, SecretRef]], LIST_OF_SECRETS + "dict[str, dict[str, SecretRef]] instead"),
    ],
    ids=str,
)
def test_any_other_type_is_refused_with_the_one_to_write_when_the_class_is_defined(
    annotation: Any, instead: str
) -> None:
    with pytest.raises(SchemaError, match=r"^Mine\.field: ") as refusal:
        defined_with(annotation)
    assert instead in str(refusal.value)


def test_a_class_that_holds_itself_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"^Rule\.all_of: its type refers to itself: write Json"):

        class Rule(Group):
            all_of: list[Rule] = Field([])


def test_a_class_may_be_defined_after_the_one_that_holds_it() -> None:
    class Outer(Group):
        inner: list[Later]

    class Later(Group):
        x: int

    assert defined_with(Outer)(field={"inner": [{"x": 1}]}).model_dump() == {
        "field": {"inner": [{"x": 1}]}
    }


NAMES = [
    "keys", "items", "values", "get", "update", "copy", "json", "schema", "dict", "validate",
    "fields", "construct", "index", "count", "format", "name", "type", "parts", "digest",
    "parse_obj", "from_orm", "release", "model_id",
]  # fmt: skip


def test_a_field_may_have_a_name_that_a_dict_or_pydantic_has_too() -> None:
    for default in (..., "a"):
        names: Any = dict.fromkeys(NAMES, (str, default))
        group = create_model("Inner", __base__=Group, **names)
        groups: Any = dict.fromkeys(NAMES, (group, ...))
        values = dict.fromkeys(NAMES, "x")
        config = create_model("Mine", __base__=ModelConfig, **groups)(
            **dict.fromkeys(NAMES, group(**values))
        )
        assert config_of(config) == dict.fromkeys(NAMES, values)
        assert len(list(leaves(config))) == len(NAMES) ** 2
        assert type(config).model_validate(config_of(config)) == config


@pytest.mark.parametrize("name", ["model_fields", "model_dump", "model_validate", "model_copy"])
def test_a_name_that_pydantic_needs_is_refused_by_name(name: str) -> None:
    with pytest.raises(SchemaError, match=rf"^Mine\.{name}: pydantic has this name itself"):
        create_model("Mine", __base__=ModelConfig, **{name: (str, "x")})


class Level(Enum):
    UNKNOWN = None
    LOW = 1


def test_an_alias_and_a_none_that_is_no_default_are_refused() -> None:
    # The field's name is the parameter's.
    with pytest.raises(SchemaError, match=r"Mine\.field: it has an alias"):
        create_model("Mine", __base__=ModelConfig, field=(str, Field(alias="other")))
    alias, cache = TypeAliasType("alias", int | None), Literal["5m", None]  # noqa: PYI061
    for kind, default in ((int | None, 5), (alias, 5), (cache, "5m"), (Level, Level.LOW)):
        match = r"Mine\.field: it may be None and has another default"
        with pytest.raises(SchemaError, match=match):
            create_model("Mine", __base__=ModelConfig, field=(kind, default))


def test_values_without_a_field_would_be_lost_and_are_refused() -> None:
    with pytest.raises(SchemaError, match=r"^Open: with .* would be lost"):
        type("Open", (ModelConfig,), {"model_config": ConfigDict(extra="allow")})


def test_the_member_of_a_union_is_chosen_by_its_discriminator() -> None:
    class Web(Group):
        kind: Literal["web"] = "web"

    class File(Group):
        kind: Literal["file"] = "file"
        key: SecretRef | None = None

    kind: Any = Annotated[Web | File, Field(discriminator="kind")]
    search = create_model("Search", __base__=ModelConfig, source=(kind, ...))(source=File())
    assert config_of(search) == {"source": {"kind": "file"}}
    assert problems(type(search), source={"kind": "x"})[0][0] == "source"


# Lists and dicts


def problems(config: type[ModelConfig], **values: Any) -> list[tuple[str, str]]:
    """Return the path and the message of each problem."""
    with pytest.raises(ValidationError) as refusal:
        config(**values)
    return [("/".join(map(str, each["loc"])), each["msg"]) for each in refusal.value.errors()]


class Mine(ModelConfig):
    messages: list[Message] = Field([])
    deployments: dict[str, Deployment] = Field({})
    headers: dict[str, SecretRef | str] = Field({})


def test_each_wrong_item_is_found_at_its_place() -> None:
    messages = [
        Message(role="user", content="Hi"),
        {"role": "usr", "content": "{{a b}}"},
        {"contnt": "x"},
    ]
    found = problems(Mine, messages=messages, deployments={"eu": {}})
    assert [path for path, _ in found] == [
        "messages/1/role", "messages/1/content", "messages/2/role", "messages/2/content",
        "messages/2/contnt", "deployments/eu/model",
    ]  # fmt: skip


def test_the_keys_above_a_secret_are_segments_of_its_name() -> None:
    key = SecretRef("key")
    assert Mine(
        headers={"X-Api_Key.2": key, "any text/": "x"}, deployments={"a b": Deployment(model="m")}
    )
    deployments = {"a/b": Deployment(model="m", api_key=key)}
    (first, _), (second, _) = found = problems(Mine, headers={"a b": key}, deployments=deployments)
    assert (first, second) == ("deployments/a/b/api_key", "headers/a b")
    assert 'above a SecretRef, a key has only letters, digits, "_", "-" and "."' in found[0][1]


def test_a_secret_that_a_subclass_brings_into_a_list_is_refused() -> None:
    class Secretive(Message):
        token: SecretRef

    message = Secretive(role="user", content="x", token=SecretRef("key"))
    ((path, problem),) = problems(Mine, messages=[message])
    assert path == "messages/0/token"
    assert "can't stand below a list" in problem


def test_keys_that_validation_makes_one_are_refused() -> None:
    class Stripped(ModelConfig):
        model_config = ConfigDict(str_strip_whitespace=True)

        maps: list[dict[str, int]]

    assert problems(Stripped, maps=[{}, {"a": 1, "a ": 2}]) == [
        ("maps", "Value error, two keys in maps are the same once they are validated")
    ]
    assert problems(Stripped, maps=[{1: 1}])[0][0] == "maps/0/1/[key]"

    class More(Stripped):
        more: dict[str, int]

    twice = {"a": 1, "a ": 2}
    assert [path for path, _ in problems(More, maps=[twice], more=twice)] == ["maps", "more"]


# Secrets


def test_a_secret_is_named_by_a_config_key_and_what_is_none_is_not_shown() -> None:
    for key in ("supportChatApiKey", "a", "api-key_2.x"):
        assert SecretRef(key).config_key == key
    for key in ("", "2fast", "model-config:key", "sk live 42", "sk/live/42", "k\n"):
        with pytest.raises(SchemaError, match="such as SecretRef") as refusal:
            SecretRef(key)
        assert "42" not in str(refusal.value)


def test_no_refusal_shows_the_value_that_was_given() -> None:
    with pytest.raises(ValidationError, match="a secret's value never goes here") as refusal:
        ChatModel(provider="p", model_id="m", prompts=Prompts(system="s"), api_key="sk-live-42")  # type: ignore[arg-type]
    assert "sk-live" not in str(refusal.value)
    with pytest.raises(ValidationError) as refusal:
        Generation(temperature="sk-live-42")  # type: ignore[arg-type]
    assert "sk-live" not in str(refusal.value)


# Values


def test_a_wrong_value_a_wrong_name_and_a_change_are_refused() -> None:
    own = defined_with(float)
    for number in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(ValidationError, match="finite number"):
            own(field=number)
    with pytest.raises(ValidationError, match="frozen"):
        CallLimits().max_retries = 5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="temprature"):
        Generation(temprature=0.2)  # type: ignore[call-arg]


# Prompts


def test_a_prompt_is_any_text_with_placeholders_but_an_empty_one() -> None:
    own = defined_with(Prompt | None)
    for text in (
        "{{name}}",
        "{{ name }} {{_b1}}",
        '{"a": {"b": {}}}',
        "{name} }} {",
        " text ",
        "{% if %}",
    ):
        assert Prompts(system=text, templates={"a": text}).model_dump() == {
            "system": text, "templates": {"a": text},
        }  # fmt: skip
        assert own(field=text).model_dump() == {"field": text}
    for text in ("", " ", "\n\t"):
        for values in ({"system": text}, {"system": "s", "templates": {"a": text}}):
            with pytest.raises(ValidationError, match="the prompt is empty"):
                Prompts.model_validate(values)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{{first name}}", "line 1, column 1 of the text"),
        ("Hi {{name}},\n  {{ user.name }}", "line 2, column 3 of the text"),
        ("{{{name}}}", "line 1, column 1 of the text"),
        ("{{name}", "line 1, column 1 of the text"),
        ("{{a b}}" * 3, "line 1, column 1; line 1, column 8; line 1, column 15 of the text"),
        ("{{ " * 50_000, "line 1, column 1; line 1, column 4; line 1, column 7; … of the text"),
        (r"\\{{a b}}", "line 1, column 3 of the text"),
    ],
)
def test_other_braces_in_a_prompt_are_refused_with_their_place(text: str, place: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Prompts(system=text)
    assert f"does not begin a placeholder ({place}): write {{{{name}}}}" in str(refusal.value)


def test_a_prompt_that_is_no_template_is_marked_by_one_word() -> None:
    text = r"Write \frac{{a}}{b}, <div style={{ color }}> and ${{ github.sha }}."
    prompts = Prompts(system=Verbatim(text), templates={"a": Verbatim(text), "b": "{{x}}"})
    assert prompts.model_dump() == {"system": text, "templates": {"a": text, "b": "{{x}}"}}
    assert templates_of(prompts) == ["templates/b"]
    assert templates_of(Prompts.model_validate(dict(prompts))) == ["templates/b"]


# Texts in files


def test_a_texts_line_ends_are_the_same_on_every_machine(tmp_path: Path) -> None:
    for content, text in (
        (b"one\ntwo\n", "one\ntwo"),
        (b"one\r\ntwo\r\n", "one\ntwo"),
        (b"two line ends\n\n", "two line ends\n"),
        (b"none", "none"),
        ("Grüße {{name}} 😀".encode(), "Grüße {{name}} 😀"),
        (b"", ""),
        (b"\xef\xbb\xbfHello\n", "Hello"),  # a byte order mark is no part of it
    ):
        (tmp_path / "prompt.md").write_bytes(content)
        assert text_beside(str(tmp_path / "module.py"), "prompt.md") == text


def test_a_text_that_is_missing_or_not_utf_8_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"^prompt\.md beside chat\.py: No such file"):
        text_beside(str(tmp_path / "chat.py"), "prompt.md")
    (tmp_path / "prompt.md").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(SchemaError, match=r"^prompt\.md is not UTF-8 \(byte 2\)$"):
        text_beside(str(tmp_path / "chat.py"), "prompt.md")
