"""What a reader knows about something it was asked for: it is good, stale, too old, or failed.

These are named tuples, as most of the reader's records are: a dataclass takes four times as long
to define, and thirty of them would be a tenth of a cold start.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeAlias, TypeVar

from model_config.format.errors import ModelConfigError, StoreError, StoreUnavailableError

ValueT = TypeVar("ValueT")


class Problem(NamedTuple):
    """Why an attempt failed. Not the error itself: that would keep the frames it passed through.

    Attributes:
        kind: the type to raise.
        text: its text.
        reason: what stays the same while attempts fail for one reason, for the log.
        is_outage: whether AWS could not be asked, rather than asked and refused.
    """

    kind: type[ModelConfigError]
    text: str
    reason: str
    is_outage: bool

    @classmethod
    def of(cls, error: Exception) -> Problem:
        """Return what is worth keeping of an error."""
        cause = error.__cause__ or error
        answer = getattr(cause, "response", {})
        code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
        reason = f"{type(error).__name__} {type(cause).__name__} {code}"
        if isinstance(error, ModelConfigError):
            is_outage = isinstance(error, StoreUnavailableError)
            return cls(type(error), str(error), reason, is_outage)
        text = f"an error that the reader doesn't know: {type(error).__name__}: {error}"
        return cls(StoreError, text, reason, is_outage=False)

    def error(self) -> ModelConfigError:
        """Return an error to raise, a new one for each thread that raises it."""
        return self.kind(self.text)


class Good(NamedTuple, Generic[ValueT]):
    """The last attempt succeeded.

    Attributes:
        value: what is served.
        read_at: when it was asked for.
        ask_at: when to ask again.
    """

    value: ValueT
    read_at: float
    ask_at: float


class Stale(NamedTuple, Generic[ValueT]):
    """The last attempt failed, and there is something to serve: the last good value or a fallback.

    Attributes:
        value, read_at: the last good one, and when it was asked for.
        ask_at: when to ask again, or to look whether it may still be served.
        problem: why the last attempt failed.
        since: when an attempt failed first.
        failures: how many have failed since.
    """

    value: ValueT
    read_at: float
    ask_at: float
    problem: Problem
    since: float
    failures: int


class TooOld(NamedTuple, Generic[ValueT]):
    """The last attempt failed, and the last good value is older than may be served.

    Attributes:
        value, read_at: the last good one, to renew from, and when it was asked for.
        ask_at: when to ask again. Until then, whoever reads gets the problem.
        problem: that it is too old, and why it could not be renewed.
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
        ask_at: when to ask again. Until then, whoever reads gets the problem.
        problem, since, failures: as for `Stale`.
    """

    ask_at: float
    problem: Problem
    since: float
    failures: int


State: TypeAlias = Good[ValueT] | Stale[ValueT] | TooOld[ValueT] | Failed


class Kept(NamedTuple, Generic[ValueT]):
    """A renewal found something that can't be used, and could bring the last good one up to date.

    Attributes:
        value: the last good one, with its secrets as they are now.
        problem: what can't be used.
    """

    value: ValueT
    problem: Problem


#: What came of an attempt.
Result: TypeAlias = ValueT | Kept[ValueT] | Problem
