"""A clock that is set by hand, an SSM inside the process (moto), and a server that misbehaves."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ssm.models import ssm_backends

from model_config.format import release
from support.documents import Documents

try:
    import model_config.reader.crt as CRT  # noqa: N812 - a constant of the tests
except ImportError:  # it needs the extra `crt`
    CRT = None

REGION = "eu-west-1"
# One session for all tests: botocore reads its data once, a quarter of a second.
SESSION = boto3.Session("testing", "testing", region_name=REGION)
_CLIENT = SESSION.client("ssm")


@pytest.fixture
def made_up_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["boto3", "awscrt"])
def runtime(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a reader asks with that is given no client. Such a test runs over each."""
    if request.param == "awscrt":
        if CRT is None:
            pytest.skip("awscrt isn't installed, which the extra `crt` brings")
        monkeypatch.setitem(sys.modules, CRT.__name__, CRT)
    return str(request.param)


class Clock:
    """Seconds that pass when a test says so, and a time of day beside them."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.day = 1_800_000_000.0  # in January 2027

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.day + self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Aws:
    """SSM with what a deploy leaves in it.

    `requests` lists what was asked, newest last, and `decrypted` the names of those that decrypt.
    """

    def __init__(self) -> None:
        # A client with events of its own; the rest takes ten milliseconds to make.
        self.client = object.__new__(type(_CLIENT))
        vars(self.client).update(vars(_CLIENT), meta=copy(_CLIENT.meta))
        self.client.meta.events = copy(_CLIENT.meta.events)
        self.requests: list[tuple[str, list[str]]] = []
        self.decrypted: list[list[str]] = []
        self.client.meta.events.register("provide-client-params.ssm", self._record)

    def deploy(  # noqa: PLR0913 - what tests vary
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str] | None = None,
        *,
        model: str = "chat",
        environment: str = "prod",
        label: str | None = None,
        document: str | None = None,
    ) -> int:
        """Write a model's secrets, parts and release; return the release's number."""
        base = f"/ai/{environment}/{model}"
        for path, text in (secrets or {}).items():
            self.put(f"{base}/secrets/{path}", text)
        content = release.Release.of(model, environment, "Chat", config, secrets=secrets or ())
        written = release.write_release(content)
        for name, text in written.named_parts(base).items():
            self.put(name, text)
        number = self.put(f"{base}/release", document or written.document)
        if label:
            self.client.label_parameter_version(
                Name=f"{base}/release", ParameterVersion=number, Labels=[label]
            )
        self.requests.clear()
        return number

    def put(self, name: str, text: str) -> int:
        answer = self.client.put_parameter(
            Name=name, Value=text, Type="SecureString", Tier="Standard", Overwrite=True
        )
        return int(answer["Version"])

    def fill(self, count: int, name: str = "/ai/prod/chat/release") -> None:
        """Write that many more versions, which nobody can read, past the client: in a tenth."""
        options = ("SecureString", "", "alias/aws/ssm", True, [], "text", "Standard", None)
        for number in range(count):
            ssm_backends[DEFAULT_ACCOUNT_ID][REGION].put_parameter(
                name, "", f"{{{number}", *options
            )

    def labels(self, model: str = "chat") -> dict[str, int]:
        """Return which release each label is on."""
        history = self.client.get_parameter_history(Name=f"/ai/prod/{model}/release")
        self.requests.clear()
        return {
            label: each["Version"] for each in history["Parameters"] for label in each["Labels"]
        }

    def _record(self, params: dict[str, Any], model: Any, **_: object) -> None:
        names = params.get("Names") or [params.get("Name", "")]
        self.requests.append((model.name, names))
        if params.get("WithDecryption"):
            self.decrypted.append(names)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws()


Answer = Callable[[BaseHTTPRequestHandler], None]


class Loopback:
    """A server on 127.0.0.1 that answers as it is told, the last answer for ever."""

    def __init__(self) -> None:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                loopback.asked += 1
                answers = loopback.answers
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                with suppress(OSError):  # the client may have hung up
                    answer(self)
                self.close_connection = True

            do_GET = do_PUT = do_POST  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                pass

        self.answers: list[Answer] = []
        self.asked = 0
        self.released = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._has_ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._has_ended:  # without polling, as serve_forever does
            self.server.handle_request()

    def end(self) -> None:
        self.released.set()
        self._has_ended = True
        socket.create_connection(self.server.server_address).close()
        self._thread.join()
        self.server.server_close()

    def client(self, **config: Any) -> Any:
        settings = {"connect_timeout": 5, "read_timeout": 5, "retries": {"total_max_attempts": 1}}
        return SESSION.client("ssm", endpoint_url=self.url, config=Config(**{**settings, **config}))

    def says(self, status: int, body: object, *, whole: bool = True) -> Answer:
        """Answer with a body; not `whole`: hang up in the middle of it."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/x-amz-json-1.1")
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data if whole else data[: len(data) // 2])

        return answer

    def refuses(self, code: str, message: str = "", status: int = 400) -> Answer:
        return self.says(status, {"__type": code, "message": message})

    def resets(self) -> Answer:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.connection.close()

        return answer

    def hangs(self) -> Answer:
        def answer(_: BaseHTTPRequestHandler) -> None:
            self.released.wait(timeout=10)

        return answer

    def serves(self, documents: Documents) -> Answer:
        """Answer as SSM that holds these documents."""

        def answer(handler: Any) -> None:
            wanted = json.loads(handler.body)
            ask = documents.get if wanted["WithDecryption"] else documents.look
            parameters = [
                {
                    "Name": it.name,
                    "Version": it.version,
                    "Type": "String" if it.name.endswith("/rollout") else "SecureString",
                    "Value": it.text or "encrypted",
                    "LastModifiedDate": it.modified and it.modified.timestamp(),
                }
                for it in ask(wanted["Names"]).values()
            ]
            self.says(200, {"Parameters": parameters, "InvalidParameters": []})(handler)

        return answer

    def holds(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str] | None = None,
        version: int = 7,
        after: threading.Event | None = None,
    ) -> Answer:
        """Answer like SSM, at once or after an event, with a release of "chat" in "prod"."""
        content = release.Release.of("chat", "prod", "Chat", config, secrets=secrets or ())
        base = "/ai/prod/chat"
        found = [(f"{base}/release", version, release.write_release(content).document)]
        found += [(f"{base}/secrets/{path}", 1, text) for path, text in (secrets or {}).items()]
        parameters = [
            {"Name": n, "Version": v, "Value": text, "Type": "SecureString", "LastModifiedDate": v}
            for n, v, text in found
        ]
        says = self.says(200, {"Parameters": parameters, "InvalidParameters": []})

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if after:
                after.wait(timeout=20)
            says(handler)

        return answer


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    loopback = Loopback()
    yield loopback
    loopback.end()
