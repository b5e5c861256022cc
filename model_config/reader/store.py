"""Reads parameters from SSM with boto3, through a client of the application's or its own."""

from __future__ import annotations

import gzip
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError
from botocore.loaders import JSONFileLoader, Loader
from botocore.parsers import ResponseParserError

from model_config.format.errors import (
    CredentialsError,
    ModelConfigError,
    StoreUnavailableError,
    UsageError,
)
from model_config.reader.problems import SIGN_IN, translate, unreadable_answer
from model_config.reader.source import BATCH, Stored

_ACTION = "ssm:GetParameters"
# What boto3 raises when a request fails, and for an answer that is incomplete or not SSM's.
_FAILURES = (BotoCoreError, ClientError, OSError)
_UNREADABLE = (ResponseParserError, AttributeError, LookupError, TypeError, ValueError)
_REQUIRED_KEYS = {"Name", "Version", "Value"}


class Store:
    """SSM's Parameter Store, as a source, through the client given or one of its own.

    If the credentials are refused it looks for others, and creates a new client if there are.
    """

    def __init__(
        self,
        client: Any = None,
        *,
        session: Any = None,
        region: str | None = None,
        connect_timeout: float = 2.0,
        read_timeout: float = 5.0,
    ) -> None:
        self._given, self._session, self._region = client, session, region
        self._config = {
            "connect_timeout": connect_timeout,
            "read_timeout": read_timeout,
            "retries": {"mode": "standard", "total_max_attempts": 1},
        }
        self._loader: _Loader | None = None
        self._own: tuple[Any, Any] | None = None  # a client, and the credentials that it signs with
        self._frozen: Any = None  # what these credentials were
        self._is_refused = False
        self._lock = threading.RLock()  # a signal's handler may read in the middle

    def close(self) -> None:
        # The lock, too, is new: a thread that hangs or doesn't exist in a forked child may hold it.
        self._lock = threading.RLock()
        self._give_up_own()
        if hasattr(self._given, "close"):
            self._given.close()  # closes its connections; it opens new ones itself

    def get(self, names: Sequence[str], *, decrypt: bool = True) -> dict[str, Stored]:
        wanted = list(dict.fromkeys(names))
        return {
            stored.name: stored
            for start in range(0, len(wanted), BATCH)
            for stored in self._read(wanted[start : start + BATCH], decrypt=decrypt)
        }

    def look(self, names: Sequence[str]) -> dict[str, Stored]:
        return self.get(names, decrypt=False)  # only values of type String have a text

    # One batch in each call, so that no frame holds a secret's text when another request fails.
    def _read(self, names: list[str], *, decrypt: bool) -> list[Stored]:
        try:
            answer = self._ask(names, decrypt=decrypt)
        except StoreUnavailableError as error:
            # The connection may have been closed while it was idle, or the process frozen. A second
            # attempt opens a new one.
            if not isinstance(error.__cause__, ConnectionClosedError):
                raise
            answer = self._ask(names, decrypt=decrypt)
        parameters = answer.get("Parameters")
        # botocore parses an incomplete reply, or a proxy's page, as an empty answer.
        if not isinstance(parameters, list) or not all(
            item.keys() >= _REQUIRED_KEYS for item in parameters
        ):
            raise unreadable_answer(_ACTION, names)
        return [
            Stored(
                item["Name"],
                item["Version"],
                item["Value"] if decrypt or item.get("Type") == "String" else None,
                item.get("LastModifiedDate"),
            )
            for item in parameters
        ]

    def _ask(self, names: list[str], *, decrypt: bool) -> dict[str, Any]:
        try:
            client = self._client()
            answer: dict[str, Any] = client.get_parameters(Names=names, WithDecryption=decrypt)
        except _FAILURES as error:
            problem = translate(error, _ACTION, names)
            self._is_refused = isinstance(problem, CredentialsError)
            raise problem from error
        except ModelConfigError:  # before _UNREADABLE, as it may be a ValueError
            self._give_up_own()
            raise
        except RecursionError:
            if "gevent" not in sys.modules:
                raise
            raise StoreUnavailableError(
                f"{_ACTION} of {', '.join(names)}: gevent patched `ssl` after botocore had "
                "imported it, and so no connection can be made. Call gevent.monkey.patch_all() "
                "before any other import; with gunicorn, in the first line of its configuration "
                "file, or leave out --preload."
            ) from None
        except _UNREADABLE:
            # Without its cause, which may hold the bytes of the answer, and so a secret.
            raise unreadable_answer(_ACTION, names) from None
        return answer

    def _client(self) -> Any:
        if self._given is not None:
            return self._given
        with self._lock:
            if self._own is None or self._is_refused:
                self._own = self._open()
            client, credentials = self._own
        # Renewed here, so that a failure is told as what it is.
        self._frozen = credentials and _or_error(credentials.get_frozen_credentials)
        self._is_refused = False
        return client

    def _open(self) -> tuple[Any, Any]:
        session = self._session
        if session is None:
            # boto3's default session isn't used, because it isn't safe to share between threads. A
            # new one for each client picks up renewed credentials.
            session = botocore.session.Session()
            if self._loader is None:  # kept, because the next client needs the same files
                paths = session.get_config_variable("data_path") or ""
                search = [path for path in paths.split(os.pathsep) if path]
                self._loader = _Loader(search, file_loader=_PlainDicts())
            session.register_component("data_loader", self._loader)
        credentials = _or_error(session.get_credentials)
        if self._own is not None:
            if self._frozen == (credentials and _or_error(credentials.get_frozen_credentials)):
                return self._own  # the same, and a client takes time and memory
            self._give_up_own()
        make = getattr(session, "client", None) or session.create_client
        try:
            config = Config(**self._config)
            return make("ssm", region_name=self._region, config=config), credentials
        except ValueError as error:
            raise UsageError(
                f"no SSM client can be created: {error}. Check AWS_ENDPOINT_URL, "
                "AWS_ENDPOINT_URL_SSM and the profile"
            ) from None

    def _give_up_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own[0].close()


class _EveryService(list[str]):
    """A list that contains every service's name."""

    def __contains__(self, service: object) -> bool:
        return True


class _Loader(Loader):  # type: ignore[misc]  # botocore has no types
    """Finds a service's model without a list of all, a third of a client's creation."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        return _EveryService()


class _PlainDicts(JSONFileLoader):  # type: ignore[misc]  # likewise
    """Parses botocore's files into dicts, which keep the order as its own OrderedDicts do.

    It takes half as long, and the files are a tenth of a cold start.
    """

    def load_file(self, file_path: str) -> Any:
        for path, opened in ((f"{file_path}.json", open), (f"{file_path}.json.gz", gzip.open)):
            if Path(path).is_file():
                with opened(path, "rb") as file:
                    return json.load(file)
        return None


def _or_error(get: Callable[[], Any]) -> Any:
    """Return credentials. A user's token file or credential process may raise any exception."""
    try:
        return get()
    except (BotoCoreError, ClientError):
        raise
    except Exception as error:
        raise CredentialsError(
            f"there are no usable credentials ({type(error).__name__}: {error}). {SIGN_IN}."
        ) from error
