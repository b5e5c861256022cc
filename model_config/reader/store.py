"""Reads parameters from SSM, in batches, and translates its errors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ConnectionClosedError

from model_config.format.errors import CredentialsError, ModelConfigError, StoreUnavailableError
from model_config.reader.aws_errors import FAILURES, UNREADABLE, translate, unreadable_answer
from model_config.reader.connection import Connection, OwnClient
from model_config.reader.source import Stored

#: The most names in one request (SSM API reference, GetParameters).
BATCH = 10

_DEFAULT = Connection()
_REQUIRED_KEYS = {"Name", "Version", "Value"}


class Store:
    """SSM's Parameter Store.

    Without a client, it creates one at the first request, from botocore's usual settings. If the
    credentials are refused, it creates a new one, which picks up renewed credentials.

    Args:
        client: a boto3 client for SSM, with its own timeouts.
        connection: the settings of the client that it creates.

    Every method raises `StoreError` or a subclass, ModelNotFoundError or ReleaseNotFoundError if
    SSM doesn't find a parameter, and UsageError if no client can be created.
    """

    def __init__(self, client: Any = None, connection: Connection = _DEFAULT) -> None:
        self._given, self._connection = client, connection
        self._own: OwnClient | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close connections. The next request opens new ones. A forked child must call it."""
        # The lock, too, is new: a thread that doesn't exist in a forked child may hold it.
        self._lock = threading.Lock()
        self._give_up_own()
        if hasattr(self._given, "close"):
            self._given.close()  # closes its connections; it opens new ones itself

    def get(self, names: Sequence[str]) -> dict[str, Stored]:
        """Return decrypted parameters by their bare name, leaving out those that don't exist.

        Args:
            names: "name", "name:7" or "name:label", and only one form of each name.
        """
        wanted = list(dict.fromkeys(names))
        return {
            stored.name: stored
            for start in range(0, len(wanted), BATCH)
            for stored in self._get_batch(wanted[start : start + BATCH])
        }

    # One batch in each call, so that no frame holds a secret's text when another request fails.
    def _get_batch(self, names: list[str]) -> list[Stored]:
        try:
            found = self._read(names)
        except StoreUnavailableError as error:
            # The connection may have been closed while it was idle, or the process frozen. A second
            # attempt opens a new one.
            if not isinstance(error.__cause__, ConnectionClosedError):
                raise
            found = self._read(names)
        if not all(each.keys() >= _REQUIRED_KEYS for each in found):
            raise unreadable_answer("ssm:GetParameters", names)
        return [Stored(each["Name"], each["Version"], each["Value"]) for each in found]

    def _read(self, names: list[str]) -> list[dict[str, Any]]:
        return self._list("get_parameters", names, Names=names, WithDecryption=True)[0]

    def _list(
        self, operation: str, about: Sequence[str], **wanted: Any
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return the parameters in an answer, and the token of the next page, if any."""
        answer = self._ask(operation, about, **wanted)
        if not isinstance(answer.get("Parameters"), list):
            # botocore parses an incomplete reply, or a proxy's page, as an empty answer.
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
        except ModelConfigError:  # before UNREADABLE, as it may be a ValueError
            self._give_up_own()
            raise
        except UNREADABLE:
            # Without its cause, which may hold the bytes of the answer, and so a secret.
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
    """Return the IAM action of a request."""
    return f"ssm:{operation.title().replace('_', '')}"
