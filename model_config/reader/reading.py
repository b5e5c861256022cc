"""The result of a renewal: a release, and during a rollout the candidate and its share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from model_config.format.errors import UsageError
from model_config.reader.configuration import Configuration
from model_config.reader.states import Problem

if TYPE_CHECKING:  # for a faster cold start: most readers start outside of a rollout
    from model_config.format.rollout import Rollout
    from model_config.reader.share import Share

#: The most bytes of UTF-8 in a unit's key. Set by this package: a longer key is probably a mistake,
#: such as a whole document.
KEY_BYTES = 1024


class Unfollowed(NamedTuple):
    """A rollout whose candidate can't be used. All units are served the label's release."""

    plan: Rollout
    problem: Problem


class Reading(NamedTuple):
    """The result of a renewal.

    Attributes:
        configuration: the release that was requested.
        rollout: the rollout of its label, if one is under way.
    """

    configuration: Configuration
    rollout: Share | Unfollowed | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether it was read from AWS by number, so that its content never changes."""
        return self.configuration.label is None and not self.configuration.from_fallback

    @property
    def releases(self) -> list[Configuration]:
        """The requested release, and the candidate if there is one."""
        if self.rollout is None or isinstance(self.rollout, Unfollowed):
            return [self.configuration]
        return [self.configuration, self.rollout.candidate]

    def serve(self, unit: str, now: float) -> Configuration:
        """Return the configuration for a unit at a time, in seconds since 1970."""
        if self.rollout is None or isinstance(self.rollout, Unfollowed):
            return self.configuration
        return self.rollout.serve(unit, now)

    def __repr__(self) -> str:
        return repr(self.configuration)


def check_key(key: object) -> str:
    """Return the key of a unit: a user, a tenant or a conversation.

    Raises:
        UsageError: the key is not a str of 1 to 1,024 bytes. The error doesn't show it, because it
            may identify a person.
    """
    if not isinstance(key, str):
        raise UsageError(f"key must be a str, such as a user's id, not {type(key).__name__}")
    if not key:
        raise UsageError("key is empty: pass the id of a user, a tenant or a conversation, or none")
    if not key.isascii() or len(key) > KEY_BYTES:
        _check_bytes(key)
    return key


def _check_bytes(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise UsageError("key has half of a surrogate pair, which UTF-8 can't hold") from None
    if size > KEY_BYTES:
        raise UsageError(f"key has {size:,} bytes; the limit is {KEY_BYTES:,}")
