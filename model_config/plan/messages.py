"""The wording of findings: pydantic's messages, and suggestions for misspelled names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


def message_of(detail: Mapping[str, Any]) -> str:
    """Return pydantic's message about one value, to go on with in a sentence."""
    if detail["type"] == "extra_forbidden":
        return "there is no field of that name"
    text = str(detail["msg"])
    from_validator = text.removeprefix("Value error, ")
    return text[:1].lower() + text[1:] if from_validator == text else from_validator


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a misspelled one, if any is."""
    names = sorted(known)
    same = (other for other in names if form(other) == form(name))
    return next(iter((*same, *get_close_matches(name, names, n=1))), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean "..."?` if a known name is close, otherwise the known names."""
    names = sorted(known)
    if close := closest(name, names):
        return f'did you mean "{close}"?'
    return f"known names: {', '.join(names)}" if names else "there are none"


def form(name: str) -> str:
    """Return a name without what people write differently: case, underscores and dashes."""
    return name.casefold().replace("_", "").replace("-", "")
