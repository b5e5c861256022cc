"""The SSM that the bench reads from, 10 ms away, and both ways to read what a deploy left there."""

import json
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any, Self

import boto3
from botocore.config import Config

from model_config import Reader
from model_config.format import release

DELAY = 0.010
PAGE = 10
THREADS = 32  # that may ask at once
CODES = {
    "throttling": "ThrottlingException",
    "denied": "AccessDeniedException",
    "expired credentials": "ExpiredTokenException",
}
FAILURES = ["black hole", "drip", *CODES, "reset connections"]
HOLE = 60  # seconds that a black hole keeps a connection
# Theirs is a tree of their own: in ours, a read by path would hand out the release too, on a fifth
# page. It holds JSON, so that one `transform` gives them the same values.
OURS, THEIRS = "/ai/prod", "/plain/prod"

Values = dict[str, dict[str, Any]]


def config_of(fields: int, marker: int = 0, length: int = 8) -> Values:
    """Return values of four types in groups of five, the marker in each of them."""
    dice = random.Random(marker)  # noqa: S311 - made-up values
    config: Values = {}
    for n in range(fields):
        config.setdefault(f"group_{n // 5}", {})[f"field_{n % 5}"] = (
            marker,
            marker + round(dice.random() / 2, 3),
            f"{marker}.{dice.randbytes(length).hex()}",
            [marker, dice.randrange(1_000)],
        )[n % 4]
    return config


def secrets_of(number: int) -> dict[str, str]:
    return {f"key_{n}": f"made up {n}" for n in range(number)}


def flat(config: Values) -> dict[str, Any]:
    return {f"{group}/{key}": v for group, values in config.items() for key, v in values.items()}


class Aws:
    """Deploys to the server, and reads from it as we do and as Powertools does."""

    def __init__(self, server: "BenchServer") -> None:
        # It reads POWERTOOLS_* when it is imported.
        from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415

        session = boto3.Session("testing", "testing", region_name="eu-west-1")
        settings = Config(max_pool_connections=THREADS)
        self.client, theirs = (
            session.client("ssm", endpoint_url=server.url, config=settings) for _ in range(2)
        )
        self.requests = server.requests
        self.powertools = parameters
        parameters.base.DEFAULT_PROVIDERS["ssm"] = parameters.SSMProvider(boto3_client=theirs)

    def deploy(
        self, model: str, config: Values, secrets: dict[str, str], *, promote: bool = True
    ) -> int:
        """Write every value, then the release, then its label; return how many parts it has."""
        base = f"{OURS}/{model}"
        content = release.Release.of(model, "prod", "Bench", config, secrets=secrets)
        written = release.write_release(content)
        values = {**flat(config), **secrets}
        texts = {f"{THEIRS}/{model}/{path}": json.dumps(value) for path, value in values.items()}
        texts |= {f"{base}/secrets/{path}": text for path, text in secrets.items()}
        texts |= written.named_parts(base)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._put, texts.keys(), texts.values()))
        number = self._put(f"{base}/release", written.document)
        if promote:
            self.promote(model, number)
        return len(written.parts)

    def promote(self, model: str, number: int) -> None:
        """Move the label."""
        name = f"{OURS}/{model}/release"
        self.client.label_parameter_version(Name=name, ParameterVersion=number, Labels=["stable"])

    def roll_out(self, model: str, text: str) -> None:
        """Write a model's rollout."""
        self._put(f"{OURS}/{model}/rollout", text)

    def _put(self, name: str, text: str) -> int:
        put = self.client.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)
        return int(put["Version"])

    def reader(self, **settings: Any) -> Reader:
        return Reader("prod", client=self.client, **settings)

    def by_name(self, model: str, paths: list[str]) -> dict[str, Any]:
        names: dict[str, Any] = {f"{THEIRS}/{model}/{path}": {} for path in paths}
        ask = self.powertools.get_parameters_by_name
        return ask(names, transform="json", decrypt=True, max_age=0)

    def by_path(self, model: str, max_age: int = 0) -> dict[str, Any]:
        ask, path = self.powertools.get_parameters, f"{THEIRS}/{model}"
        return ask(path, transform="json", decrypt=True, recursive=True, max_age=max_age)

    def count(self, action: Callable[[], object]) -> int:
        """Return how many requests an action makes."""
        before = self.requests()
        action()
        return self.requests() - before


class BenchServer:
    """SSM on 127.0.0.1 in a process of its own, so that it takes no time from the readers."""

    def __enter__(self) -> Self:
        processes = multiprocessing.get_context("spawn")
        self._pipe, theirs = processes.Pipe()
        self._process = processes.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.url = f"http://127.0.0.1:{self._pipe.recv()}"
        return self

    def __exit__(self, *_: object) -> None:
        self.fails("")
        self._pipe.close()
        self._process.join()

    def requests(self) -> int:
        """Return how many requests it has got."""
        return self.fails(None)

    def decrypting(self) -> int:
        """Return how many of them asked for a value that is encrypted."""
        self._pipe.send((None,))
        return int(self._pipe.recv()[1])

    def fails(self, how: str | None) -> int:
        """Let it fail from now on, as one of FAILURES or "" for not at all; return its requests."""
        self._pipe.send((how,))
        return int(self._pipe.recv()[0])


def _serve(pipe: Connection) -> None:
    """Serve until the other end of the pipe is closed, if only because its process has died."""
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with suppress(EOFError, KeyboardInterrupt):
        pipe.send(server.server_port)
        while True:
            (how,) = pipe.recv()
            if how is not None:
                server.failure = how
                server.changed.set()
                server.changed = threading.Event()
            pipe.send((server.requests, server.decrypting))


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # connections that many threads open at once

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.requests = self.decrypting = 0
        self.failure = ""
        self.changed = threading.Event()
        self.lock = threading.Lock()
        self._texts: dict[tuple[str, int], str] = {}
        self._newest: Counter[str] = Counter()
        self._labels: dict[str, int] = {}

    def answer(self, operation: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Do what one request asks, all of it at one moment."""
        with self.lock:
            self.requests += 1
            return {
                "PutParameter": self._put,
                "LabelParameterVersion": self._label,
                "GetParameters": self._get,
                "GetParametersByPath": self._get_by_path,
            }[operation](wanted)

    def _put(self, wanted: dict[str, Any]) -> dict[str, Any]:
        name = wanted["Name"]
        self._newest[name] += 1
        self._texts[name, self._newest[name]] = wanted["Value"]
        return {"Version": self._newest[name]}

    def _label(self, wanted: dict[str, Any]) -> dict[str, Any]:
        [label], version = wanted["Labels"], wanted["ParameterVersion"]
        self._labels[f"{wanted['Name']}:{label}"] = version
        return {"InvalidLabels": [], "ParameterVersion": version}

    def _get(self, wanted: dict[str, Any]) -> dict[str, Any]:
        self.decrypting += wanted["WithDecryption"]
        found = {name: self._version(name) for name in wanted["Names"]}
        return {
            "Parameters": [self._shown(name.split(":")[0], n) for name, n in found.items() if n],
            "InvalidParameters": [name for name, n in found.items() if not n],
        }

    def _version(self, asked: str) -> int:
        """Return the version that a name asks for, 0 where there is none."""
        name, _, selector = asked.partition(":")
        if selector.isdigit():
            return int(selector)
        return self._labels.get(asked, 0) if selector else self._newest[name]

    def _get_by_path(self, wanted: dict[str, Any]) -> dict[str, Any]:
        start = int(wanted.get("NextToken", 0))
        names = sorted(name for name in self._newest if name.startswith(wanted["Path"] + "/"))
        page = names[start : start + PAGE]
        more = {"NextToken": str(start + PAGE)} if len(names) > start + PAGE else {}
        return {"Parameters": [self._shown(name, self._newest[name]) for name in page], **more}

    def _shown(self, name: str, version: int) -> dict[str, Any]:
        text = self._texts[name, version]
        # Each version has a date of its own. Without decryption, a SecureString comes encrypted.
        kind = "String" if name.endswith("/rollout") else "SecureString"
        date = 1_800_000_000 + version
        return {
            "Name": name,
            "Type": kind,
            "Value": text,
            "Version": version,
            "LastModifiedDate": date,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    wbufsize = -1  # head and body leave together, or the second would wait for the first
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.failure:
            self._fail(self.server.failure)
            return
        operation, wanted = (
            self.headers["X-Amz-Target"].removeprefix("AmazonSSM."),
            json.loads(body),
        )
        time.sleep(DELAY)
        self._say(200, self.server.answer(operation, wanted))

    def _fail(self, how: str) -> None:
        with self.server.lock:
            self.server.requests += 1
        if how == "black hole":
            self.server.changed.wait(HOLE)
        if how == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            with suppress(OSError):
                while not self.server.changed.wait(1):
                    self.wfile.write(b" ")
                    self.wfile.flush()
        if how in CODES:
            time.sleep(DELAY)
            self._say(400, {"__type": CODES[how], "message": "made to fail"})
        else:
            self.close_connection = True

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
