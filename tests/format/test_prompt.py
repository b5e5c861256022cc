from __future__ import annotations

import enum
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import model_config
from model_config.format.errors import ModelConfigError, PromptError, UsageError
from model_config.format.prompt import (
    fill,
    fragments,
    matches,
    render,
    stray_braces,
    texts,
    variables,
)

# What a placeholder is


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{a}}", ["a"]),
        ("{{ a }}{{  b}}{{c  }}", ["a", "b", "c"]),
        ("{{_a1}} {{A}} {{a}} {{A}}", ["_a1", "A", "a"]),
        ('{"user":{{user}}}', ["user"]),
        ("{{{a}}}", ["a"]),
        ("{{a}}}}{{b}}", ["a", "b"]),
        ("{{ {{a}} }}", ["a"]),
    ],
)
def test_two_braces_around_an_identifier_are_a_placeholder(text, names):
    assert variables(text) == names


def test_nothing_else_is_a_placeholder():
    for text in (
        *("", "{a}", "{{}}", "{{ }}", "{ {a} }", "{{a}", "{{a} }", "{{1a}}", "{{a b}}", "{{a.b}}"),
        *(
            "{{a|upper}}",
            "{{#a}}{{/a}}",
            "{{'a'}}",
            "{{a\n}}",
            "{{\ta}}",
            "{{\u00a0a}}",
            "{{größe}}",
        ),
        *(
            "{{\u0430}}",
            "{{a\u0301}}",
            "{{\u0661}}",
        ),  # a Cyrillic letter, an accent, an Arabic digit
        '{"a": {"b": 1}}',
        "{% a %} $a ${a} %(a)s",
    ):
        assert variables(text) == []
        assert render(text, {}) == text


# What rendering does


def test_each_placeholder_gets_its_value_which_is_neither_read_again_nor_escaped():
    text = "Hello {{ name }} of {{company}}, {{name}}! {{count}} left."
    values = {"name": "Zoë", "company": "Acme", "count": 3}
    assert render(text, values) == "Hello Zoë of Acme, Zoë! 3 left."
    for value in ("{{b}}", "{{a}}", "\\1\\g<0>", "<&\"'>", "", "\n", "{", "}}"):
        assert render("{{a}}|{{b}}", {"a": value, "b": "B"}) == f"{value}|B"
    assert render("{{{a}}}", {"a": "{b}"}) == "{{b}}"  # which a value completes


class Plan(str, enum.Enum):  # noqa: UP042 - its str() is "Plan.FREE", which a StrEnum's is not
    FREE = "free"


class Seats(int, enum.Enum):
    FEW = 5


def test_an_enums_member_goes_in_as_its_value():
    text = render("{{plan}}{{seats}}", {"plan": Plan.FREE, "seats": Seats.FEW})
    assert text == "free5"
    assert type(render("{{plan}}", {"plan": Plan.FREE})) is str


def test_an_application_fills_a_text_of_its_own_in_the_same_way():
    assert model_config.render(r"\{{a}} {{text}}", text="{{a}}") == "{{a}} {{a}}"
    with pytest.raises(PromptError, match="no value for text"):
        model_config.render("{{text}}")
    with pytest.raises(UsageError, match="text must be a str, not NoneType"):
        model_config.render(None)


# What is refused, all at once


def test_one_error_names_every_variable():
    with pytest.raises(PromptError) as caught:
        render("{{a}} {{b}} {{c}}", {"c": 0.5, "x": "", "y": ""})
    assert str(caught.value) == (
        "no value for a, b; not a variable of the text: x, y (it has a, b, c); "
        "c is of type float: pass a str or an int"
    )
    assert isinstance(caught.value, (ModelConfigError, ValueError))
    with pytest.raises(PromptError, match=r"not a variable of the text: a \(it has none\)"):
        render("text", {"a": ""})


@pytest.mark.parametrize("value", [None, True, 0.1, b"sk-live", ["sk-live"], {}, object()])
def test_a_value_that_can_be_written_in_several_ways_is_refused_and_not_shown(value):
    with pytest.raises(PromptError, match=f"a is of type {type(value).__name__}") as caught:
        render("{{a}}", {"a": value, "b": "sk-live"})
    assert "sk-live" not in str(caught.value)


# Properties

names = st.sampled_from(["a", "_", "B2", "a_b"])
anything = st.text(st.sampled_from("{} ab_1\n\\é"), max_size=12)
no_braces = st.text(st.characters(exclude_characters="{}\\"), max_size=8)


@settings(max_examples=25)
@given(st.lists(st.tuples(no_braces, names, st.sampled_from(["", " ", "   "]), anything)))
def test_text_stays_and_values_go_in_whatever_they_are(pieces):
    values = {name: value for _, name, _, value in pieces}
    template = "".join(f"{text}{{{{{pad}{name}{pad}}}}}" for text, name, pad, _ in pieces)
    assert render(template, values) == "".join(text + values[name] for text, name, _, _ in pieces)
    assert variables(template) == list(values)
    assert not list(stray_braces(template))


@given(anything)
def test_a_text_is_its_fragments_and_asks_for_each_of_its_variables(text):
    found, asked = list(fragments(text)), variables(text)
    assert "".join(each.text for each in found) == text
    assert list(dict.fromkeys(each.variable for each in found if each.variable)) == asked
    assert all(each.text for each in found)
    render(text, dict.fromkeys(asked, ""))
    for name in asked:
        with pytest.raises(PromptError, match=f"no value for {name}"):
            render(text, {other: "" for other in asked if other != name})


@given(anything)
def test_a_text_whose_braces_are_escaped_is_rendered_as_it_was(text):
    escaped = re.sub(r"(\\*)\{\{", lambda found: found[1] * 2 + r"\{{", text)
    assert render(escaped, {}) == text
    assert variables(escaped) == list(stray_braces(escaped)) == []


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        (r"\{{a}}", "{{a}}"),
        (r"\\{{a}}", r"\A"),
        (r"\\\{{a}}", r"\{{a}}"),
        (r"\\\\{{a}}", r"\\A"),
        (r"Write \frac\{{a}}{b} and {{a}}.", r"Write \frac{{a}}{b} and A."),
        (r"<div style=\{{ color }}> \n \{ \\", r"<div style={{ color }}> \n \{ \\"),
        (r"\{{{a}}}", "{{{a}}}"),
    ],
)
def test_of_backslashes_before_two_braces_half_stay_and_an_odd_one_makes_them_text(text, rendered):
    assert render(text, dict.fromkeys(variables(text), "A")) == rendered
    assert not list(stray_braces(text))


def test_much_text_with_braces_takes_little_time():
    for text in ("{{" * 100_000, "\\" * 200_000, "{{" + " " * 200_000, "{" * 200_000 + "a b}}"):
        assert variables(text) == []
        assert len(list(stray_braces(text))) <= 1


def test_json_in_a_prompt_stays_as_it_is():
    text = json.dumps({"a": {}, "b": [{"c": "d", "e": [[1, True]]}], "": {"f": {"g": {}}}})
    assert render(f"Answer like {text}", {}) == f"Answer like {text}"


# Where it is wrong


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("{{a}} {{ b }} }}", []),
        ("{{a b}}", ["line 1, column 1"]),
        ("x\n  {{a.b}} {{c}}\n{{", ["line 2, column 3", "line 3, column 1"]),
        ("{{{a}}}", ["line 1, column 1"]),
        ("{{{{a}}", ["line 1, column 1"]),
    ],
)
def test_braces_that_begin_no_placeholder_are_found_by_line_and_column(text, places):
    assert list(stray_braces(text)) == places


# Where templates stand

CONFIG = {
    "provider": "{{p}}",
    "prompts": {"system": "{{a}} {{b}}", "templates": {"hi": "{{a}}", "a/b": "x"}},
    "n": 1,
    "messages": [{"role": "r", "content": "{{c}}"}, {"role": "r", "content": ["{{d}}", None]}],
    "odd*": {"7": r"\{{ {{e}}"},
}
TEMPLATES = ["prompts/system", "prompts/templates/a/b", "messages/*/content", "odd*/7"]


def test_texts_are_found_by_their_path():
    assert texts(CONFIG) == {
        "provider": "{{p}}",
        "prompts/system": "{{a}} {{b}}",
        "prompts/templates/hi": "{{a}}",
        "prompts/templates/a/b": "x",
        "messages/0/role": "r",
        "messages/0/content": "{{c}}",
        "messages/1/role": "r",
        "messages/1/content/0": "{{d}}",
        "odd*/7": r"\{{ {{e}}",
    }
    assert list(texts(CONFIG, TEMPLATES)) == [
        "prompts/system", "prompts/templates/a/b", "messages/0/content", "odd*/7",
    ]  # fmt: skip
    assert texts(CONFIG, []) == {}


@pytest.mark.parametrize(
    ("path", "pattern", "is_one"),
    [
        ("messages/10/content", "messages/*/content", True),
        ("messages/a/content", "messages/*/content", False),
        ("messages/1/2/content", "messages/*/content", False),
        ("messages/1/content/0/text", "messages/*/content/*/text", True),
        ("a.b", "a.b", True),
        ("axb", "a.b", False),
        ("messages/1", "messages/1", True),
    ],
)
def test_a_star_stands_for_a_position_in_a_list(path, pattern, is_one):
    assert matches(path, [pattern]) is is_one
    assert matches(path, ["other", pattern, "x/*"]) is is_one


def test_every_template_at_or_below_a_path_is_filled_in_a_copy():
    assert fill(CONFIG["messages"], "messages", TEMPLATES, {"c": "C"}) == [
        {"role": "r", "content": "C"},
        {"role": "r", "content": ["{{d}}", None]},
    ]
    assert fill("{{a}} {{b}}", "prompts/system", TEMPLATES, {"a": 1, "b": 2}) == "1 2"
    assert fill(CONFIG["odd*"], "odd*", TEMPLATES, {"e": "{{a}}"}) == {"7": "{{ {{a}}"}
    assert fill("{{p}}", "provider", TEMPLATES, {}) == "{{p}}"
    assert CONFIG["messages"][0]["content"] == "{{c}}"
    with pytest.raises(PromptError, match=r"^no value for b; not a variable of the text: z"):
        fill(CONFIG["prompts"], "prompts", TEMPLATES, {"a": "", "z": ""})
