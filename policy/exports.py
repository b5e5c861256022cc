"""What a stack's outputs show that they must not: the text of a secret, or a whole resource."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

# Shorter texts stand in too many others by chance; they are compared whole.
_TELLING_LENGTH = 8


def spellings(stored: object) -> Iterator[str]:
    """Yield a secret as it is stored, and as it was given where SSM couldn't hold it so."""
    if isinstance(stored, str) and stored:
        yield stored
        with suppress(ValueError):  # another stack's parameter may begin with a quotation mark too
            if stored.startswith('"'):
                yield json.loads(stored)


def exposed(value: Any, secrets: set[str], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each output that shows a secret, and in what way."""
    if isinstance(value, Mapping):
        if {"urn", "id"} <= value.keys():
            yield path, "is a whole resource, its secret properties included: export what is needed"
        for key, item in value.items():
            yield from exposed(item, secrets, f"{path}.{key}" if path else key)
    elif isinstance(value, str):
        if any(_holds(value, secret) for secret in secrets):
            yield path, "holds the text of a secret"
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from exposed(item, secrets, f"{path}[{index}]")


def _holds(text: str, secret: str) -> bool:
    return secret in text if len(secret) >= _TELLING_LENGTH else secret == text
