"""How findings are worded: what pydantic says of a value, and the nearest right name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


def message_of(detail: Mapping[str, Any]) -> str:
    """Return what pydantic says of one value, as the part of a sentence."""
    if detail["type"] == "extra_forbidden":
        return "there is no field of that name"
    text = str(detail["msg"])
    ours = text.removeprefix("Value error, ")
    return text[:1].lower() + text[1:] if ours == text else ours


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a misspelled one is close to, if there is one."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1) or [
        other for other in names if other.casefold() == name.casefold()
    ]
    return close[0] if close else None


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean "..."?` where a known name is close, else the known names."""
    names = sorted(known)
    if close := closest(name, names):
        return f'did you mean "{close}"?'
    return f"known are {', '.join(names)}" if names else "there are none"
