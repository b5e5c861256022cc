"""Everything that can go wrong on the way, made to happen."""

from __future__ import annotations

import _thread
import base64
import json
import os
import re
import socket
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
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


def packed(raw: bytes, **changes: Any) -> str:
    data = base64.b64encode(zlib.compress(raw, 9)).decode()
    return document(**{"config": None, "zlib": data, **changes})


PART = "0123456789abcdef"
DOCUMENTS = {
    "no JSON": ("{", "not valid JSON"),
    "no object": ("[1]", "not a JSON object"),
    "deep nesting": ("[" * 5_000, "not valid JSON"),
    "format 1": (document(format=1), "the release has format 1, and this reads 2: use the same"),
    "a newer format": (document(format=3), "format 3, and this reads 2"),
    "a format that is no number": (document(format=True), "format True, and this reads 2"),
    "another model": (document(model="other"), "for model 'other', not 'chat'"),
    "another environment": (document(environment="dev"), "for environment 'dev', not 'prod'"),
    "a wrong digest": (document(config='{"n":2}'), "was changed after its release"),
    "no digest": (document(digest=None), "no 'digest'"),
    "no secrets": (document(secrets=None), "no `secrets`"),
    "a number no JSON has": (
        document(config='{"n":NaN}', digest=release.digest_of('{"n":NaN}')),
        "the configuration is not valid JSON",
    ),
    "a configuration that is no text": (document(config=CONFIG), "`config` of the release doc"),
    "a list": (document(config="[]", digest=release.digest_of("[]")), "is not a JSON object"),
    "a bomb": (packed(b" " * (release.MAX_UNPACKED_BYTES + 1)), "larger than"),
    "a larger bomb": (packed(b"[" * 5_000_000), "larger than"),
    "no base64": (packed(b"", zlib="~~~"), "can't be unpacked"),
    "no ASCII": (packed(b"", zlib="é"), "can't be unpacked"),
    "no zlib": (packed(b"", zlib="AAAA"), "can't be unpacked"),
    "secrets by name": (document(secrets={"key": "x"}), "`secrets` of the release document"),
    "a secret by its full name": (document(secrets=["/ai/prod/other/secrets/key"]), "is no path"),
    "a secret at an old version": (document(secrets=["key:1"]), "the secret 'key:1', which is no"),
    "templates that are none": (document(templates=[5]), "`templates` of the release document"),
    "a part by its full name": (
        packed(b"", zlib=None, parts=[f"{NAME}/parts/{PART}"]),
        "not a list of 16 hex digits",
    ),
    "a missing part": (packed(b"", zlib=None, parts=[PART]), f"{PART} is missing"),
    "too many parts": (packed(b"", zlib=None, parts=[PART] * 65), "has 65 parts"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_release_that_is_not_what_it_should_be(aws: Any, case: str) -> None:
    text, problem = DOCUMENTS[case]
    aws.deploy(CONFIG, label="stable", document=text)
    with pytest.raises(ReleaseError) as caught:
        Reader("prod", client=aws.client).get("chat")
    assert problem in str(caught.value)
    assert f"{NAME}:1 can't be used" in str(caught.value)
    assert "model-config releases chat --environment prod" in str(caught.value)


def test_a_part_that_was_changed_by_hand(aws: Any) -> None:
    aws.deploy({"t": "".join(map(chr, range(200, 9_000)))}, label="stable")
    parts = aws.client.get_parameters_by_path(Path=f"{NAME}/parts")["Parameters"]
    aws.put(parts[0]["Name"], "changed")
    with pytest.raises(ReleaseError, match="was changed: its name is a hash of it"):
        Reader("prod", client=aws.client).get("chat")


def test_a_bad_new_release_leaves_the_good_one_served(
    aws: Any, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    aws.deploy(CONFIG, label="stable")
    reader = Reader("prod", client=aws.client, clock=clock, max_wait=60)
    reader.get("chat")
    aws.deploy(CONFIG, label="stable", document=document(config='{"n":2}'))
    clock.advance(301)
    assert reader.get("chat").release == 1
    wait_until(lambda: "was changed after its release" in caplog.text)


# What comes back instead of an answer. Each case: how the server answers, the type, the text.

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
ANSWERS: dict[str, tuple[Callable[[Any], Any], type[ModelConfigError], str]] = {
    "400": (
        lambda it: it.refuses("ValidationException", "Invalid name"),
        StoreError,
        'AWS says ValidationException, "Invalid name"',
    ),
    "a fault with status 400": (
        lambda it: it.refuses("ServiceUnavailableException", "try again"),
        StoreUnavailableError,
        "a fault of AWS",
    ),
    "no identity provider": (
        lambda it: it.refuses("IDPCommunicationError", "no answer from the provider"),
        StoreUnavailableError,
        "identity provider",
    ),
    "429 of a proxy": (
        lambda it: it.says(429, b"slow down"),
        StoreUnavailableError,
        "a fault of AWS",
    ),
    "408": (lambda it: it.refuses("Whatever", "", 408), StoreUnavailableError, "a fault of AWS"),
    "403 of a proxy": (
        lambda it: it.says(403, b"<html>Forbidden by your network</html>"),
        StoreUnavailableError,
        "HTTP 403, which is not from SSM",
    ),
    "500": (
        lambda it: it.refuses("InternalServerError", "oops", 500),
        StoreUnavailableError,
        "a fault of AWS",
    ),
    "503 of a load balancer": (
        lambda it: it.says(503, b"<html>no</html>"),
        StoreUnavailableError,
        "a fault of AWS",
    ),
    "throttling": (
        lambda it: it.refuses("ThrottlingException", "Rate exceeded"),
        StoreUnavailableError,
        "AWS is throttling requests",
    ),
    "a reset connection": (lambda it: it.resets(), StoreUnavailableError, "no answer"),
    "half a reply": (
        lambda it: it.says(200, {"Parameters": [{"Name": NAME}]}, whole=False),
        StoreUnavailableError,
        "cut short",
    ),
    "half a reply, cut inside a character": (
        lambda it: it.says(200, '{"é'.encode() * 3, whole=False),
        StoreUnavailableError,
        "cut short",
    ),
    "nothing": (lambda it: it.says(200, b""), StoreUnavailableError, "cut short"),
    "null": (lambda it: it.says(200, b"null"), StoreUnavailableError, "cut short"),
    "a list": (lambda it: it.says(200, b"[1]"), StoreUnavailableError, "cut short"),
    "no list": (lambda it: it.says(200, {"Parameters": 1}), StoreUnavailableError, "cut short"),
    "a parameter without a value": (
        lambda it: it.says(200, {"Parameters": [{"Name": NAME, "Version": 1}]}),
        StoreUnavailableError,
        "cut short",
    ),
    "a proxy's page": (
        lambda it: it.says(200, b"<html>log in</html>"),
        StoreUnavailableError,
        "isn't from SSM",
    ),
    "an error that is no JSON": (
        lambda it: it.says(400, b"null"),
        StoreUnavailableError,
        "cut short",
    ),
    "a hang": (lambda it: it.hangs(), StoreUnavailableError, "no answer in time"),
    "clock skew": (
        lambda it: it.refuses(
            "InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than"
        ),
        CredentialsError,
        "Set this machine's clock",
    ),
    "clock skew, said otherwise": (
        lambda it: it.refuses("RequestExpired", "Request has expired."),
        CredentialsError,
        "Set this machine's clock",
    ),
    "a wrong secret key": (
        lambda it: it.refuses("InvalidSignatureException", "does not match"),
        CredentialsError,
        "doesn't accept the credentials",
    ),
    "an expired token": (
        lambda it: it.refuses("ExpiredTokenException", "The security token is expired"),
        CredentialsError,
        "the credentials have expired",
    ),
    "an unknown key": (
        lambda it: it.refuses("UnrecognizedClientException", "The security token is invalid"),
        CredentialsError,
        "doesn't accept the credentials",
    ),
    "access denied": (
        lambda it: it.refuses("AccessDeniedException", DENIED),
        AccessDeniedError,
        "ssm:GetParameters is missing on arn:aws:ssm:eu-west-1:1:parameter/ai/prod/chat/release;",
    ),
    "access to the key denied": (
        lambda it: it.refuses("AccessDeniedException", DENIED_KEY),
        AccessDeniedError,
        f"kms:Decrypt is missing on the key that encrypts {NAME}",
    ),
    "access denied without a word": (
        lambda it: it.refuses("AccessDeniedException"),
        AccessDeniedError,
        "ssm:GetParameters is missing on arn:aws:ssm:*:*:parameter/ai/prod/chat/release;",
    ),
    "a disabled key": (
        lambda it: it.refuses("InvalidKeyId", f"{KEY} is disabled. (Service: AWSKMS)"),
        KeyUnavailableError,
        f"{KEY} is disabled",
    ),
    "a key pending deletion": (
        lambda it: it.refuses("InvalidKeyId", f"{KEY} is pending deletion. (Service: AWSKMS)"),
        KeyUnavailableError,
        "aws kms cancel-key-deletion",
    ),
}


@pytest.fixture
def reader_of(loopback: Any, runtime: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a reader of the loopback server that tries once."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", loopback.url)
    monkeypatch.setattr(reader_module, "TRIES", 1)

    def made(case: str, **settings: Any) -> Reader:
        timeout = {"read_timeout": 0.5 if case == "a hang" else 5}
        if runtime == "boto3":  # a client of our own takes longer to make
            return Reader("prod", client=loopback.client(**timeout), **settings)
        return Reader("prod", **timeout, **settings)

    return made


@pytest.mark.parametrize("case", ANSWERS)
def test_a_cold_read_says_what_came_back(loopback: Any, reader_of: Any, case: str) -> None:
    answer, kind, text = ANSWERS[case]
    loopback.answers.append(answer(loopback))
    with pytest.raises(ModelConfigError) as caught:
        reader_of(case).get("chat")
    assert type(caught.value) is kind
    assert text in str(caught.value)
    assert f"ssm:GetParameters of {NAME}:stable" in str(caught.value)
    assert "testing" not in str(caught.value)


@pytest.mark.parametrize("case", ANSWERS)
def test_a_renewal_that_fails_leaves_the_last_good_one_served_and_recovers(
    loopback: Any, reader_of: Any, clock: Any, case: str
) -> None:
    answer, _, _ = ANSWERS[case]
    secrets = {"key": "text"}
    loopback.answers[:] = [loopback.holds(CONFIG, secrets)]
    reader = reader_of(case, clock=clock, max_wait=60)
    assert reader.get("chat").release == 7
    clock.advance(301)
    loopback.answers[:] = [answer(loopback)]
    old = reader.get("chat")
    assert (old.release, old.age) == (7, 301)
    wait_until(lambda: reader.status()["models"][0]["state"] == "stale")
    loopback.answers[:] = [loopback.holds(CONFIG, secrets, version=8)]
    clock.advance(LONGEST_PAUSE)
    wait_until(lambda: reader.get("chat").release == 8)
    assert reader.get("chat").age == 0


@pytest.mark.usefixtures("runtime")
def test_a_port_nobody_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "TRIES", 1)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and never listens
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(StoreUnavailableError, match=r"Could not connect.*Check the network"):
            Reader("prod").get("chat")


@pytest.mark.usefixtures("runtime")
def test_a_host_that_accepts_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "TRIES", 1)
    with socket.socket() as full, ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # more than may wait
            other = others.enter_context(socket.socket())
            other.settimeout(0)
            other.connect_ex(full.getsockname())
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", f"http://127.0.0.1:{full.getsockname()[1]}")
        with pytest.raises(StoreUnavailableError, match=r"no answer in time.*Check the network"):
            Reader("prod", connect_timeout=0.1).get("chat")


def half_with_a_secret(loopback: Any, rest: str) -> Any:
    """Answer with a reply whose first half holds a secret."""
    body = '{"Parameters": [{"Name": "/x", "Value": "sk-live"' + rest * 101
    return loopback.says(200, body.encode(), whole=False)


@pytest.mark.parametrize("rest", ["x", "é", "éa"])
def test_a_half_reply_with_a_secret_in_it_is_not_shown(
    loopback: Any, reader_of: Any, rest: str
) -> None:
    loopback.answers.append(half_with_a_secret(loopback, rest))
    with pytest.raises(StoreUnavailableError) as caught:
        reader_of("half").get("chat")
    # As an error tracker does, with every frame's local variables.
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert "sk-live" not in "".join(shown.format())


# Our own client


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


def test_our_own_client_has_the_timeouts_that_are_documented(
    own_client_asks: Any, runtime: str
) -> None:
    own_client_asks.answers.append(own_client_asks.holds(CONFIG))
    reader = Reader("prod")
    assert reader.get("chat").release == 7
    if runtime == "awscrt":
        assert reader._source._wire.timeouts == (2, 5)
    else:
        config = reader._source._own[0].meta.config
        assert (config.connect_timeout, config.read_timeout) == (2, 5)
        assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 1)
    assert "Default: 2 to connect, 5 to answer" in " ".join((Reader.__doc__ or "").split())


@pytest.mark.parametrize("session", [boto3.Session, botocore.session.Session])
def test_our_own_client_is_made_as_the_reader_is_told(own_client_asks: Any, session: Any) -> None:
    own_client_asks.answers.append(own_client_asks.holds(CONFIG))
    reader = Reader(
        "prod", session=session(), region="us-east-2", connect_timeout=1, read_timeout=0.5
    )
    assert reader.get("chat").release == 7
    meta = reader._source._own[0].meta
    assert meta.region_name == "us-east-2"
    assert (meta.config.connect_timeout, meta.config.read_timeout) == (1, 0.5)


def test_a_first_read_with_our_own_client_asks_a_few_times(own_client_asks: Any) -> None:
    fault = own_client_asks.refuses("InternalServerError", "oops", 500)
    own_client_asks.answers[:] = [fault, fault, own_client_asks.holds(CONFIG)]
    assert Reader("prod").get("chat").release == 7
    assert own_client_asks.asked == 3


def test_a_connection_that_was_closed_meanwhile_costs_no_renewal(
    own_client_asks: Any, clock: Any
) -> None:
    good = own_client_asks.holds(CONFIG)
    own_client_asks.answers[:] = [good, own_client_asks.resets(), good]
    reader = Reader("prod", clock=clock, max_wait=60)
    reader.get("chat")
    clock.advance(301)
    assert reader.get("chat").age == 0
    assert reader.counters()["failures"] == 0


@pytest.mark.usefixtures("runtime")
def test_an_endpoint_that_is_not_an_address_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "not an address")
    with pytest.raises(UsageError, match=r"not an address.*AWS_ENDPOINT_URL"):
        Reader("prod").get("chat")


@pytest.mark.usefixtures("runtime")
def test_a_dead_proxy_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://ssm.example.invalid")
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and never listens
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(StoreUnavailableError, match=r"proxy doesn't answer.*HTTPS_PROXY"):
            Reader("prod").get("chat")


def test_a_server_without_tls_is_told_as_one(
    own_client_asks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", own_client_asks.url.replace("http", "https"))
    with pytest.raises(StoreUnavailableError, match=r"no trusted TLS connection.*AWS_CA_BUNDLE"):
        Reader("prod").get("chat")


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


def broken_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    if what == "a token's file that is missing":
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/app")
        return
    config = tmp_path / "config"
    program = str(tmp_path / "none") if what == "a program that is missing" else "echo nonsense"
    config.write_text(f"[default]\ncredential_process = {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))


@pytest.mark.parametrize(
    "what",
    [
        "a token's file that is missing",
        "a program that is missing",
        "a program that prints nonsense",
    ],
)
def test_broken_credentials_are_an_outage(
    own_client_asks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Any, what: str
) -> None:
    own_client_asks.answers.append(own_client_asks.holds(CONFIG))
    reader = Reader("prod", clock=clock, max_wait=60)
    reader.get("chat")
    broken_credentials(monkeypatch, tmp_path, what)
    with pytest.raises(CredentialsError, match="no usable credentials"):
        Reader("prod").get("chat")
    reader.close()  # so that it looks for them again
    clock.advance(301)
    assert reader.get("chat").age == 301
    wait_until(lambda: reader.status()["models"][0]["state"] == "stale")
    assert reader.status()["models"][0]["failed"]["error"] == "CredentialsError"


@pytest.mark.parametrize("missing", ["no region", "no credentials", "half the credentials"])
def test_what_is_not_set_is_named(
    own_client_asks: Any, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    own_client_asks.answers.append(own_client_asks.holds(CONFIG))
    names = {
        "no region": ["AWS_REGION", "AWS_DEFAULT_REGION"],
        "no credentials": ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
        "half the credentials": ["AWS_SECRET_ACCESS_KEY"],
    }[missing]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    fix = "Set AWS_DEFAULT_REGION" if missing == "no region" else "set the credentials"
    with pytest.raises(CredentialsError, match=fix):
        Reader("prod").get("chat")
    assert own_client_asks.asked == 0


def test_an_unknown_profile_is_named(own_client_asks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CredentialsError, match=r"nobody.*could not be found"):
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
