"""The states of a key in a reader's cache: good, stale, too old or failed.

These are named tuples, as most of the reader's records are. A dataclass takes four times as long to
define, and thirty of them would take a tenth of a cold start.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeAlias, TypeVar

from model_config.format.errors import ModelConfigError, StoreError, StoreUnavailableError

ValueT = TypeVar("ValueT")


class Problem(NamedTuple):
    """Why an attempt failed. The error itself isn't kept, because it would keep its frames alive.

    Attributes:
        kind: the type of the error.
        text: its text.
        reason: identifies the cause, so that the log reports each cause once.
        is_outage: whether AWS could not be reached, rather than refused the request.
    """

    kind: type[ModelConfigError]
    text: str
    reason: str
    is_outage: bool

    @classmethod
    def of(cls, error: Exception) -> Problem:
        """Return the problem that an error describes."""
        cause = error.__cause__ or error
        answer = getattr(cause, "response", {})
        code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
        reason = f"{type(error).__name__} {type(cause).__name__} {code}"
        if isinstance(error, ModelConfigError):
            is_outage = isinstance(error, StoreUnavailableError)
            return cls(type(error), str(error), reason, is_outage)
        text = f"an unexpected error: {type(error).__name__}: {error}"
        return cls(StoreError, text, reason, is_outage=False)

    def error(self) -> ModelConfigError:
        """Return a new error, because threads that raise the same one mix their tracebacks."""
        return self.kind(self.text)


class Good(NamedTuple, Generic[ValueT]):
    """The last attempt succeeded.

    Attributes:
        value: the value to serve.
        read_at: when it was requested.
        ask_at: when to renew it.
    """

    value: ValueT
    read_at: float
    ask_at: float


class Stale(NamedTuple, Generic[ValueT]):
    """The last attempt failed. The last good value, or a fallback, is served.

    Attributes:
        value, read_at: the value to serve, and when it was requested.
        ask_at: when to try again, or to check whether the value may still be served.
        problem: why the last attempt failed.
        since: when the first attempt failed.
        failures: the number of failed attempts since then.
    """

    value: ValueT
    read_at: float
    ask_at: float
    problem: Problem
    since: float
    failures: int


class TooOld(NamedTuple, Generic[ValueT]):
    """The last attempt failed, and the last good value is too old to be served.

    Attributes:
        value, read_at: the last good value, for the next renewal, and when it was requested.
        ask_at: when to try again. Until then, reads raise the problem.
        problem: says that the value is too old, and why it could not be renewed.
        since, failures: as for `Stale`.
    """

    value: ValueT
    read_at: float
    ask_at: float
    problem: Problem
    since: float
    failures: int


class Failed(NamedTuple):
    """The last attempt failed, and there is nothing to serve.

    Attributes:
        ask_at: when to try again. Until then, reads raise the problem.
        problem, since, failures: as for `Stale`.
    """

    ask_at: float
    problem: Problem
    since: float
    failures: int


State: TypeAlias = Good[ValueT] | Stale[ValueT] | TooOld[ValueT] | Failed


class Kept(NamedTuple, Generic[ValueT]):
    """A renewal found a release that can't be used, so the last good value is kept.

    Attributes:
        value: the last good value, with its secrets as they are now.
        problem: why the new release can't be used.
    """

    value: ValueT
    problem: Problem


#: The result of an attempt.
Result: TypeAlias = ValueT | Kept[ValueT] | Problem
