"""Why an attempt failed, and exceptions that aren't the reader's to catch."""

from __future__ import annotations

import _thread
import signal
import threading
from typing import Any, NamedTuple

from model_config.format.errors import ModelConfigError, StoreError, StoreUnavailableError


class Problem(NamedTuple):
    """Why an attempt failed. The error itself isn't kept, because it would keep its frames alive.

    Attributes:
        kind, text: the error's type and text.
        reason: identifies the cause, so that the log reports each cause once.
        is_outage: whether AWS could not be reached, rather than refused the request.
    """

    kind: type[ModelConfigError]
    text: str
    reason: str
    is_outage: bool

    @classmethod
    def of(cls, error: BaseException) -> Problem:
        """Return the problem that an error describes, or raise what isn't the reader's."""
        raise_if_a_signals(error)
        cause = error.__cause__ or error
        answer = getattr(cause, "response", {})
        code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
        reason = f"{type(error).__name__} {type(cause).__name__} {code}"
        if isinstance(error, ModelConfigError):
            return cls(type(error), str(error), reason, isinstance(error, StoreUnavailableError))
        text = f"an unexpected error: {type(error).__name__}: {error}"
        return cls(StoreError, text, reason, is_outage=False)

    def error(self) -> ModelConfigError:
        """Return a new error, because threads that raise the same one mix their tracebacks."""
        return self.kind(self.text)


def raise_if_a_signals(error: BaseException | None) -> None:
    """Raise the exception that a signal's handler raised: it belongs to the application.

    Handlers run in the main thread, which makes attempts itself in a reader without threads only.
    """
    if _thread.get_ident() != threading.main_thread().ident:
        return
    handlers = {_code(signal.getsignal(number)) for number in range(1, signal.NSIG)} - {None}
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            raise error
        frames = error.__traceback__
        while frames is not None:
            if frames.tb_frame.f_code in handlers:
                raise error
            frames = frames.tb_next
        error = error.__cause__ or error.__context__


def _code(handler: Any) -> Any:
    handler = getattr(handler, "func", handler)  # of a partial
    handler = getattr(handler, "__func__", handler)  # of a method
    if callable(handler) and not hasattr(handler, "__code__"):
        handler = type(handler).__call__
    return getattr(handler, "__code__", None)
