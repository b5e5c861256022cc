"""Finds outputs of a stack that show the text of a secret, or a whole resource."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

# Shorter texts are often part of other texts by chance, so they are compared as a whole.
_MIN_LENGTH = 8


def spellings(stored: object) -> Iterator[str]:
    """Yield a secret as it is stored, and its original text if it is stored as JSON."""
    if isinstance(stored, str) and stored:
        yield stored
        with suppress(
            ValueError
        ):  # other programs may store a text that begins with a quotation mark
            if stored.startswith('"'):
                yield json.loads(stored)


def exposed(value: Any, secrets: set[str], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each output that shows a secret, and the problem."""
    if isinstance(value, Mapping):
        if {"urn", "id"} <= value.keys():
            yield path, "is a whole resource with its secret properties: export single properties"
        for key, item in value.items():
            yield from exposed(item, secrets, f"{path}.{key}" if path else key)
    elif isinstance(value, str):
        if any(_holds(value, secret) for secret in secrets):
            yield path, "holds the text of a secret"
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from exposed(item, secrets, f"{path}[{index}]")


def _holds(text: str, secret: str) -> bool:
    return secret in text if len(secret) >= _MIN_LENGTH else secret == text
