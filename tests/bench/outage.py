"""What an outage costs an application that reads 50 models in 16 threads, beside Powertools.

Each kind of outage has a process of its own for each side. A thread pauses 2 ms between two reads.
Both have a time to live of 2 seconds, so that everything is due within the outage, clients made
from boto3's usual settings with 2 seconds to connect and 5 to answer, and botocore's own retries
where the side doesn't set them. Blocked is what reads took beyond 5 ms each, as a share of the
threads' time. Run it with `make bench`.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from _measure import Clock, Row, clean_environment, counted, report, row
from _server import FAILURES, OURS, THEIRS, Aws, BenchServer, config_of
from botocore.config import Config

from model_config import Reader
from model_config.format.errors import StoreUnavailableError
from model_config.reader.files import fallback_document

MODELS = [f"model_{number}" for number in range(50)]
THREADS, PAUSE, TTL, QUICK = 16, 0.002, 2, 0.005
RENEWALS = 10_000
# Where a verdict is due: at most this many MiB more, and no read beyond `max_wait` and a thread's
# turn at the interpreter's lock.
GROWTH, SLOWEST = 5.0, 0.5

Result = dict[str, float]


def memory() -> float:
    """Return this process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Load:
    """Threads that read one model after another, and how long each read takes."""

    def __init__(self, read: Callable[[str], object], length: float) -> None:
        self.read, self.ends = read, time.monotonic() + length
        self.began: dict[int, float] = {}
        # Packed, so that what they take isn't taken for what the readers do.
        self.took = [array("d") for _ in range(THREADS)]
        self.failed = [0] * THREADS

    def run(self) -> None:
        """Read until it is over. A thread that hangs then is left where it is."""
        threads = [
            threading.Thread(target=self._repeat, args=(number,), daemon=True)
            for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, self.ends - time.monotonic()) + 0.1)
        for number, began in self.began.items():
            self.took[number].append(time.monotonic() - began)

    def _repeat(self, number: int) -> None:
        turn = number
        while (began := time.monotonic()) < self.ends:
            self.began[number] = began
            try:
                self.read(MODELS[turn % len(MODELS)])
            except Exception:  # noqa: BLE001 - what the application gets instead of a value
                self.failed[number] += 1
            self.took[number].append(time.monotonic() - began)
            del self.began[number]
            turn += THREADS + 1
            time.sleep(PAUSE)

    def result(self, length: float) -> Result:
        took = sorted(each for thread in self.took for each in thread)
        return {
            "blocked": sum(each for each in took if each > QUICK) / (THREADS * length),
            "slowest": took[-1],
            "p99": took[int(len(took) * 0.99)],
            "failed": sum(self.failed) / len(took),
        }


def ours(url: str) -> Callable[[str], object]:
    os.environ["AWS_ENDPOINT_URL_SSM"] = url
    return Reader("prod", ttl=TTL).get


def theirs(url: str) -> Callable[[str], object]:
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415 - it takes memory

    settings = Config(connect_timeout=2, read_timeout=5)
    provider = parameters.SSMProvider(
        boto3_client=boto3.client("ssm", endpoint_url=url, config=settings)
    )
    return lambda model: provider.get_multiple(
        f"{THEIRS}/{model}", max_age=TTL, transform="json", decrypt=True, recursive=True
    )


def one_side(side: str, url: str, length: float) -> None:
    """Read all models, wait for the word that the outage began, and print what it cost."""
    read = {"ours": ours, "theirs": theirs}[side](url)
    Load(read, 1).run()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    before = memory()
    load = Load(read, length)
    load.run()
    result = {**load.result(length), "grown": memory() - before}
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)  # threads that hang would keep it


def suffer(server: BenchServer, side: str, kind: str, length: float) -> Result:
    """Return what an outage costs one side."""
    server.fails("")
    command = [sys.executable, __file__, "--side", side, "--url", server.url]
    with subprocess.Popen(
        [*command, "--seconds", str(length)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
        },
        stderr=subprocess.DEVNULL,
    ) as child:
        said, told = child.stdout, child.stdin
        if said is None or told is None or said.readline() != "ready\n":
            raise SystemExit(f"{side} could not read before the outage")
        requests = server.fails(kind)
        told.write("\n")
        told.flush()
        result: Result = json.loads(said.readline())
        result["requests"] = (server.requests() - requests) / length
        return result


def rows_of(kind: str, ours: Result, theirs: Result) -> list[Row]:
    return [
        counted(f"{kind}: p99 of a read", "s", ours["p99"], theirs["p99"], QUICK),
        counted(f"{kind}: slowest read", "s", ours["slowest"], theirs["slowest"], SLOWEST),
        counted(f"{kind}: reads that failed", "share", ours["failed"], theirs["failed"], 0),
        counted(f"{kind}: memory grown", "MiB", ours["grown"], theirs["grown"], GROWTH),
        row(f"{kind}: time blocked", "share", ours["blocked"], theirs["blocked"]),
        row(f"{kind}: requests", "1/s", ours["requests"], theirs["requests"]),
    ]


def hung_sts(server: BenchServer, length: float) -> Row:
    """Start with a fallback while STS is a black hole, and say how long that takes."""
    server.fails("")
    fallback = fallback_document([Aws(server).reader().get(MODELS[0])])
    server.fails("black hole")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "token").write_text("token")
        (Path(folder) / "fallback.json").write_text(fallback)
        program = (
            "import time; began = time.monotonic(); from model_config import Reader; "
            f'chat = Reader("prod", fallback="fallback.json").get("{MODELS[0]}"); '
            "print(chat.from_fallback, time.monotonic() - began)"
        )
        environment = {
            "PYTHONPATH": str(Path(__file__).parent.parent.parent),
            "AWS_WEB_IDENTITY_TOKEN_FILE": "token",
            "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/app",
            "AWS_ENDPOINT_URL": server.url,
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
    is_fallback, seconds = done.stdout.split()
    if is_fallback != "True":
        raise SystemExit("the fallback was not served")
    return counted("hung STS: a start with a fallback", "s", float(seconds), None, length)


class Away:
    """A source that fails."""

    def __init__(self) -> None:
        self.fails = False

    def get(self, names: Any) -> Any:
        ballast = bytearray(20_000)  # what a request holds, and so a traceback would
        if self.fails:
            raise StoreUnavailableError(f"away: {len(ballast)} bytes, {len(names)} names")
        return self.found(names)

    def close(self) -> None:
        pass


def failed_renewals(aws: Aws) -> Row:
    """Fail ten thousand renewals of 50 models, and say how much memory that took."""
    source, clock = Away(), Clock()
    source.found = aws.reader()._source.get
    reader = Reader("prod", source=source, clock=clock, max_wait=float("inf"))
    reader.get_many(MODELS)
    source.fails = True
    grown = 0.0
    for number in range(RENEWALS + 500):
        clock.now += 60
        reader.refresh(MODELS[number % len(MODELS)])
        if number == 500:
            grown = -memory()
    return counted(f"{RENEWALS:,} failed renewals", "MiB", grown + memory(), None, GROWTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="how long each outage lasts")
    parser.add_argument("--side", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        one_side(arguments.side, arguments.url, arguments.seconds)
        return
    clean_environment()
    logging.disable()
    with BenchServer() as server:
        aws = Aws(server)
        for model in MODELS:
            aws.deploy(model, config_of(5), {})
        rows = [failed_renewals(aws), hung_sts(server, 22)]
        for kind in FAILURES:
            sides = [suffer(server, side, kind, arguments.seconds) for side in ("ours", "theirs")]
            rows += rows_of(kind, *sides)
    report("outage.json", f"{THREADS} threads, {len(MODELS)} models below {OURS}", rows)


if __name__ == "__main__":
    main()
