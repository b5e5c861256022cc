"""Every value comes back exactly, and nothing is stored that SSM refuses."""

from __future__ import annotations

import functools
import json
import random
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_config.format.codec import Value, decode, encode, size_in_bytes, split, split_at_lines
from model_config.format.errors import CodecError

quickly = settings(max_examples=40)

# Any Unicode text, and texts of nothing but what the codec treats in a way of its own.
TEXTS = st.text() | st.text('{}"\\u07b \t\r\n\x00\x1f\x7f\x85é語😀')
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def exactly(value: Value) -> str:
    """Tell 1, 1.0, -0.0 and True from one another, which == doesn't."""
    return json.dumps(value, sort_keys=True)


def as_another_language_reads_it(text: str, value: Value) -> Value:
    """Follow the design's rule with a JSON parser alone."""
    is_plain_text = isinstance(value, str) and not text.startswith('"')
    return text if is_plain_text else json.loads(text)


def is_mangled(character: str) -> bool:
    return unicodedata.category(character) == "Cc" and character not in "\t\n\r"


@quickly
@given(TEXTS | VALUES)
def test_every_value_comes_back_exactly_and_stored_is_nothing_that_ssm_refuses(value: Any) -> None:
    text = encode(value)
    assert exactly(decode(text, "text" if isinstance(value, str) else "json")) == exactly(value)
    assert exactly(as_another_language_reads_it(text, value)) == exactly(value)
    assert text
    assert "{{" not in text
    assert not any(map(is_mangled, text))


# What stands in the store


@pytest.mark.parametrize(
    "text",
    ["plain", "5", "true", '{"a":1}', "{ {", "it ends in {", "}}", " ", "a\tb\r\nc\n", 'say "hi"',
     "日本語 😀", "\u2028", "\\u007b{"],
)  # fmt: skip
def test_an_ordinary_text_stands_as_itself(text: str) -> None:
    assert encode(text) == text


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("", '""'),
        ('"quoted"', r'"\"quoted\""'),
        ("Hello {{name}}!", r'"Hello \u007b{name}}!"'),
        ("{{{", r'"\u007b\u007b{"'),
        ("{{a}}\n{{b}}", r'"\u007b{a}}\n\u007b{b}}"'),
        ("bell\x07", r'"bell\u0007"'),
        ("delete\x7f next line\x85", r'"delete\u007f next line\u0085"'),
        (True, "true"),
        (1, "1"),
        (1.0, "1.0"),
        (0.2, "0.2"),
        ([], "[]"),
        ({}, "{}"),
        ({"b": [1, "ü"], "a": None}, '{"b":[1,"ü"],"a":null}'),
        ({"{{k}}": "{{v}}"}, r'{"\u007b{k}}":"\u007b{v}}"}'),
        # RFC 8785, section 3.2.2.3, and ECMAScript's Number.MAX_SAFE_INTEGER
        ([9007199254740991, -9007199254740991], "[9007199254740991,-9007199254740991]"),
    ],
)
def test_everything_else_stands_as_compact_json(value: Value, stored: str) -> None:
    assert encode(value) == stored


# Refused


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("\ud800", "half of a surrogate pair at character 0"),
        ("sk-live😀\udc00", "half of a surrogate pair at character 8"),
        ({"\udfff": 1}, "surrogate"),
        (float("nan"), "nan is not a JSON number"),
        (float("inf"), "inf is not a JSON number"),
        ([-float("inf")], "-inf is not a JSON number"),
        (2**53, "2\\^53-1"),
        (-(2**53), "2\\^53-1"),
        ({"a": [2**53]}, "2\\^53-1"),
        ({1: "a"}, "a dict key that is not a string"),
        ({"a": {None: 1}}, "a dict key that is not a string"),
        (b"bytes", "type bytes"),
        ((1, 2), "type tuple"),
        ([{1, 2}], "type set"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_the_reason_alone(value: Any, reason: str) -> None:
    with pytest.raises(CodecError, match=reason) as refusal:
        encode(value)
    assert "sk-live" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("{", "json"), ("plain", "json"), ('"cut', "text"), ('"a" b', "text"), ("[" * 99_999, "json")],
)
def test_a_text_that_encode_never_writes_is_no_value(text: str, kind: Any) -> None:
    with pytest.raises(CodecError, match=f"the stored {kind} is not valid JSON"):
        decode(text, kind)


# Parts


@quickly
@given(st.text(min_size=1), st.integers(4, 20))
def test_parts_join_to_the_text_and_none_is_empty_or_too_large(text: str, size: int) -> None:
    parts = split(text, size)
    assert "".join(parts) == text
    assert all(1 <= len(part.encode()) <= size for part in parts)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("x" * 4096, [4096]),
        ("x" * 4097, [4096, 1]),
        ("é" * 2048, [4096]),
        ("é" * 2049, [4096, 2]),
        ("語" * 1366, [4095, 3]),  # 1,365 characters of three bytes: the next would end at 4,098
        ("😀" * 1025, [4096, 4]),
        ("x" + "😀" * 1024, [4093, 4]),
        ("x" * 4095 + "é", [4095, 2]),
    ],
)
def test_a_part_is_as_full_as_whole_characters_allow(text: str, sizes: list[int]) -> None:
    parts = split(text)
    assert [size_in_bytes(part) for part in parts] == sizes
    assert "".join(parts) == text


# Cuts at line ends


@quickly
@given(st.lists(st.sampled_from(["", "a", "é" * 90, "語😀" * 150])), st.integers(1, 40))
def test_cut_parts_join_to_the_text_and_fit(lines: list[str], times: int) -> None:
    text = "\n".join(lines * times)
    parts = split_at_lines(text)
    assert "".join(parts) == text
    assert all(size_in_bytes(part) <= 4096 for part in parts)


@functools.cache
def prompt() -> tuple[str, ...]:
    """Return the lines of a text of over 100 KB."""
    draw = random.Random(1)  # noqa: S311
    lengths = [draw.choice([0, 20, 60, 90, 300, 700]) for _ in range(600)]
    return tuple(draw.randbytes(length).hex()[:length] for length in lengths)


def test_a_changed_line_of_a_long_text_changes_at_most_four_parts() -> None:
    before = split_at_lines("\n".join(prompt()))
    assert size_in_bytes("\n".join(prompt())) > 100_000
    compared = 0
    for number in range(7, 600, 40):
        for line in ("", "a", "abc " * 20):
            after = split_at_lines("\n".join((*prompt()[:number], line, *prompt()[number + 1 :])))
            if len(after) == len(before):
                compared += 1
                assert sum(old != new for old, new in zip(before, after, strict=True)) <= 4
    assert compared > 20


def test_a_line_at_the_top_of_a_long_text_changes_one_part() -> None:
    before, after = (
        split_at_lines("\n".join([top, *prompt()])) for top in ("Be kind.", "Be brief.")
    )
    assert [old != new for old, new in zip(before, after, strict=True)] == [True] + [False] * (
        len(before) - 1
    )


def test_lines_that_are_all_alike_and_texts_without_any_are_cut_into_few_parts() -> None:
    assert len(split_at_lines("the same line\n" * 7_000)) <= 64
    assert len(split_at_lines("x" * 100_000)) == 25


def test_a_text_that_takes_too_many_cuts_is_cut_at_full_size() -> None:
    text = "".join(f"{number:0900}\n" for number in range(280))
    assert 64 * 3_600 < size_in_bytes(text) < 64 * 4096
    assert list(map(size_in_bytes, split_at_lines(text)[:-1])) == [4096] * 61
