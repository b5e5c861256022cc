"""A secret's text, wrapped so that it is seen only where someone asks for it by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from model_config.format.errors import SecretUnavailableError

_MASK = "**********"


class Secret:
    """A secret. `reveal()` is the only way to its text.

    Printing, formatting, logging, `vars()` and a traceback with local variables show a mask;
    `json.dumps` and pickle refuse. Two are equal only if they are the same object.
    """

    # A function rather than the text, so that tools which walk attributes find no text either,
    # and so that a secret which can't be had says so at the moment it is wanted.
    __slots__ = ("_reveal",)

    def __init__(self, reveal: Callable[[], str]) -> None:
        self._reveal = reveal

    def reveal(self) -> str:
        """Return the secret's text.

        Raises:
            SecretUnavailableError: the configuration came from a fallback, which has none.
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

    def __getstate__(self) -> NoReturn:  # what pickle would save
        raise TypeError("a Secret can't be pickled: call reveal() where its text is needed")


def secret_of(text: str) -> Secret:
    """Return a text as a secret."""
    return Secret(lambda: text)


def locked_secret(name: str, why: str) -> Secret:
    """Return a secret that can't be had, and says why when it is wanted."""

    def refuse() -> str:
        raise SecretUnavailableError(f"the secret {name} can't be revealed: {why}")

    return Secret(refuse)
