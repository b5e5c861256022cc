"""Reads parameters from SSM with boto3, through a client of the application's or its own."""

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

from model_config.format import errors
from model_config.reader.problems import translate, unreadable_answer, unusable_credentials
from model_config.reader.source import Stored

_ACTION = "ssm:GetParameters"
# What boto3 raises when a request fails, and for an answer that is incomplete or not SSM's, such as
# a proxy's page.
_FAILURES = (BotoCoreError, ClientError, OSError)
_UNREADABLE = (ResponseParserError, AttributeError, LookupError, TypeError, ValueError)


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
        for is_last in (False, True):
            try:
                client = self._own_client() if self._given is None else self._given
                answer = client.get_parameters(Names=list(names), WithDecryption=decrypt)
                return {
                    item["Name"]: Stored.of(item, item.get("LastModifiedDate"), decrypt=decrypt)
                    for item in answer["Parameters"]
                }
            except _FAILURES as error:
                # The connection may have been closed while it was idle, or the process frozen. A
                # second attempt opens a new one.
                if isinstance(error, ConnectionClosedError) and not is_last:
                    continue
                problem = translate(error, _ACTION, names)
                self._is_refused = isinstance(problem, errors.CredentialsError)
                raise problem from error
            except errors.ModelConfigError:  # before _UNREADABLE, as it may be a ValueError
                self._give_up_own()
                raise
            except RecursionError:
                if "gevent" not in sys.modules:
                    raise
                raise errors.StoreUnavailableError(
                    f"{_ACTION} of {', '.join(names)}: gevent patched `ssl` after botocore had "
                    "imported it, and so no connection can be made. Call gevent.monkey.patch_all() "
                    "before any other import; with gunicorn, in the first line of its "
                    "configuration file, or leave out --preload."
                ) from None
            except _UNREADABLE:
                break
        # Outside of the handler, and without the answer: a traceback would show what it holds.
        answer = None
        raise unreadable_answer(_ACTION, names)

    def look(self, names: Sequence[str]) -> dict[str, Stored]:
        return self.get(names, decrypt=False)  # only values of type String have a text

    def _own_client(self) -> Any:
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
            raise errors.UsageError(
                f"no SSM client can be created: {error}. Check AWS_ENDPOINT_URL, "
                "AWS_ENDPOINT_URL_SSM and the profile"
            ) from None

    def _give_up_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own[0].close()


class _Loader(Loader):  # type: ignore[misc]  # botocore has no types
    """Finds a service's model without looking into every folder, a third of a client's creation."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        folders = [Path(path) for path in self.search_paths if Path(path).is_dir()]
        return [service.name for folder in folders for service in folder.iterdir()]


class _PlainDicts(JSONFileLoader):  # type: ignore[misc]  # likewise
    """Parses botocore's files into dicts in half the time: they are a tenth of a cold start."""

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
        raise unusable_credentials(error) from error
