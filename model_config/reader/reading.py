"""What one renewal found: a release, and during a rollout the candidate and who gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from model_config.format.errors import UsageError
from model_config.reader.configuration import Configuration
from model_config.reader.states import Problem

if TYPE_CHECKING:  # for a cold start: most readers start outside of a rollout
    from model_config.format.rollout import Rollout
    from model_config.reader.share import Share

#: Bytes of UTF-8 that a unit's key may have: ours. A longer one is a mistake, such as a document.
KEY_BYTES = 1024


class Unfollowed(NamedTuple):
    """A rollout whose candidate can't be used: all units get what the label is on."""

    plan: Rollout
    problem: Problem


class Reading(NamedTuple):
    """What one renewal found.

    Attributes:
        configuration: the release that was asked for.
        rollout: the one under way for its label, if there is one.
    """

    configuration: Configuration
    rollout: Share | Unfollowed | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether it was asked for by number, and read: a number's content never changes."""
        return self.configuration.label is None and not self.configuration.from_fallback

    @property
    def releases(self) -> list[Configuration]:
        """All that it holds: the one that was asked for, and the candidate."""
        if self.rollout is None or isinstance(self.rollout, Unfollowed):
            return [self.configuration]
        return [self.configuration, self.rollout.candidate]

    def serve(self, unit: str, now: float) -> Configuration:
        """Return what a unit gets at a time, in seconds since 1970."""
        if self.rollout is None or isinstance(self.rollout, Unfollowed):
            return self.configuration
        return self.rollout.serve(unit, now)

    def __repr__(self) -> str:
        return repr(self.configuration)


def check_key(key: object) -> str:
    """Return the key of a unit: a user, a tenant, a conversation.

    Raises:
        UsageError: it is not text of 1 to 1,024 bytes. The text is not shown: it may name someone.
    """
    if not isinstance(key, str):
        raise UsageError(f"key is text, such as a user's id, not of type {type(key).__name__}")
    if not key:
        raise UsageError("key is empty: give the id of a user, a tenant or a conversation, or none")
    if not key.isascii() or len(key) > KEY_BYTES:
        _check_bytes(key)
    return key


def _check_bytes(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise UsageError("key holds half of a surrogate pair, which UTF-8 can't") from None
    if size > KEY_BYTES:
        raise UsageError(f"key has {size:,} bytes, and at most {KEY_BYTES:,} can be used")
