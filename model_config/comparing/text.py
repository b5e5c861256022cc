"""Formatting of texts and values for people."""

from __future__ import annotations

import json
import re

# Control characters and changes of direction could make a terminal show something else.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: "1 model", "1,024 models"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shortened(text: str, room: int) -> str:
    """Return the text in at most `room` characters, with its middle left out if necessary."""
    if len(text) <= room:
        return text
    head = (room - 1) // 3
    return f"{text[:head]}…{text[head + 1 - room :]}"


def one_line(value: object) -> str:
    """Return a value as JSON on one line, which distinguishes "5" from 5."""
    return printable(json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """Return the text with control characters escaped."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def who(arn: str) -> str:
    """Return the identity in an ARN: "anna", "Deployer/build-7", or "-" for moto's "N/A"."""
    if not arn.startswith("arn:"):
        return "-"
    name = arn.split(":", 5)[-1]
    return name.partition("/")[2] or name
