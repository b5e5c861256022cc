"""What a reader without a client finds by itself, over boto3 and over awscrt alike."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.aws import CRT, REGION
from support.documents import Documents
from support.waiting import wait_until

from model_config import Reader
from model_config.format.errors import CredentialsError, StoreUnavailableError
from model_config.reader import reader as reader_module

CONFIG = {"n": 1}
NAMES = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")
LATER = f"{datetime.now(UTC) + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}"


class Ssm:
    """Answers as SSM, and keeps how it was asked; other paths are answered as a test says."""

    def __init__(self, loopback: Any) -> None:
        self.loopback, self.url = loopback, loopback.url
        self.documents = Documents()
        self.documents.deploy(CONFIG, {"key": "made up"})
        self.headers: list[Any] = []
        self.lines: list[str] = []
        self.others: dict[str, Callable[[Any], None]] = {}
        loopback.answers[:] = [self.answer]

    def answer(self, handler: Any) -> None:
        self.lines.append(f"{handler.command} {handler.path}")
        if "X-Amz-Target" in handler.headers:
            self.headers.append(handler.headers)
            self.loopback.serves(self.documents)(handler)
        else:
            name = next(name for name in self.others if handler.path.startswith(name))
            self.others[name](handler)

    @property
    def key(self) -> str:
        """The access key that the last request was signed with."""
        return self.headers[-1]["Authorization"].partition("Credential=")[2].partition("/")[0]


@pytest.fixture
def ssm(loopback: Any, runtime: str, monkeypatch: pytest.MonkeyPatch) -> Ssm:  # noqa: ARG001 - which runtime
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", loopback.url)
    return Ssm(loopback)


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


def test_releases_parts_secrets_and_rollouts_are_read_and_looks_decrypt_nothing(
    ssm: Ssm, clock: Any
) -> None:
    config = {"t": "".join(map(chr, range(200, 9000)))}
    ssm.documents.deploy(config, {"key": "made up"})
    reader = Reader("prod", clock=clock, max_wait=60)
    chat = reader.get("chat")
    assert (chat.as_dict(), chat.secrets["key"].reveal()) == (config, "made up")
    decrypted = len(ssm.documents.read)
    clock.advance(31)
    assert reader.get("chat").age == 0
    assert len(ssm.documents.read) == decrypted
    ssm.documents.deploy({"n": 3}, {"key": "rotated"})
    clock.advance(31)
    assert reader.get("chat").secrets["key"].reveal() == "rotated"
    ssm.documents.deploy({"n": 4}, promote=False)
    rollout = {"label": "stable", "release": 4, "from": 3, "salt": "0" * 16}
    rollout["steps"] = [{"at": "2020-01-01T00:00:00Z", "percent": 100}]
    ssm.documents.put("/ai/prod/chat/rollout", json.dumps({"format": 1, "rollout": rollout}))
    clock.advance(31)
    assert reader.get("chat", key="user").release == 4
    assert "boto3_because" not in reader.status()["aws"]


def of_a_profile(ssm: Ssm, folder: Path) -> dict[str, str]:  # noqa: ARG001 - as all
    (folder / "config").write_text("[profile own]\nregion = us-west-2\noutput = json\n")
    (folder / "credentials").write_text(
        "[other]\naws_access_key_id = wrong\n"
        "[own]\naws_access_key_id = found\naws_secret_access_key = made up\n"
        "aws_session_token = token\n"
    )
    return {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_PROFILE": "own",
    }


def of_a_process(ssm: Ssm, folder: Path) -> dict[str, str]:  # noqa: ARG001 - likewise
    found = dict(
        zip(("Version", *NAMES[:2], "SessionToken"), (1, "found", "x", "token"), strict=True)
    )
    (folder / "keys").write_text(json.dumps({**found, "Expiration": LATER}))
    (folder / "config").write_text(f"[default]\ncredential_process = cat '{folder}/keys'\n")
    return {"AWS_CONFIG_FILE": str(folder / "config")}


def of_a_service_account(ssm: Ssm, folder: Path) -> dict[str, str]:
    def assume(handler: Any) -> None:
        assert b"WebIdentityToken=to%2Bken&" in handler.body + b"&"
        assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fapp" in handler.body
        result = "".join(
            f"<{name}>{text}</{name}>"
            for name, text in zip(
                (*NAMES[:2], "SessionToken", NAMES[3]), ("found", "x", "token", LATER), strict=True
            )
        )
        name = "AssumeRoleWithWebIdentity"
        body = (
            f'<{name}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{name}Result>'
            f"<Credentials>{result}</Credentials></{name}Result></{name}Response>"
        )
        ssm.loopback.says(200, body.encode())(handler)

    ssm.others["/"] = assume
    (folder / "token").write_text("to+ken")
    return {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
        "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/app",
        "AWS_ENDPOINT_URL_STS": ssm.url,
    }


def metadata(ssm: Ssm) -> Any:
    keys = dict(zip(NAMES, ("found", "made up", "token", LATER), strict=True))
    return ssm.loopback.says(200, {**keys, "Code": "Success"})


def of_a_container(ssm: Ssm, folder: Path) -> dict[str, str]:  # noqa: ARG001 - likewise
    def answer(handler: Any) -> None:
        assert handler.headers["Authorization"] == "secret=="
        metadata(ssm)(handler)

    ssm.others["/v1/credentials"] = answer
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{ssm.url}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "secret==",
    }


def of_an_instance(ssm: Ssm, folder: Path) -> dict[str, str]:  # noqa: ARG001 - likewise
    base = "/latest/meta-data/iam/security-credentials/"

    def token(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        handler.send_header("Content-Length", "5")
        handler.end_headers()
        handler.wfile.write(b"token")

    ssm.others["/latest/api/token"] = token
    ssm.others[f"{base}role"] = metadata(ssm)
    ssm.others[base] = ssm.loopback.says(200, b"role")
    return {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": ssm.url}


@pytest.fixture
def found(
    ssm: Ssm,
    no_keys: None,  # noqa: ARG001 - none in the environment
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Any], None]:
    """Let credentials be found in a place, and nowhere else."""

    def prepare(place: Any) -> None:
        for name, text in place(ssm, tmp_path).items():
            monkeypatch.setenv(name, text)

    return prepare


@pytest.mark.parametrize(
    "place", [of_a_profile, of_a_process, of_a_service_account, of_a_container, of_an_instance]
)
def test_credentials_are_found(
    ssm: Ssm, found: Any, monkeypatch: pytest.MonkeyPatch, place: Any
) -> None:
    found(place)
    if place is of_a_profile:
        monkeypatch.delenv("AWS_DEFAULT_REGION")
    reader = Reader("prod")
    assert reader.get("chat").release == 1
    assert ssm.key == "found"
    assert ssm.headers[-1]["X-Amz-Security-Token"] == "token"
    region = "us-west-2" if place is of_a_profile else REGION
    assert f"/{region}/ssm/aws4_request" in ssm.headers[-1]["Authorization"]
    assert "boto3_because" not in reader.status()["aws"]


def test_credentials_that_are_refused_or_cut_short_are_told_as_such(
    ssm: Ssm, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "TRIES", 1)
    found(of_a_service_account)
    refusal = "<ErrorResponse><Error><Code>{}</Code><Message>no</Message></Error></ErrorResponse>"
    for status, text, is_whole, error in [
        (400, refusal.format("ExpiredTokenException"), True, CredentialsError),
        (503, refusal.format("ServiceUnavailable"), True, StoreUnavailableError),
        (200, "<AssumeRole", False, StoreUnavailableError),
    ]:
        ssm.others["/"] = ssm.loopback.says(status, text.encode(), whole=is_whole)
        with pytest.raises(error) as caught:
            Reader("prod").get("chat")
        assert type(caught.value) is error or not is_whole
    assert ssm.headers == []


@pytest.mark.usefixtures("no_keys")
def test_a_process_that_gives_no_credentials_is_no_outage(
    ssm: Ssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for command in (
        "cat 'x",
        'echo \'{"Version": 1, "AccessKeyId": "a", "Expiration": 5}\'',
        "/no/such/program",
        "echo nothing",
    ):
        (tmp_path / "config").write_text(f"[default]\ncredential_process = {command}\n")
        with pytest.raises(CredentialsError, match="no usable credentials"):
            Reader("prod").get("chat")
    assert ssm.headers == []


@pytest.mark.parametrize("heading", ["[profile own]", '[profile "own"]', "[profile  'own']"])
def test_keys_and_their_token_come_from_one_file(
    ssm: Ssm, found: Any, tmp_path: Path, heading: str
) -> None:
    keys = "aws_access_key_id = {}\naws_secret_access_key = made up\n"
    found(of_a_profile)
    (tmp_path / "config").write_text(f"{heading}\n{keys.format('other')}aws_session_token = t\n")
    (tmp_path / "credentials").write_text(f"[own]\n{keys.format('found')}")
    assert Reader("prod").get("chat").release == 1
    assert ssm.key == "found"
    assert "X-Amz-Security-Token" not in ssm.headers[-1]


def test_the_region_is_the_one_that_boto3_takes(ssm: Ssm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    with pytest.raises(CredentialsError, match="no region is set"):
        Reader("prod").get("chat")
    assert ssm.headers == []


def test_no_answer_is_to_be_compressed_and_no_redirect_is_followed(ssm: Ssm) -> None:
    def moved(handler: Any) -> None:
        assert handler.headers["Accept-Encoding"] == "identity"
        handler.send_response(307)
        handler.send_header("Location", f"{ssm.url}/other")
        handler.end_headers()

    ssm.loopback.answers[:] = [moved]
    with pytest.raises(StoreUnavailableError, match="HTTP 307, which is not from SSM"):
        Reader("prod")._source.get(["/x"])
    assert ssm.loopback.asked == 1


EMPTY = {
    "AWS_REGION": "",
    "AWS_ACCESS_KEY_ID": "Unable to locate credentials",
    "AWS_SECRET_ACCESS_KEY": "missing: AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN": "",
    "AWS_ENDPOINT_URL": "",
    "AWS_PROFILE": "The config profile",
    "AWS_DEFAULT_PROFILE": "The config profile",
    "AWS_CA_BUNDLE": "Invalid CA bundle",
    "REQUESTS_CA_BUNDLE": "Invalid CA bundle",
    "AWS_METADATA_SERVICE_TIMEOUT": "invalid literal",
}


def test_an_empty_variable_is_what_it_is_for_boto3(
    ssm: Ssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, refusal in EMPTY.items():
        settings = of_a_profile(ssm, tmp_path)
        if "PROFILE" in variable:
            (tmp_path / "credentials").write_text("[default]\naws_access_key_id = wrong\n")
        else:
            del settings["AWS_PROFILE"]
        with monkeypatch.context() as patch:
            for name, text in {**settings, variable: ""}.items():
                patch.setenv(name, text)
            ssm.headers.clear()
            reader = Reader("prod")
            if refusal:
                with pytest.raises(CredentialsError, match=refusal):
                    reader.get("chat")
                assert (variable, ssm.headers) == (variable, [])
            else:
                assert reader.get("chat").release == 1
                assert (variable, "boto3_because" in reader.status()["aws"]) == (variable, False)


def test_credentials_that_have_expired_or_expire_at_no_clear_time_are_not_used(
    ssm: Ssm, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    past, local = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00"
    for place, expires in [
        (of_a_process, past),
        *((of_a_service_account, each) for each in (past, local, "", "soon")),
    ]:
        monkeypatch.setitem(globals(), "LATER", expires)
        found(place)
        with pytest.raises(CredentialsError, match=r"no usable credentials \(\w+Error: "):
            Reader("prod").get("chat")
    assert ssm.headers == []


def test_an_instance_without_a_role_has_no_credentials(ssm: Ssm, found: Any) -> None:
    found(of_an_instance)
    ssm.others = dict.fromkeys(ssm.others, ssm.loopback.says(404, b"no"))
    with pytest.raises(CredentialsError, match=r"\(Unable to locate credentials\)"):
        Reader("prod").get("chat")
    assert ssm.headers == []


def test_a_proxy_is_used_unless_no_proxy_names_the_host(
    ssm: Ssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://ssm.example.invalid")
    monkeypatch.setenv("HTTP_PROXY", ssm.url.replace("http://", "http://user:pass%20word@"))
    assert Reader("prod").get("chat").release == 1
    assert ssm.lines[-1].startswith("POST http://ssm.example.invalid")
    assert ssm.headers[-1]["Proxy-Authorization"] == "Basic dXNlcjpwYXNzIHdvcmQ="
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", ssm.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert Reader("prod").get("chat").release == 1
    assert ssm.lines[-1] == "POST /"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate of localhost, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    files[0].write_bytes(made.public_bytes(pem))
    files[1].write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return files


def test_the_bundle_of_certificates_is_trusted_and_nothing_else(
    ssm: Ssm, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = ssm.loopback.server
    server.handle_error = lambda *_: None  # it would print that it isn't trusted
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    url = ssm.url.replace("http://127.0.0.1", "https://localhost")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", url)
    with monkeypatch.context() as patch:
        patch.setattr(reader_module, "TRIES", 1)
        if CRT is not None:  # boto3 tells what awscrt holds back for a while
            quick = partial(CRT._Wire, connect_timeout=0.1, read_timeout=0.1)
            patch.setattr(CRT, "_Wire", lambda **_: quick())
        with pytest.raises(StoreUnavailableError, match="no trusted TLS connection"):
            Reader("prod").get("chat")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
    reader = Reader("prod")
    assert reader.get("chat").release == 1
    assert "boto3_because" not in reader.status()["aws"]


# awscrt alone


over_awscrt = pytest.mark.parametrize("runtime", ["awscrt"], indirect=True)


@over_awscrt
def test_credentials_may_take_longer_than_an_answer(ssm: Ssm, found: Any) -> None:
    found(of_a_container)
    answer = ssm.others["/v1/credentials"]
    # Slower than a request to SSM may be. Nothing else tells that this time has passed.
    ssm.others["/v1/credentials"] = lambda handler: (threading.Event().wait(0.8), answer(handler))
    assert Reader("prod", connect_timeout=0.1, read_timeout=0.6).get("chat").release == 1


@over_awscrt
@pytest.mark.parametrize("what", ["one", "several at once", "one that looks for others"])
def test_closing_ends_all_requests(ssm: Ssm, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    source, ended = Reader("prod")._source, []
    together = threading.Barrier(3 if what == "several at once" else 1)
    read_profile = CRT._profile
    monkeypatch.setattr(CRT, "_profile", lambda: (together.wait(10), read_profile())[1])
    ssm.loopback.answers[:] = [ssm.loopback.hangs()]

    def ask() -> None:
        with pytest.raises(StoreUnavailableError, match="closed the connection"):
            source.get(["/x"])
        ended.append(ssm.loopback.released.is_set())

    threads = [threading.Thread(target=ask) for _ in range(together.parties)]
    for thread in threads:
        thread.start()
    wait_until(lambda: ssm.loopback.asked == together.parties)
    if what == "one that looks for others":
        ssm.loopback.answers[:] = [ssm.loopback.refuses("ExpiredTokenException")]
        with pytest.raises(CredentialsError):
            source.get(["/x"])
    asked = ssm.loopback.asked
    source.close()
    for thread in threads:
        thread.join()
    assert ended == [False] * together.parties
    assert ssm.loopback.asked == asked


@over_awscrt
def test_what_looks_for_credentials_asks_nothing_once_it_is_closed(ssm: Ssm, found: Any) -> None:
    found(of_a_container)
    asked, closed = threading.Event(), threading.Event()

    def answer(handler: Any) -> None:
        asked.set()
        closed.wait(10)
        metadata(ssm)(handler)

    ssm.others["/v1/credentials"] = answer
    source = Reader("prod")._source
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(source.get, ["/x"])
        assert asked.wait(10)
        source.close()
        closed.set()
        with pytest.raises(StoreUnavailableError, match="closed the connection"):
            asking.result()
    assert ssm.headers == []
    source.get(["/x"])
    assert len(ssm.headers) == 1


@over_awscrt
def test_a_container_without_credentials_is_told_as_such(ssm: Ssm, found: Any) -> None:
    found(of_a_container)
    ssm.others = dict.fromkeys(ssm.others, ssm.loopback.says(403, b"no"))
    with pytest.raises(CredentialsError, match="there are no usable credentials"):
        Reader("prod").get("chat")
    assert ssm.headers == []


@over_awscrt
def test_what_awscrt_cannot_do_is_left_to_boto3_and_the_status_says_so(
    ssm: Ssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "TRIES", 1)
    (tmp_path / "config").write_text("[default]\nduration_seconds = 900\n")
    secure = ssm.url.replace("http", "https")
    for settings, reason in [
        ({"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, "AWS_STS_REGIONAL_ENDPOINTS is set"),
        ({"AWS_CONFIG_FILE": f"{tmp_path}/config"}, "the profile has duration_seconds"),
        ({}, "awscrt's threads can't wake those of gevent"),
        # Through a proxy, so that no request leaves this machine.
        (
            {
                "AWS_DEFAULT_REGION": "cn-north-1",
                "HTTPS_PROXY": ssm.url,
                "AWS_ENDPOINT_URL_SSM": "",
            },
            "boto3 knows the hosts of the region cn-north-1",
        ),
        ({"HTTP_PROXY": secure}, "the proxy is reached by https"),
    ]:
        with monkeypatch.context() as patch:
            for name, text in settings.items():
                patch.setenv(name, text)
            if not settings:
                patch.setitem(sys.modules, "gevent", sys)
            reader = Reader("prod")
            if settings.keys() & {"HTTP_PROXY", "HTTPS_PROXY"}:
                with pytest.raises(StoreUnavailableError):
                    reader.get("chat")
            else:
                assert reader.get("chat").release == 1
            assert reader.status()["aws"]["boto3_because"] == reason


PROGRAM = """
import os, sys
from model_config import Reader
reader = Reader("prod")
assert reader.get("chat").release == 1
loaded = {"boto3", "botocore", "dataclasses", "pydantic", "ssl"} & set(sys.modules)
assert not loaded, loaded
child = os.fork()
if child == 0:
    assert reader.get("chat").release == 1
    reader.refresh()
    status = reader.status()
    assert status["models"][0]["state"] == "good", status
    assert "forked" in status["aws"]["boto3_because"], status
    sys.exit(42)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
reader.refresh()
assert reader.status()["models"][0]["state"] == "good"
assert "boto3_because" not in reader.status()["aws"]
"""


@over_awscrt
def test_what_is_slow_to_import_is_not_and_a_forked_child_reads_with_boto3(ssm: Ssm) -> None:  # noqa: ARG001
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
