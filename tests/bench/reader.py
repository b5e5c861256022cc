"""How a reader reads, against aws-lambda-powertools and the same values, in one run.

Both ask one server on 127.0.0.1 that takes 10 ms more for each request, in all parts of the bench,
through boto3 clients of the same settings. Making a client, and its first connection, is left out
on both sides. Run it with `make bench`; only what is read wrong makes it fail, never a slow read.
"By name" is Powertools' get_parameters_by_name, "by path" its get_parameters.
"""

import argparse
import json
import os
import statistics
import threading
import time
import timeit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _server import THEIRS, Aws, BenchServer, Values, config_of, flat, secrets_of
from rich.console import Console
from rich.table import Table

from model_config import Reader
from model_config.format.release import digest_of

RESULTS = Path(__file__).parent.parent.parent / ".bench" / "reader.json"
HOSTILE = ("AWS_", "POWERTOOLS_", "MODEL_CONFIG_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
ROUNDS = 30
CACHED_READS = 5_000
THREADS = 16

Row = dict[str, Any]
Action = Callable[[], object]


def seconds(action: Action, times: int = 1) -> float:
    return timeit.timeit(action, number=times) / times


def medians(*actions: Action, times: int = 1) -> list[float]:
    """Return the seconds that each action takes, measured in turn."""
    samples = [[seconds(action, times) for action in actions] for _ in range(ROUNDS)]
    return [statistics.median(taken) for taken in zip(*samples, strict=True)]


def row(name: str, unit: str, ours: float, baseline: float, bound: str = "") -> Row:
    return {
        "name": name,
        "ours": round(ours, 4),
        "baseline": round(baseline, 4),
        "ratio": round(ours / baseline, 3) if baseline else None,
        "unit": unit,
        "bound": bound,
    }


def timed(name: str, unit: str, ours: float, baseline: float, limit: float) -> Row:
    verdict = "ok" if ours <= limit * baseline else "over"
    return row(name, unit, ours, baseline, f"ratio <= {limit}: {verdict}")


def counted(name: str, unit: str, ours: int, baseline: int, limit: int) -> Row:
    verdict = "ok" if ours <= limit else "over"
    return row(name, unit, ours, baseline, f"ours <= {limit}: {verdict}")


def check_same(aws: Aws, model: str, config: Values, secrets: dict[str, str]) -> None:
    """Refuse to compare readers that don't read the same."""
    read, values = aws.reader().get(model), {**flat(config), **secrets}
    ours = flat(read.as_dict()) | {path: each.reveal() for path, each in read.secrets.items()}
    by_name = aws.by_name(model, list(values))
    by_name = {name.removeprefix(f"{THEIRS}/{model}/"): value for name, value in by_name.items()}
    if not ours == by_name == aws.by_path(model) == values:
        raise SystemExit(f"{model}: the readers don't read the same values")


def cold_reads(aws: Aws, fields: int, secrets: int, limit: float) -> list[Row]:
    """Compare first reads: a new reader each time, and Powertools with nothing cached."""
    model, config, kept = f"cold_{secrets}", config_of(fields), secrets_of(secrets)
    paths = [*flat(config), *kept]
    aws.deploy(model, config, kept)
    check_same(aws, model, config, kept)
    ours, by_name, by_path = medians(
        lambda: aws.reader().get(model),
        lambda: aws.by_name(model, paths),
        lambda: aws.by_path(model),
    )
    name = f"cold read, {len(paths)} parameters ({secrets} secret)"
    return [
        timed(f"{name} / by name", "s", ours, by_name, limit),
        timed(f"{name} / by path", "s", ours, by_path, limit),
    ]


def refreshes(aws: Aws, fields: int, secrets: int, length: int = 8) -> list[Row]:
    """Count the requests of a refresh, to the same release and to a new one."""
    model, kept = f"refreshed_{fields}_{secrets}_{length}", secrets_of(secrets)
    old, new = (config_of(fields, marker, length) for marker in (1, 2))
    reader = aws.reader(ttl=0)
    aws.deploy(model, old, kept)
    reader.get(model)
    to_same = aws.count(lambda: reader.get(model))
    parts = aws.deploy(model, new, kept)
    to_new = aws.count(lambda: reader.get(model))
    check_same(aws, model, new, kept)
    by_name = aws.count(lambda: aws.by_name(model, [*flat(new), *kept]))
    by_path = aws.count(lambda: aws.by_path(model))
    name = f"refresh, {fields} parameters, {secrets} secrets"
    if parts:  # the one case that takes another request: the parts' names aren't known before
        return [
            counted(f"{name}, same in {parts} parts / by name", "requests", to_same, by_name, 1),
            row(f"{name}, new in {parts} parts / by name", "requests", to_new, by_name),
        ]
    ours = max(to_same, to_new)
    return [
        counted(f"{name} / by name", "requests", ours, by_name, 1),
        counted(f"{name} / by path", "requests", ours, by_path, 1),
    ]


def cached_read(aws: Aws) -> Row:
    aws.deploy("cached", config_of(40), {})
    reader = aws.reader()
    ours, theirs = medians(
        lambda: reader.get("cached"), lambda: aws.by_path("cached", 300), times=CACHED_READS
    )
    return timed("cached read / by path", "us", ours * 1e6, theirs * 1e6, 0.1)


def read_together(read: Action) -> dict[int, float]:
    """Return how long each of the threads waits, by its id, when all of them read at once."""
    together = threading.Barrier(THREADS)

    def wait() -> tuple[int, float]:
        together.wait()
        return threading.get_ident(), seconds(read)

    with ThreadPoolExecutor(THREADS) as pool:
        return dict(waited.result() for waited in [pool.submit(wait) for _ in range(THREADS)])


def expiry(aws: Aws) -> list[Row]:
    """Let the time to live end under all threads: one refreshes, and the others wait for it."""
    aws.deploy("expiring", config_of(40), {})
    now, paths = [0.0], list(flat(config_of(40)))
    reader = aws.reader(clock=lambda: now[0])
    reader.get("expiring")
    asking: list[int] = []
    aws.client.meta.events.register(
        "provide-client-params.ssm", lambda **_: asking.append(threading.get_ident())
    )
    requests, refreshing, waiting = [], [], []
    for _ in range(ROUNDS):
        now[0] += 1_000
        asking.clear()
        before = aws.requests()
        waits = read_together(lambda: reader.get("expiring"))
        requests.append(aws.requests() - before)
        refreshing.append(waits.pop(asking[0]))
        waiting.append(max(waits.values()))
    most, refresh, wait = max(requests), statistics.median(refreshing), statistics.median(waiting)
    theirs = aws.count(lambda: read_together(lambda: aws.by_name("expiring", paths)))
    name = f"{THREADS} threads at expiry"
    return [
        counted(f"{name} / by name", "requests", most, theirs, 1),
        timed(f"{name}, longest wait / the refresh", "s", wait, refresh, 1),
    ]


def is_mixed(values: dict[str, Any]) -> bool:
    """Tell whether there is more than one marker in values: 7, 7.25, "7.text" and [7, 1] hold 7."""
    first = (value[0] if isinstance(value, list) else value for value in values.values())
    return len({str(value).partition(".")[0] for value in first}) > 1


class Race:
    """A writer that deploys one changed release after another, and readers at the same time."""

    def __init__(self, aws: Aws, length: float) -> None:
        self.aws = aws
        self.paths = list(flat(config_of(40)))
        self.digests: dict[int, str] = {}  # by release, known before it can be read
        self.seen: set[int] = set()
        self.deploy()
        self.ends = time.monotonic() + length

    def deploy(self) -> None:
        number = len(self.digests) + 1
        # So long that the release stands as it is, compressed, or in parts, in turn.
        config = config_of(40, number, length=(8, 400, 1_000)[number % 3])
        self.digests[number] = digest_of(config)
        self.aws.deploy("raced", config, {})

    def repeat(self, action: Callable[[], Any]) -> list[Any]:
        results = []
        while time.monotonic() < self.ends:
            results.append(action())
        return results

    def is_torn(self, reader: Reader) -> bool:
        """Read, and tell whether that is anything else than exactly what one deploy wrote."""
        read = reader.get("raced")
        self.seen.add(read.release)
        values, digest = flat(read.as_dict()), digest_of(read.as_dict())
        whole = digest == read.digest == self.digests[read.release]
        return not whole or is_mixed(values) or values.keys() != set(self.paths)

    def theirs_is_torn(self) -> bool:
        return is_mixed(self.aws.by_name("raced", self.paths))


def torn_reads(aws: Aws, length: float) -> list[Row]:
    """Count the reads that mix two deploys while deploys go on; the last row says how many."""
    race = Race(aws, length)
    readers = [aws.reader(ttl=0, label=label) for label in ("latest", "stable") * 2]
    with ThreadPoolExecutor(THREADS) as pool:
        writer = pool.submit(race.repeat, race.deploy)
        ours = [pool.submit(race.repeat, lambda reader=r: race.is_torn(reader)) for r in readers]
        theirs = [pool.submit(race.repeat, race.theirs_is_torn) for _ in readers]
    writer.result()
    read, theirs_read = (
        [torn for each in side for torn in each.result()] for side in (ours, theirs)
    )
    enough = "ok" if len(read) >= 1_000 else "under"
    name = f"{len(race.digests)} deploys in {length:g} s, {len(race.seen)} of them read"
    return [
        row(f"{name} / by name", "reads", len(read), len(theirs_read), f"ours >= 1000: {enough}"),
        counted("torn reads among them / by name", "reads", sum(read), sum(theirs_read), 0),
    ]


def clean_environment() -> None:
    """Let nothing that a developer's shell or home has set reach either side."""
    for name in list(os.environ):
        if name.upper().startswith(HOSTILE):
            del os.environ[name]
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long to look for torn reads")
    length = parser.parse_args().seconds
    clean_environment()
    with BenchServer() as server:
        aws = Aws(server)
        rows = [*cold_reads(aws, 40, 0, 0.35), *cold_reads(aws, 38, 2, 0.6)]
        for fields, secrets in ((40, 0), (40, 9), (400, 0), (400, 9)):
            rows += refreshes(aws, fields, secrets)
        rows += refreshes(aws, 400, 9, length=80)
        rows += [cached_read(aws), *expiry(aws), *torn_reads(aws, length)]
    table = Table("ours / Powertools'", "ours", "baseline", "ratio", "unit", "bound")
    for item in rows:
        table.add_row(*map(str, item.values()))
        del item["bound"]
    Console().print(table, "by name: get_parameters_by_name; by path: get_parameters", sep="\n")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    if rows[-1]["ours"]:
        raise SystemExit("torn reads")


if __name__ == "__main__":
    main()
