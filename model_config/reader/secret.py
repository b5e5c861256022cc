"""Wraps a secret's text, so that it is shown only by an explicit call."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from model_config.format.errors import SecretUnavailableError

_MASK = "**********"


class Secret:
    """A secret. `reveal()` is the only way to its text.

    Printing, formatting, logging, `vars()` and a traceback with local variables show a mask.
    `json.dumps` and pickle raise a TypeError. A secret equals only itself.
    """

    # A function rather than the text, so that tools that inspect attributes find no text, and so
    # that an unavailable secret raises an error when it is revealed.
    __slots__ = ("_reveal",)

    def __init__(self, reveal: Callable[[], str]) -> None:
        self._reveal = reveal

    def reveal(self) -> str:
        """Return the secret's text.

        Raises:
            SecretUnavailableError: the configuration has no secrets: it comes from a fallback or a
                pickle, or from a reader with `secrets=False`.
        """
        return self._reveal()

    def __repr__(self) -> str:
        return f"Secret('{_MASK}')"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __getstate__(self) -> NoReturn:  # called by pickle
        raise TypeError("a Secret can't be pickled: call reveal() where its text is needed")


def secret_of(text: str) -> Secret:
    """Return a text as a secret."""
    return Secret(lambda: text)


def locked_secret(name: str, why: str) -> Secret:
    """Return a secret without its text. Revealing it raises an error with the reason."""

    def refuse() -> str:
        raise SecretUnavailableError(f"the secret {name} can't be revealed: {why}")

    return Secret(refuse)
