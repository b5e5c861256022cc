"""Creates the reader's own SSM client, if the application passes none."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import JSONFileLoader, Loader

from model_config.format.errors import CredentialsError, UsageError
from model_config.reader.aws_errors import SIGN_IN

#: Seconds to wait for a connection, and for an answer. Set by this package.
CONNECT_TIMEOUT, READ_TIMEOUT = 2.0, 5.0
#: Attempts of one request, with pauses between them. Set by this package: with these timeouts, they
#: end within about 20 seconds.
ATTEMPTS = 3


class OwnClient(NamedTuple):
    """A client, and the credentials that it signs with. None if there are none."""

    client: Any
    credentials: Any

    def check_credentials(self) -> None:
        """Renew the credentials if they expire soon, so that a failure is reported as what it is.

        Raises:
            CredentialsError: a token file or a credential process of the user failed.
            BotoCoreError: botocore can't renew the credentials.
        """
        if self.credentials is not None:
            _or_error(self.credentials.get_frozen_credentials)


class Connection:
    """The settings of clients.

    Args:
        session: a boto3 or botocore session. None creates a new one for each client, which picks
            up renewed credentials.
        region: the AWS region. Defaults to botocore's usual settings.
        connect_timeout, read_timeout: seconds to wait for a connection, and for an answer.
        attempts: the most attempts of one request, in botocore's standard retry mode.
    """

    def __init__(
        self,
        session: Any = None,
        region: str | None = None,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._session, self._region = session, region
        self._settings = {
            "connect_timeout": connect_timeout,
            "read_timeout": read_timeout,
            "retries": {"mode": "standard", "total_max_attempts": attempts},
        }
        self._loader: _Loader | None = None

    def open(self) -> OwnClient:
        """Return a new client for SSM.

        Raises:
            UsageError: a setting is not valid, such as the endpoint's URL.
            CredentialsError: a token file or a credential process of the user failed.
            BotoCoreError: there are no usable credentials, or there is no region.
        """
        session = self._session or self._new_session()
        credentials = _or_error(session.get_credentials)
        make = getattr(session, "client", None) or session.create_client
        try:
            client = make("ssm", region_name=self._region, config=Config(**self._settings))
        except ValueError as error:
            raise UsageError(
                f"no SSM client can be created: {error}. Check AWS_ENDPOINT_URL, "
                "AWS_ENDPOINT_URL_SSM and the profile"
            ) from None
        return OwnClient(client, credentials)

    def _new_session(self) -> Any:
        """Return a botocore session, which is created faster than a boto3 session.

        boto3's default session isn't used, because it isn't safe to share between threads.
        """
        session = botocore.session.Session()
        if self._loader is None:  # kept, because the next client needs the same files
            paths = session.get_config_variable("data_path") or ""
            found = [path for path in paths.split(os.pathsep) if path]
            self._loader = _Loader(found, file_loader=_PlainDicts())
        session.register_component("data_loader", self._loader)
        return session


class _EveryService(list[str]):
    """A list that contains every service's name."""

    def __contains__(self, service: object) -> bool:
        return True


class _Loader(Loader):  # type: ignore[misc]  # botocore has no types
    """Finds a service's model without listing all 400 services of botocore first.

    The list would take a third of the time in which a client is created.
    """

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
