"""What the agent costs: a cached value beside an empty starlette route, an outage, and its start.

One value is asked for over a kept connection, in turn from the agent by OFREP and by its own
interface, and from an application whose routes answer `{}` to the same requests, on the same
server. With `--flagd PATH`, flagd's OFREP answers the same question too. Then the agent is asked by
as many keys as requests during a rollout, which must take no memory, and by 16 clients during a
black hole. Run it with `make bench`.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _measure import Row, clean_environment, counted, report, row
from _server import Aws, BenchServer, config_of

MODELS = [f"model_{number}" for number in range(50)]
FLAG = "model_0/group_0/field_1"  # a float
ROUNDS, IN_A_ROUND = 10, 300
CLIENTS, PAUSE = 16, 0.02
RATIO, P99, GROWTH, START = 0.7, 0.020, 5.0, 1.5
ROLLOUT = json.dumps(
    {
        "format": 1,
        "rollout": {
            "label": "stable",
            "release": 2,
            "from": 1,
            "salt": "0123456789abcdef",
            "steps": [{"at": "2026-01-01T00:00:00Z", "percent": 50}],
            "poll_seconds": 30,
        },
    }
)
EMPTY = """
import socket, sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from model_config.loopback import listen

async def empty(request):
    return JSONResponse({})

app = Starlette(routes=[Route("/empty", empty, methods=["GET", "POST"])])
listener = listen(int(sys.argv[1]))
config = uvicorn.Config(app, http="h11", log_level="warning", access_log=False, ws="none")
uvicorn.Server(config).run(sockets=[listener])
"""


class Client:
    """A kept connection that sends a request's bytes and waits for the whole answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Return the status and the body."""
        self._socket.sendall(request)
        said = self._socket.recv(65_536)
        while b"\r\n\r\n" not in said:
            said += self._more()
        head, _, body = said.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._more()
        return int(head[9:12]), body

    def _more(self) -> bytes:
        if not (part := self._socket.recv(65_536)):
            raise ConnectionError("the server hung up")
        return part

    def close(self) -> None:
        self._socket.close()


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """Return a request as a client sends it."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def evaluation(token: str, flag: str, key: str) -> bytes:
    body = json.dumps({"context": {"targetingKey": key}}).encode()
    return request("POST", f"/ofrep/v1/evaluate/flags/{flag}", token, body)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(port: int, asked: bytes, status: int = 200) -> None:
    """Wait until a server answers, and with this status."""
    for _ in range(6000):
        try:
            client = Client(port)
            try:
                if client.ask(asked)[0] == status:
                    return
            finally:
                client.close()
        except OSError:
            pass
        time.sleep(0.01)
    raise SystemExit(f"nothing answers on port {port}")


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def agent(folder: Path, models: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], int, str]]:
    """Start an agent; yield its process, its port and its token."""
    port, token = free_port(), folder / "token"
    named = [word for model in models for word in ("--models", model)]
    command = ["-m", "model_config", "agent", "-e", "prod", "--port", str(port)]
    with running(sys.executable, *command, "--token-file", str(token), *named) as process:
        wait_for(port, request("GET", "/readyz"))
        yield process, port, token.read_text().strip()


def starts(server: BenchServer, folder: Path) -> Iterator[Row]:
    """Start the agent a few times."""
    taken, requests = [], []
    for _ in range(5):
        began, before = time.perf_counter(), server.requests()
        with agent(folder, MODELS):
            taken.append(time.perf_counter() - began)
            requests.append(server.requests() - before)
    names = 2 * len(MODELS)  # a release and a rollout each
    yield counted(
        f"start to /readyz, {len(MODELS)} models", "s", statistics.median(taken), None, START
    )
    yield counted("requests of a start", "", max(requests), names / 10, names / 10)


def in_turn(ports_and_requests: list[tuple[int, bytes]]) -> list[list[float]]:
    """Return the sorted seconds of each server's requests, measured in turn."""
    clients = [Client(port) for port, _ in ports_and_requests]
    taken: list[list[float]] = [[] for _ in clients]
    for _ in range(ROUNDS):
        for client, (_, asked), times in zip(clients, ports_and_requests, taken, strict=True):
            for _ in range(IN_A_ROUND):
                began = time.perf_counter()
                status, _ = client.ask(asked)
                times.append(time.perf_counter() - began)
                if status != 200:
                    raise SystemExit(f"the server said {status}")
    for client in clients:
        client.close()
    return [sorted(times) for times in taken]


def speed(port: int, token: str, flagd: str | None, folder: Path) -> Iterator[Row]:
    """Compare one cached value with an empty route, and with flagd."""
    empty, other = free_port(), free_port()
    body = json.dumps({"context": {"targetingKey": "user-1"}}).encode()
    path = f"/v1/models/model_0/values/{FLAG.partition('/')[2]}"
    servers = [
        (port, evaluation(token, FLAG, "user-1")),
        (empty, request("POST", "/empty", token, body)),
        (port, request("GET", path, token)),
        (empty, request("GET", "/empty", token)),
    ]
    commands = [[sys.executable, "-c", EMPTY, str(empty)]]
    if flagd:
        flags = {"n": {"state": "ENABLED", "variants": {"on": 0.5}, "defaultVariant": "on"}}
        (folder / "flags.json").write_text(json.dumps({"flags": flags}))
        source = f"file:{folder / 'flags.json'}"
        management, grpc = str(free_port()), str(free_port())
        ports = ["--ofrep-port", str(other), "--port", grpc, "--management-port", management]
        commands.append([flagd, "start", *ports, "--sync-port", str(free_port()), "--uri", source])
        servers.append((other, evaluation("", "n", "user-1")))
    with running(*commands[0]), running(*(commands[1:] or [["sleep", "600"]])[0]):
        for at, asked in servers:
            wait_for(at, asked)
        ofrep, empty_post, own, empty_get, *others = in_turn(servers)
    for name, ours, baseline in (("OFREP", ofrep, empty_post), ("GET", own, empty_get)):
        per_second, at_best = (len(times) / sum(times) for times in (ours, baseline))
        verdict = "ok" if per_second >= RATIO * at_best else "under"
        bound = f"ratio >= {RATIO}: {verdict}"
        yield row(f"a cached value by {name}", "1/s", per_second, at_best, bound)
        for share in (0.5, 0.99):
            mine, theirs = (times[int(len(times) * share)] * 1_000 for times in (ours, baseline))
            yield row(f"{name}, p{share * 100:.0f}", "ms", mine, theirs)
    for times in others:
        yield row("OFREP, beside flagd", "1/s", len(ofrep) / sum(ofrep), len(times) / sum(times))


def memory_of(process: subprocess.Popen[bytes]) -> float:
    """Return a process's resident memory in MiB."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def keys(process: subprocess.Popen[bytes], port: int, token: str, count: int) -> Row:
    """Evaluate by another key each time, during a rollout."""
    client, before, variants = Client(port), 0.0, set()
    while b"SPLIT" not in client.ask(evaluation(token, FLAG, "user"))[1]:
        time.sleep(0.1)  # the agent's time to live is 5 s
    for number in range(count + 5_000):
        if number == 5_000:
            before = memory_of(process)
        _, body = client.ask(evaluation(token, FLAG, f"user-{number}"))
        variants.add(json.loads(body)["variant"])
    client.close()
    if variants != {"candidate", "control"}:
        raise SystemExit(f"no rollout: {variants}")
    return counted(f"memory of {count:,} keys", "MiB", memory_of(process) - before, None, GROWTH)


def outage(port: int, token: str, seconds: float) -> Iterator[Row]:
    """Let clients ask while every connection to SSM hangs."""
    taken: list[list[float]] = [[] for _ in range(CLIENTS)]
    failed = [0] * CLIENTS
    ends = time.monotonic() + seconds

    def repeat(number: int) -> None:
        client, turn = Client(port), number
        while time.monotonic() < ends:
            model = MODELS[turn % len(MODELS)]
            began = time.perf_counter()
            status, _ = client.ask(evaluation(token, f"{model}/group_0/field_1", f"user-{turn}"))
            taken[number].append(time.perf_counter() - began)
            failed[number] += status != 200
            turn += CLIENTS + 1
            time.sleep(PAUSE)
        client.close()

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(one for client in taken for one in client)
    name = f"{CLIENTS} clients, black hole of {seconds:.0f} s"
    yield counted(f"{name}: failed", "share", sum(failed) / len(times), None, 0)
    yield counted(f"{name}: p99", "s", times[int(len(times) * 0.99)], None, P99)
    yield row(f"{name}: slowest", "s", times[-1], None)


def rows(server: BenchServer, arguments: argparse.Namespace, folder: Path) -> Iterator[Row]:
    aws = Aws(server)
    for model in MODELS:
        aws.deploy(model, config_of(5), {})
        aws.roll_out(model, '{"format":1}')
    yield from starts(server, folder)
    aws.deploy("model_0", config_of(5, 1), {}, promote=False)
    with agent(folder, MODELS) as (process, port, token):
        yield from speed(port, token, arguments.flagd, folder)
        aws.roll_out("model_0", ROLLOUT)
        yield keys(process, port, token, arguments.keys)
        server.fails("black hole")
        yield from outage(port, token, arguments.seconds)
        server.fails("")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60, help="how long the outage lasts")
    parser.add_argument("--flagd", help="the path of flagd, to compare with it")
    arguments = parser.parse_args()
    clean_environment()
    with BenchServer() as server, tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "AWS_ENDPOINT_URL_SSM": server.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
        kept = list(rows(server, arguments, Path(folder)))
    report("agent.json", f"the agent, {len(MODELS)} models", kept)


if __name__ == "__main__":
    main()
