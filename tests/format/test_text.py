"""Invisible characters are shown by their code points, unless an emoji or a script needs them."""

from __future__ import annotations

import pytest

from model_config.format.text import invisible, one_line, visible

TAGS = "".join(chr(0xE0000 + ord(letter)) for letter in "gbeng")
FLAG_OF_ENGLAND = f"\U0001f3f4{TAGS}\U000e007f"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hi.\U000e0061", "Hi.U+E0061"),
        ("br\u200bie\u2060f", "brU+200BieU+2060f"),
        ("\ufeffBOM, soft\u00adhyphen", "U+FEFFBOM, softU+00ADhyphen"),
        ("a\u202eb\u2066c\u200e", "aU+202EbU+2066cU+200E"),
        ("join\u200ded", "joinU+200Ded"),
        ("a\ufe0f 7\ufe0f", "aU+FE0F 7U+FE0F"),
        ("\U0001f600\ufe0f\ufe0f", "\U0001f600\ufe0fU+FE0F"),
        ("\U0001f600\U000e0101", "\U0001f600U+E0101"),
        ("\u0646\u200c\u200c", "\u0646\u200cU+200C"),
        (f"{FLAG_OF_ENGLAND}\U000e0061", f"{FLAG_OF_ENGLAND}U+E0061"),
        (f"\U0001f3f4{TAGS}", "\U0001f3f4U+E0067U+E0062U+E0065U+E006EU+E0067"),
        ("one\u2028two\u3164three", "oneU+2028twoU+3164three"),
        ("\x1b[2J\r", "\\x1b[2J\\r"),
    ],
)
def test_what_nobody_sees_is_shown_by_its_code_point(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "plain\ttext,\nna\u00efve \u2014 \u201cquoted\u201d",
        "family \U0001f468\u200d\U0001f469\u200d\U0001f467, heart \u2764\ufe0f\u200d\U0001f525",
        "doctor \U0001f469\U0001f3fd\u200d\u2695\ufe0f, keycap 1\ufe0f\u20e3, \u2122\ufe0f",
        FLAG_OF_ENGLAND,
        "Persian \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "Hindi \u0915\u094d\u200d\u0937, \u0915\u094d\u200c\u0937",
        "Hebrew \u05e9\u05dc\u05d5\u05dd\u200f!",
        "Khmer \u1780\u200b\u1781",
        "Japanese \u8fbb\U000e0100",
        "Mongolian \u1820\u180b",
    ],
)
def test_what_an_emoji_or_a_script_needs_stays(text):
    assert visible(text) == text
    assert invisible(text) == []


def test_each_invisible_character_has_a_place():
    text = f"Be helpful.\U000e0061\n{FLAG_OF_ENGLAND}\nBe br\u200bie\u2060f.\r\n"
    assert invisible(text) == [(1, 12, "U+E0061"), (3, 6, "U+200B"), (3, 9, "U+2060")]


def test_a_value_on_one_line_is_visible_json():
    assert one_line({"a": "5\u200b", "b": 5}) == '{"a": "5U+200B", "b": 5}'
