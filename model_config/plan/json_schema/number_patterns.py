"""Regular expressions for numbers in strings, so that a JSON Schema can check their range.

`pulumi config set` writes numbers as strings: "7", "0.2". Only plain decimals match, without an
exponent. The expressions mean the same in Python and in JavaScript.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

# Few enough digits that converting the text to a float never moves it across a limit.
_WHOLE, _FRACTION = "(0|[1-9][0-9]{0,14})", r"(\.[0-9]{1,9})?"
_BEYOND_ANY_TEXT = 10**15


def number_pattern(schema: Mapping[str, Any]) -> str:
    """Return a pattern for the strings of the numbers that a JSON Schema allows.

    Args:
        schema: has a `type`, "integer" or "number", and limits, such as `minimum`.
    """
    number = f"-?{_WHOLE}" + (_FRACTION if schema["type"] == "number" else "")
    outside = "|".join(_outside(schema))
    return f"^(?!({outside})$){number}$" if outside else f"^{number}$"


def _outside(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield patterns for the numbers outside of the limits."""
    for key in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        limit = Decimal(str(schema.get(key, _BEYOND_ANY_TEXT)))
        if abs(limit) < _BEYOND_ANY_TEXT:
            yield from _beyond(limit, below=key.lower().endswith("minimum"))
            if key.startswith("exclusive"):
                yield _equal(limit)


def _beyond(limit: Decimal, *, below: bool) -> Iterator[str]:
    sign = "-" if limit < 0 else ""
    if below == (limit < 0):  # away from zero
        yield from (sign + text for text in _greater(limit))
    else:
        yield "-.*" if below else "[0-9].*"
        yield from (sign + text for text in _smaller(limit))


def _equal(limit: Decimal) -> str:
    whole, fraction = _digits(limit)
    sign = "-" if limit < 0 else "-?" if limit == 0 else ""
    return rf"{sign}{whole}\.{fraction}0*" if fraction else rf"{sign}{whole}(\.0*)?"


def _smaller(limit: Decimal) -> Iterator[str]:
    """Yield patterns for the numbers smaller than a limit, ignoring all signs."""
    whole, fraction = _digits(limit)
    if len(whole) > 1:
        yield rf"[0-9]{{1,{len(whole) - 1}}}(\..*)?"
    for place, digit in enumerate(whole):
        if digit > "0":
            rest = "[0-9]" * (len(whole) - place - 1)
            yield rf"{whole[:place]}[0-{int(digit) - 1}]{rest}(\..*)?"
    if fraction:
        yield whole
    for place, digit in enumerate(fraction):
        yield rf"{whole}\.{fraction[:place]}"
        if digit > "0":
            yield rf"{whole}\.{fraction[:place]}[0-{int(digit) - 1}][0-9]*"


def _greater(limit: Decimal) -> Iterator[str]:
    """Yield patterns for the numbers greater than a limit, ignoring all signs."""
    whole, fraction = _digits(limit)
    yield rf"[0-9]{{{len(whole) + 1},}}(\..*)?"
    for place, digit in enumerate(whole):
        if digit < "9":
            rest = "[0-9]" * (len(whole) - place - 1)
            yield rf"{whole[:place]}[{int(digit) + 1}-9]{rest}(\..*)?"
    for place, digit in enumerate(fraction):
        if digit < "9":
            yield rf"{whole}\.{fraction[:place]}[{int(digit) + 1}-9][0-9]*"
    yield rf"{whole}\.{fraction}0*[1-9][0-9]*"


def _digits(limit: Decimal) -> tuple[str, str]:
    """Return the digits before and after the decimal point, without trailing zeros."""
    whole, _, fraction = format(abs(limit), "f").partition(".")
    return whole, fraction.rstrip("0")
