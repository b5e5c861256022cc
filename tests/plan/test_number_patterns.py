"""A number as text is held to the same range as the number."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from model_config.plan.json_schema.number_patterns import number_pattern

KEYS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
QUARTERS = [Decimal(number) / 4 for number in range(-84, 85)]


def takes(schema: dict[str, Any], text: str) -> bool:
    return re.search(number_pattern(schema), text, re.ASCII) is not None


def allows(limits: dict[str, Any], number: Decimal) -> bool:
    return Draft202012Validator(limits).is_valid(number)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("limit", QUARTERS[::3], ids=str)
def test_a_text_is_taken_where_its_number_is(key: str, limit: Decimal) -> None:
    pattern = re.compile(number_pattern({"type": "number", key: float(limit)}))
    taken = [number for number in QUARTERS if pattern.search(str(number))]
    assert taken == [number for number in QUARTERS if allows({key: limit}, number)]


@settings(deadline=None)
@given(
    text=st.decimals(0, 10**6, places=4).map(lambda number: format(number, "f")),
    low=st.decimals(0, 10**6, places=3),
    high=st.decimals(0, 10**6, places=3),
)
def test_so_it_is_with_many_digits(text: str, low: Decimal, high: Decimal) -> None:
    limits = {"minimum": float(low), "exclusiveMaximum": float(high)}
    expected = allows({"minimum": low, "exclusiveMaximum": high}, Decimal(text))
    assert takes({"type": "number", **limits}, text) == expected


@pytest.mark.parametrize(
    ("limits", "right", "wrong"),
    [
        ({"minimum": 7, "maximum": 30}, ["7", "19", "30"], ["6", "31", "100", "-7", "07"]),
        ({"minimum": 1, "maximum": 65_536}, ["1", "65536"], ["0", "65537", "70000", "100000"]),
        ({"exclusiveMinimum": 0, "maximum": 1}, ["0.000000001", "1", "1.0"], ["0", "0.0", "1.01"]),
        ({"minimum": 0.05}, ["0.05", "0.050", "0.1", "1"], ["0", "0.0", "0.04", "0.049"]),
        ({"maximum": -1.5}, ["-1.5", "-2"], ["0", "-1", "-1.49", "1.5"]),
        ({"exclusiveMaximum": 0}, ["-1", "-0.1"], ["0", "-0", "-0.0"]),
        ({}, ["0", "-3.25", "999999999999999"], ["", "x", "1e5", "1.", ".5", "+1"]),
    ],
)
def test_both_sides_of_each_limit(
    limits: dict[str, float], right: list[str], wrong: list[str]
) -> None:
    schema = {"type": "number", **limits}
    assert [text for text in right if not takes(schema, text)] == []
    assert [text for text in wrong if takes(schema, text)] == []


def test_an_integer_has_no_fraction() -> None:
    assert takes({"type": "integer"}, "7")
    assert not takes({"type": "integer"}, "7.0")
