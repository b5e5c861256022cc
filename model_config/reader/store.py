"""The request that a reader makes of SSM, with its limits, and its errors in our words."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ConnectionClosedError

from model_config.format.errors import CredentialsError, ModelConfigError, StoreUnavailableError
from model_config.reader.aws_errors import FAILURES, UNREADABLE, translate, unreadable_answer
from model_config.reader.connection import Connection, OwnClient
from model_config.reader.source import Stored

#: Names in one request (SSM API reference, GetParameters).
BATCH = 10

_USUAL = Connection()
_WHOLE = {"Name", "Version", "Value"}


class Store:
    """SSM's Parameter Store.

    Without a client it makes its own at the first request, from botocore's usual settings; and a
    new one when the credentials are refused, so that renewed ones are picked up.

    Args:
        client: a boto3 client for SSM of your own, with its own timeouts.
        connection: how its own is made.

    Every method raises the family of `StoreError`, or ModelNotFoundError where SSM says so, or
    UsageError where no client can be made as things are set.
    """

    def __init__(self, client: Any = None, connection: Connection = _USUAL) -> None:
        self._given, self._connection = client, connection
        self._own: OwnClient | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give up connections; the next request opens new ones. A forked child must."""
        # Also the lock: a thread that doesn't exist in a forked child may hold it.
        self._lock = threading.Lock()
        self._give_up_own()
        if hasattr(self._given, "close"):
            self._given.close()  # its connections; it opens new ones

    def get(self, names: Sequence[str]) -> dict[str, Stored]:
        """Return parameters, decrypted, by their bare name; those that don't exist are left out.

        Args:
            names: "name", "name:7" or "name:label"; of one name, one form only.
        """
        wanted = list(dict.fromkeys(names))
        return {
            stored.name: stored
            for start in range(0, len(wanted), BATCH)
            for stored in self._get_batch(wanted[start : start + BATCH])
        }

    # One batch a call, so that no frame holds a secret's text while another request fails.
    def _get_batch(self, names: list[str]) -> list[Stored]:
        try:
            found = self._read(names)
        except StoreUnavailableError as error:
            # A connection that was idle for long, or frozen, may have been closed meanwhile.
            # Reading once more does no harm, and takes another one.
            if not isinstance(error.__cause__, ConnectionClosedError):
                raise
            found = self._read(names)
        if not all(each.keys() >= _WHOLE for each in found):
            raise unreadable_answer("ssm:GetParameters", names)
        return [Stored(each["Name"], each["Version"], each["Value"]) for each in found]

    def _read(self, names: list[str]) -> list[dict[str, Any]]:
        return self._list("get_parameters", names, Names=names, WithDecryption=True)[0]

    def _list(
        self, operation: str, about: Sequence[str], **wanted: Any
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return the parameters in an answer, and the token of the next page if there is one."""
        answer = self._ask(operation, about, **wanted)
        if not isinstance(answer.get("Parameters"), list):
            # botocore takes half a reply, or a proxy's page, for an answer with nothing in it.
            raise unreadable_answer(_action(operation), about)
        return answer["Parameters"], answer.get("NextToken")

    def _ask(self, operation: str, about: Sequence[str], **wanted: Any) -> dict[str, Any]:
        action = _action(operation)
        try:
            answer: dict[str, Any] = getattr(self._client(), operation)(**wanted)
        except (*FAILURES, OSError) as error:
            problem = translate(error, action, about)
            if isinstance(problem, CredentialsError):
                self._give_up_own()
            raise problem from error
        except ModelConfigError:  # it may be a ValueError, too
            self._give_up_own()
            raise
        except UNREADABLE:
            # Not the cause: it may hold the bytes of the answer, and so a secret's.
            raise unreadable_answer(action, about) from None
        return answer

    def _client(self) -> Any:
        if self._given is not None:
            return self._given
        with self._lock:
            if self._own is None:
                self._own = self._connection.open()
            own = self._own
        own.check_credentials()
        return own.client

    def _give_up_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.client.close()


def _action(operation: str) -> str:
    """Return a request's name as IAM has it."""
    return f"ssm:{operation.title().replace('_', '')}"
