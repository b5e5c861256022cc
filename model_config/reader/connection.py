"""How a client for SSM is made that nobody handed over."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader

from model_config.format.errors import CredentialsError, UsageError
from model_config.reader.aws_errors import SIGN_IN

#: Seconds to wait for a connection, and for an answer: ours.
CONNECT_TIMEOUT, READ_TIMEOUT = 2.0, 5.0
#: Attempts of one request, with botocore's pauses between them: ours. With the timeouts they end
#: within some 20 seconds.
ATTEMPTS = 3


class OwnClient(NamedTuple):
    """A client, and the credentials that it signs with; None where there are none."""

    client: Any
    credentials: Any

    def check_credentials(self) -> None:
        """Renew the credentials if it is time, so that what goes wrong there is known for it.

        Raises:
            CredentialsError: they can't be had.
            BotoCoreError: likewise.
        """
        if self.credentials is not None:
            _or_error(self.credentials.get_frozen_credentials)


class Connection:
    """What clients are made with.

    Args:
        session: a boto3 or botocore session. None: a new one each time, so that credentials which
            were renewed are picked up.
        region: None is what botocore's usual settings say.
        connect_timeout, read_timeout: seconds to wait for a connection, and for an answer.
        attempts: of one request, in botocore's standard retry mode.
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
            UsageError: it can't be made as things are set: the endpoint is not an address.
            CredentialsError: there are no usable credentials.
            BotoCoreError: likewise, or there is no region.
        """
        session = self._session or self._new_session()
        credentials = _or_error(session.get_credentials)
        make = getattr(session, "client", None) or session.create_client
        try:
            client = make("ssm", region_name=self._region, config=Config(**self._settings))
        except ValueError as error:
            raise UsageError(
                f"no client for SSM can be made as things are set here: {error}. Look at "
                "AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SSM and the profile"
            ) from None
        return OwnClient(client, credentials)

    def _new_session(self) -> Any:
        """Return a session of botocore's, whose making takes less of a cold start than boto3's.

        Not boto3's default one either, which isn't safe to share between threads.
        """
        session = botocore.session.Session()
        if self._loader is None:  # what it has read of botocore's files serves the next client, too
            paths = session.get_config_variable("data_path") or ""
            self._loader = _Loader([path for path in paths.split(os.pathsep) if path])
        session.register_component("data_loader", self._loader)
        return session


class _EveryService(list[str]):
    """A list of services that has whichever is looked for."""

    def __contains__(self, service: object) -> bool:
        return True


class _Loader(Loader):  # type: ignore[misc]  # botocore has no types
    """Finds a service's model where it is, without listing all 400 services of botocore first.

    Of a client's making, that list takes a third.
    """

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        return _EveryService()


def _or_error(get: Callable[[], Any]) -> Any:
    """Return credentials; what a token file or a process of the user's raises is theirs."""
    try:
        return get()
    except (BotoCoreError, ClientError):
        raise
    except Exception as error:
        raise CredentialsError(
            f"there are no usable credentials ({type(error).__name__}: {error}). {SIGN_IN}."
        ) from error
