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
from support.documents import Documents

from model_config import Reader
from model_config.format.errors import SecretUnavailableError, StoreError, UsageError
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


def test_nothing_but_reveal_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    secret = secret_of(TEXT)
    for show in SHOWN:
        assert TEXT not in show(secret)
    logging.getLogger("app").warning("key %s %r", secret, {"key": secret})
    assert TEXT not in caplog.text
    assert "**********" in caplog.text
    assert secret.reveal() == copy.deepcopy([secret])[0].reveal() == TEXT


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


def test_what_would_take_it_along_refuses() -> None:
    for take in REFUSED:
        with pytest.raises(TypeError) as caught:
            take(secret_of(TEXT))
        assert TEXT not in str(caught.value)


class NoClass:
    """What as_model refuses."""


def source_that_fails(what_fails: str) -> Documents:
    def half_a_reply() -> None:
        if source.requests == 3:
            raise ValueError("half a reply")

    source = Documents()
    source.deploy({"n": 1}, {f"key{number}": f"{TEXT}{number}" for number in range(12)})
    name = "/ai/prod/chat/secrets/key11"
    if what_fails == "another secret":
        del source.documents[name]
    elif what_fails == "the decoding":
        source.put(name, f'"{TEXT}')
    elif what_fails == "a later batch":
        source.before = half_a_reply
    return source


@pytest.mark.parametrize(
    ("what_fails", "error"),
    [
        ("another secret", SecretUnavailableError),
        ("the decoding", SecretUnavailableError),
        ("a later batch", StoreError),
        ("as_model", UsageError),
    ],
)
def test_no_traceback_of_a_failing_read_shows_a_secret(
    what_fails: str, error: type[Exception]
) -> None:
    reader = Reader("prod", source=source_that_fails(what_fails))
    with pytest.raises(error) as caught:
        reader.get("chat").as_model(NoClass)
    # As an error tracker does, with every frame's local variables.
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    assert TEXT not in text
