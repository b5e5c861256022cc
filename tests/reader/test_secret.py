from __future__ import annotations

import copy
import inspect
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pprint import pformat
from typing import Any

import pytest

from model_config import Reader
from model_config.format.errors import SecretUnavailableError, StoreUnavailableError, UsageError
from model_config.reader.configuration import Secret, secret_of

TEXT = "sk-live-5f3a"


@dataclass
class Holder:
    key: Secret


def walked(value: object) -> str:
    """Look at every attribute, as a debugger or an error tracker does."""
    return str(inspect.getmembers(value))


SHOWN: list[Callable[[Secret], str]] = [
    repr,
    str,
    ascii,
    "{}".format,
    "{!r:>40}".format,
    "{0:>20}".format,
    lambda secret: f"{secret}",
    lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - one of the ways there are
    lambda secret: f"{[secret]} { {'a': secret} } {Holder(secret)}",
    pformat,
    walked,
    lambda secret: str(asdict(Holder(secret))),
    lambda secret: repr(copy.copy(secret)) + repr(copy.deepcopy({"key": secret})),
    lambda secret: json.dumps({"key": secret}, default=str),
]


@pytest.mark.parametrize("show", SHOWN)
def test_nothing_but_reveal_shows_a_secret(show: Callable[[Secret], str]) -> None:
    secret = secret_of(TEXT)
    assert TEXT not in show(secret)
    assert secret.reveal() == TEXT


REFUSED: list[Callable[[Any], Any]] = [
    json.dumps,
    lambda secret: json.dumps({"a": [secret]}),
    pickle.dumps,
    lambda secret: pickle.dumps(secret, protocol=0),
    vars,
    lambda secret: secret.__getstate__(),
    bytes,
    list,
    len,
]


@pytest.mark.parametrize("take", REFUSED)
def test_what_would_take_it_along_refuses(take: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError) as caught:
        take(secret_of(TEXT))
    assert TEXT not in str(caught.value)


def test_logging_shows_a_mask(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("app").warning("key %s %r", secret_of(TEXT), {"key": secret_of(TEXT)})
    assert TEXT not in caplog.text
    assert "**********" in caplog.text


def test_a_copy_still_reveals() -> None:
    assert copy.deepcopy([secret_of(TEXT)])[0].reveal() == TEXT


def shown_with_locals(error: BaseException) -> str:
    """Format a traceback as an error tracker does, with every frame's local variables."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


class NoClass:
    """What as_model refuses."""


class FailsAtThe3rd:
    """A client whose third request fails."""

    def __init__(self, client: Any) -> None:
        self.client, self.left = client, 2

    def get_parameters(self, **wanted: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("half a reply")
        return self.client.get_parameters(**wanted)


def client_that_fails(aws: Any, what_fails: str) -> Any:
    aws.deploy(
        {"n": 1}, {f"key{number}": f"{TEXT}{number}" for number in range(12)}, label="stable"
    )
    name = "/ai/prod/chat/secrets/key11"
    if what_fails == "another secret":
        aws.client.delete_parameter(Name=name)
    elif what_fails == "the decoding":
        aws.put(name, f'"{TEXT}')
    return FailsAtThe3rd(aws.client) if what_fails == "a later batch" else aws.client


@pytest.mark.parametrize(
    ("what_fails", "error"),
    [
        ("another secret", SecretUnavailableError),
        ("the decoding", SecretUnavailableError),
        ("a later batch", StoreUnavailableError),
        ("as_model", UsageError),
    ],
)
def test_no_traceback_of_a_failing_read_shows_a_secret(
    aws: Any, what_fails: str, error: type[Exception]
) -> None:
    reader = Reader("prod", client=client_that_fails(aws, what_fails))
    with pytest.raises(error) as caught:
        reader.get("chat").as_model(NoClass)
    # As an error tracker does, with every frame's local variables.
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    assert TEXT not in text
