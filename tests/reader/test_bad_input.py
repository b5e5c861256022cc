"""Everything that can go wrong on the way, made to happen."""

from __future__ import annotations

import _thread
import json
import os
import re
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from support.documents import Documents
from support.waiting import wait_until

from model_config import Reader
from model_config.format import release
from model_config.format.errors import (
    AccessDeniedError,
    CredentialsError,
    KeyUnavailableError,
    ModelConfigError,
    ReleaseError,
    StoreError,
    StoreUnavailableError,
    UsageError,
)
from model_config.reader import reader as reader_module
from model_config.reader.attempts import LONGEST_PAUSE

CONFIG = {"n": 1}
NAME = "/ai/prod/chat/release"


def document(**changes: Any) -> str:
    head = {"format": 2, "model": "chat", "environment": "prod", "schema": "Chat"}
    text = release.config_text(CONFIG)
    body = {"digest": release.digest_of(text), "config": text, "secrets": []}
    changed = {**head, **body, **changes}
    return json.dumps({key: value for key, value in changed.items() if value is not None})


def with_parts(*parts: str) -> str:
    return document(config=None, parts=parts)


PART = "0123456789abcdef"
DOCUMENTS = {
    "no JSON": ("{", "not valid JSON"),
    "a newer format": (document(format=3), "format 3, and this reads 2"),
    "another model": (document(model="other"), "for model 'other', not 'chat'"),
    "a wrong digest": (document(config='{"n":2}'), "was changed after its release"),
    "a secret by its full name": (document(secrets=["/ai/prod/other/secrets/key"]), "is no path"),
    "a part by its full name": (with_parts(f"{NAME}/parts/{PART}"), "not a list of 16 hex digits"),
    "a missing part": (with_parts(PART), f"{PART} is missing"),
    "too many parts": (with_parts(*[PART] * 65), "has 65 parts"),
}


def test_a_release_that_is_not_what_it_should_be() -> None:
    source = Documents()
    for number, (text, problem) in enumerate(DOCUMENTS.values(), 1):
        source.deploy(CONFIG, document=text)
        with pytest.raises(ReleaseError) as caught:
            Reader("prod", source=source).get("chat")
        assert problem in str(caught.value)
        assert f"{NAME}:{number} can't be used" in str(caught.value)
        assert "model-config releases chat --environment prod" in str(caught.value)
    source.deploy({"t": "".join(map(chr, range(200, 9_000)))})
    source.put(next(name for name in source.documents if "/parts/" in name), "changed")
    with pytest.raises(ReleaseError, match="was changed: its name is a hash of it"):
        Reader("prod", source=source).get("chat")


# What comes back instead of an answer


def refuses(*refusal: Any) -> Callable[[Any], Any]:
    return lambda loopback: loopback.refuses(*refusal)


def says(status: int, body: object, **how: bool) -> Callable[[Any], Any]:
    return lambda loopback: loopback.says(status, body, **how)


DENIED = (
    "User: arn:aws:sts::1:assumed-role/app/i is not authorized to perform: ssm:GetParameters on "
    "resource: arn:aws:ssm:eu-west-1:1:parameter/ai/prod/chat/release because no identity-based "
    "policy allows the ssm:GetParameters action"
)
DENIED_KEY = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access. (Service: AWSKMS; Status Code: 400)"
)
KEY = "arn:aws:kms:eu-west-1:1:key/2"
EXPIRED = "Signature expired: 20260101T000000Z is now earlier than"
MISSING = "ssm:GetParameters is missing on arn:aws:ssm:{}:parameter/ai/prod/chat/release;"
NO_VALUE = {"Parameters": [{"Name": NAME, "Version": 1}]}
ANSWERS = {
    StoreError: [
        (refuses("ValidationException", "Invalid name"), 'says ValidationException, "Invalid name"')
    ],
    StoreUnavailableError: [
        (refuses("ServiceUnavailableException", "try again"), "a fault of AWS"),  # with status 400
        (refuses("InternalServerError", "oops", 500), "a fault of AWS"),
        (refuses("Whatever", "", 408), "a fault of AWS"),
        (says(429, b"slow down"), "a fault of AWS"),  # a proxy's
        (says(503, b"<html>no</html>"), "a fault of AWS"),  # a load balancer's
        (says(403, b"<html>Forbidden by your network</html>"), "HTTP 403, which is not from SSM"),
        (refuses("IDPCommunicationError", "no answer from the provider"), "identity provider"),
        (refuses("ThrottlingException", "Rate exceeded"), "AWS is throttling requests"),
        (lambda it: it.resets(), "no answer"),
        (says(200, {"Parameters": [{"Name": NAME}]}, whole=False), "cut short"),
        (says(200, '{"é'.encode() * 3, whole=False), "cut short"),  # inside of a character
        (says(200, b""), "cut short"),
        (says(200, b"null"), "cut short"),
        (says(200, b"[1]"), "cut short"),
        (says(200, {"Parameters": 1}), "cut short"),
        (says(200, NO_VALUE), "cut short"),
        (says(200, b"<html>log in</html>"), "isn't from SSM"),
        (says(400, b"null"), "cut short"),
    ],
    CredentialsError: [
        (refuses("InvalidSignatureException", EXPIRED), "Set this machine's clock"),
        (refuses("RequestExpired", "Request has expired."), "Set this machine's clock"),
        (refuses("InvalidSignatureException", "no match"), "doesn't accept the credentials"),
        (refuses("UnrecognizedClientException", "invalid"), "doesn't accept the credentials"),
        (refuses("ExpiredTokenException", "expired"), "the credentials have expired"),
    ],
    AccessDeniedError: [
        (refuses("AccessDeniedException", DENIED), MISSING.format("eu-west-1:1")),
        (refuses("AccessDeniedException"), MISSING.format("*:*")),
        (
            refuses("AccessDeniedException", DENIED_KEY),
            f"kms:Decrypt is missing on the key that encrypts {NAME}",
        ),
    ],
    KeyUnavailableError: [
        (refuses("InvalidKeyId", f"{KEY} is disabled. (Service: AWSKMS)"), f"{KEY} is disabled"),
        (refuses("InvalidKeyId", f"{KEY} is pending deletion."), "aws kms cancel-key-deletion"),
    ],
}


@pytest.fixture
def own_client_asks(
    runtime: str,  # noqa: ARG001 - it is set
    loopback: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """Let the client that the reader makes itself ask the loopback server."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", loopback.url)
    threads = _thread._count()
    yield loopback
    # What hung goes on now. In the next test's environment it would ask that one's server.
    loopback.released.set()
    wait_until(lambda: _thread._count() <= threads)


@pytest.fixture
def tries_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "TRIES", 1)


@pytest.mark.usefixtures("tries_once")
def test_what_comes_back_is_told_and_leaves_the_last_good_one_served(
    own_client_asks: Any, runtime: str, clock: Any
) -> None:
    # A client of our own takes longer to make.
    client = {"client": own_client_asks.client()} if runtime == "boto3" else {}
    good = own_client_asks.holds(CONFIG)
    reader = Reader("prod", clock=clock, max_wait=60, **client)
    for kind, answer, text in (
        (kind, *case) for kind, answers in ANSWERS.items() for case in answers
    ):
        own_client_asks.answers[:] = [good]
        clock.advance(LONGEST_PAUSE)
        wait_until(lambda: reader.get("chat").age == 0)
        own_client_asks.answers[:] = [answer(own_client_asks)]
        with pytest.raises(ModelConfigError) as caught:
            Reader("prod", **client).get("chat")
        assert (text, type(caught.value)) == (text, kind)
        assert text in str(caught.value)
        assert f"ssm:GetParameters of {NAME}:stable" in str(caught.value)
        assert "testing" not in str(caught.value)
        clock.advance(301)
        old = reader.get("chat")
        assert (text, old.release, old.age) == (text, 7, 301)
        [status] = reader.status()["models"]
        assert (text, status["state"], status["failed"]["error"]) == (text, "stale", kind.__name__)
        assert text in status["failed"]["text"]


@pytest.mark.usefixtures("tries_once")
def test_an_answer_that_hangs_is_no_answer_and_the_next_one_is(
    own_client_asks: Any, clock: Any
) -> None:
    own_client_asks.answers[:] = [own_client_asks.hangs()]
    reader = Reader("prod", clock=clock, read_timeout=0.1)
    with pytest.raises(StoreUnavailableError, match="no answer in time"):
        reader.get("chat")
    own_client_asks.answers[:] = [own_client_asks.holds(CONFIG)]

    def reads() -> bool:  # a busy machine may take longer than the tenth of a second
        clock.advance(LONGEST_PAUSE)
        with suppress(StoreUnavailableError):
            return reader.get("chat").age == 0
        return False

    wait_until(reads)


def half_with_a_secret(loopback: Any, rest: str) -> Any:
    body = '{"Parameters": [{"Name": "/x", "Value": "sk-live"' + rest * 101
    return loopback.says(200, body.encode(), whole=False)


@pytest.mark.usefixtures("tries_once")
def test_a_half_reply_with_a_secret_in_it_is_not_shown(own_client_asks: Any) -> None:
    for rest in ("x", "é", "éa"):  # the cut may be inside of a character
        own_client_asks.answers[:] = [half_with_a_secret(own_client_asks, rest)]
        with pytest.raises(StoreUnavailableError) as caught:
            Reader("prod").get("chat")
        # As an error tracker does, with every frame's local variables.
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert "sk-live" not in "".join(shown.format())


@pytest.mark.usefixtures("runtime", "tries_once")
def test_what_cannot_be_connected_to_is_told_as_what_it_is(
    loopback: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as deaf, socket.socket() as full, ExitStack() as others:
        for bound in (deaf, full):
            bound.bind(("127.0.0.1", 0))
        full.listen(0)  # and the other never does
        for _ in range(4):  # more than may wait
            other = others.enter_context(socket.socket())
            other.settimeout(0)
            other.connect_ex(full.getsockname())
        nobody, busy = (f"http://127.0.0.1:{it.getsockname()[1]}" for it in (deaf, full))
        elsewhere = "http://ssm.example.invalid"
        for endpoint, proxy, error, told in [
            (nobody, "", StoreUnavailableError, "Could not connect.*Check the network"),
            (busy, "", StoreUnavailableError, "no answer in time.*Check the network"),
            (elsewhere, nobody, StoreUnavailableError, "proxy doesn't answer.*HTTPS_PROXY"),
            ("not an address", "", UsageError, "not an address.*AWS_ENDPOINT_URL"),
            (
                loopback.url.replace("http", "https"),
                "",
                StoreUnavailableError,
                "no trusted TLS connection.*AWS_CA_BUNDLE",
            ),
        ]:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", endpoint)
            monkeypatch.setenv("HTTP_PROXY", proxy)
            timeout = {"connect_timeout": 0.1} if endpoint == busy else {}
            with pytest.raises(error, match=told):
                Reader("prod", **timeout).get("chat")


# Our own client


def test_our_own_client_asks_a_few_times_with_the_timeouts_that_are_documented(
    own_client_asks: Any, runtime: str, clock: Any
) -> None:
    fault = own_client_asks.refuses("InternalServerError", "oops", 500)
    good = own_client_asks.holds(CONFIG)
    own_client_asks.answers[:] = [fault, fault, good, own_client_asks.resets(), good]
    reader = Reader("prod", clock=clock, max_wait=60)
    assert reader.get("chat").release == 7
    assert own_client_asks.asked == 3
    if runtime == "awscrt":
        assert reader._source._wire.timeouts == (2, 5)
    else:
        config = reader._source._own[0].meta.config
        assert (config.connect_timeout, config.read_timeout) == (2, 5)
        assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 1)
    assert "Default: 2 to connect, 5 to answer" in " ".join((Reader.__doc__ or "").split())
    clock.advance(301)
    assert reader.get("chat").age == 0  # a connection that was closed meanwhile costs no renewal
    assert (own_client_asks.asked, reader.counters()["failures"]) == (5, 0)


@pytest.mark.parametrize("session", [boto3.Session, botocore.session.Session])
def test_our_own_client_is_made_as_the_reader_is_told(
    loopback: Any, monkeypatch: pytest.MonkeyPatch, session: Any
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", loopback.url)
    loopback.answers.append(loopback.holds(CONFIG))
    reader = Reader(
        "prod", session=session(), region="us-east-2", connect_timeout=1, read_timeout=0.5
    )
    assert reader.get("chat").release == 7
    meta = reader._source._own[0].meta
    assert meta.region_name == "us-east-2"
    assert (meta.config.connect_timeout, meta.config.read_timeout) == (1, 0.5)


def test_what_gevent_breaks_when_it_comes_too_late_is_told(
    aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recurses(**_: Any) -> None:
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setitem(sys.modules, "gevent", sys)
    monkeypatch.setattr(aws.client, "get_parameters", recurses, raising=False)
    with pytest.raises(StoreUnavailableError, match=r"gevent patched `ssl` after.*--preload"):
        Reader("prod", client=aws.client).get("chat")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give attempts up after a fifth of a second."""
    monkeypatch.setattr(reader_module, "CONNECT_TIMEOUT", 0.05)
    monkeypatch.setattr(reader_module, "READ_TIMEOUT", 0.05)


def test_a_server_that_drips_is_given_up(own_client_asks: Any, clock: Any) -> None:
    good = own_client_asks.holds(CONFIG)

    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not own_client_asks.released.wait(0.01):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    own_client_asks.answers[:] = [good, drip, good]
    reader = Reader("prod", clock=clock, max_wait=60)
    reader.get("chat")
    reader._attempts.times = reader._attempts.times._replace(deadline=0.05)
    clock.advance(31)
    assert reader.get("chat").age == 31
    wait_until(lambda: reader.status()["aws"]["state"] == "away")
    assert "was given up" in reader.status()["aws"]["problem"]["text"]
    reader._attempts.times = reader._attempts.times._replace(deadline=20)
    clock.advance(LONGEST_PAUSE)
    wait_until(lambda: reader.get("chat").age == 0)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["a process", "STS"])
def test_credentials_that_hang_are_given_up(
    own_client_asks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    own_client_asks.answers.append(own_client_asks.hangs())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    pipe, config = tmp_path / "pipe", tmp_path / "config"
    if how == "STS":
        (tmp_path / "token").write_text("token")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/app")
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", own_client_asks.url)
    else:
        os.mkfifo(pipe)
        config.write_text(f"[default]\ncredential_process = cat {pipe}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(StoreUnavailableError, match="was given up: a request hangs, or whatever"):
        Reader("prod").get("chat")
    if how == "a process":
        with pipe.open("w") as end:
            end.write("{}")  # so that it ends


def test_broken_credentials_are_an_outage(
    own_client_asks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Any
) -> None:
    own_client_asks.answers.append(own_client_asks.holds(CONFIG))
    reader = Reader("prod", clock=clock, max_wait=60)
    reader.get("chat")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {tmp_path / 'none'}\n")
    sources = (
        {"AWS_CONFIG_FILE": str(tmp_path / "config")},
        {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/app",
        },
    )

    def failed() -> dict[str, Any]:
        return dict(reader.status()["models"][0].get("failed") or {})

    for failures, missing in enumerate(sources, 1):
        for name, value in missing.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(CredentialsError, match="no usable credentials"):
            Reader("prod").get("chat")
        reader.close()  # so that it looks for them again
        clock.advance(301)
        assert reader.get("chat").age >= 301
        # An attempt that is still under way would ask the server of the next test.
        wait_until(lambda n=failures: failed().get("failures") == n)
        assert failed()["error"] == "CredentialsError"


def test_what_is_not_set_or_unknown_is_named(
    own_client_asks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for names, told in [
        (["AWS_REGION", "AWS_DEFAULT_REGION"], "Set AWS_DEFAULT_REGION"),
        (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "set the credentials"),
        (["AWS_SECRET_ACCESS_KEY"], "set the credentials"),
        ([], "nobody.*could not be found"),
    ]:
        with monkeypatch.context() as patch:
            for name in names:
                patch.delenv(name, raising=False)
            if not names:
                patch.setenv("AWS_PROFILE", "nobody")
            with pytest.raises(CredentialsError, match=told):
                Reader("prod").get("chat")
    assert own_client_asks.asked == 0


def test_credentials_that_expire_are_read_anew_once_they_are_renewed(
    own_client_asks: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []

    def check(handler: Any) -> None:
        keys.append(re.search(r"Credential=(\w+)/", handler.headers["Authorization"])[1])
        expired = keys[-1] == "testing" and len(keys) > 1
        refusal = own_client_asks.refuses("ExpiredTokenException", "expired")
        (refusal if expired else own_client_asks.holds(CONFIG))(handler)

    own_client_asks.answers.append(check)
    reader = Reader("prod", clock=clock, max_wait=60)
    reader.get("chat")
    clock.advance(301)
    assert reader.get("chat").age == 301
    wait_until(lambda: reader.status()["aws"]["state"] == "away")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "renewed")
    clock.advance(LONGEST_PAUSE)
    wait_until(lambda: reader.get("chat").age == 0)
    assert keys == ["testing", "testing", "renewed"]
