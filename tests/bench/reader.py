"""How a reader reads, against aws-lambda-powertools and the same values, in one run.

Both ask one server on 127.0.0.1 that takes 10 ms more for each request, in all parts of the bench,
through boto3 clients of the same settings. Making a client, and its first connection, is left out
on both sides. Run it with `make bench`; only what is read wrong makes it fail, never a slow read.
"By name" is Powertools' get_parameters_by_name, "by path" its get_parameters.
"""

import _thread
import argparse
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from _measure import (
    ROUNDS,
    Action,
    Clock,
    Row,
    clean_environment,
    counted,
    medians,
    report,
    row,
    seconds,
    timed,
)
from _server import THEIRS, Aws, BenchServer, Values, config_of, flat, secrets_of

import model_config
from model_config import Reader
from model_config.format.release import config_text, digest_of
from model_config.schema import ModelConfig

CACHED_READS = 5_000
THREADS = 16


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


def passed(aws: Aws) -> list[Row]:
    """Count the functions of the package, and their modules, that a first read passes."""
    aws.deploy("passed", config_of(40), {})
    reader, codes, start = aws.reader(), set[CodeType](), _thread.start_new_thread

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            codes.add(frame.f_code)

    def noted(run: Callable[..., object], *arguments: Any) -> None:
        sys.setprofile(note)
        run(*arguments)

    _thread.start_new_thread = lambda run, arguments: start(noted, (run, *arguments))
    try:
        sys.setprofile(note)
        reader.get("passed")
    finally:
        sys.setprofile(None)
        _thread.start_new_thread = start
    package = str(Path(model_config.__file__).parent)
    ours = [
        code
        for code in codes
        if code.co_filename.startswith(package) and not code.co_name.startswith("<")
    ]
    modules = {code.co_filename for code in ours}
    return [
        counted("functions that a first read passes", "functions", len(ours), None, 40),
        counted("and their modules", "modules", len(modules), None, 8),
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
    # A look, and a read of what is new; the names of parts aren't known before.
    most = 3 if parts else 2
    name = f"{name}, in {parts} parts" if parts else name
    return [
        counted(f"{name}, same / by name", "requests", to_same, by_name, 1),
        counted(f"{name}, new / by name", "requests", to_new, by_name, most),
        counted(f"{name}, new / by path", "requests", to_new, by_path, most),
    ]


class Bench(ModelConfig):
    """What the cached configuration is read into."""

    group_0: dict[str, int | float | str | list[int]]


def cached_reads(aws: Aws) -> list[Row]:
    aws.deploy("cached", config_of(40), {})
    reader = aws.reader()
    ours, with_class, group, instance, theirs = medians(
        lambda: reader.get("cached"),
        lambda: reader.get("cached", schema=Bench),
        lambda: reader.get("cached")["group_0"],
        lambda: reader.get("cached", schema=Bench).as_model(Bench),
        lambda: aws.by_path("cached", 300),
        times=CACHED_READS,
    )
    return [
        timed("cached read / by path", "us", ours * 1e6, theirs * 1e6, 0.1),
        timed("cached read with schema= / without", "us", with_class * 1e6, ours * 1e6, 1.2),
        timed("the instance / a group of values", "us", instance * 1e6, group * 1e6, 1.2),
    ]


def cached_many(aws: Aws) -> list[Row]:
    """Compare 50 cached models together to each alone, and a cached read to one while AWS hangs."""
    models = [f"many_{number}" for number in range(50)]
    for model in models:
        aws.deploy(model, config_of(5), {})
    reader = aws.reader()
    together, alone = medians(
        lambda: reader.get_many(models), lambda: [reader.get(model) for model in models], times=200
    )
    clock, source = Clock(), Hangs(aws.reader()._source)
    reader = Reader("prod", source=source, clock=clock, max_wait=0.01)
    reader.get_many(models)
    clock.now += 1_000
    source.hangs = threading.Event()
    reader.get(models[0])  # it waits, and then nobody does
    (hanging,) = medians(lambda: [reader.get(model) for model in models], times=20)
    source.hangs.set()
    return [
        timed("50 cached reads together / alone", "us", together * 1e6, alone * 1e6, 1.3),
        counted("a read while AWS hangs / a cached one", "us", hanging * 2e4, alone * 2e4, 1),
    ]


class Hangs:
    """A source that hangs when it is told to."""

    def __init__(self, source: Any) -> None:
        self.source, self.hangs = source, None

    def get(self, names: Any) -> Any:
        return self.source.get(names)

    def look(self, names: Any) -> Any:
        if self.hangs:
            self.hangs.wait()
        return self.source.look(names)

    def close(self) -> None:
        self.source.close()


def read_together(read: Action) -> list[float]:
    """Return how long each of the threads waits, sorted, when all of them read at once."""
    together = threading.Barrier(THREADS)

    def wait() -> float:
        together.wait()
        return seconds(read)

    with ThreadPoolExecutor(THREADS) as pool:
        return sorted(waited.result() for waited in [pool.submit(wait) for _ in range(THREADS)])


def expiry(aws: Aws) -> list[Row]:
    """Let the time to live end under all threads: one waits for the refresh, the others don't."""
    aws.deploy("expiring", config_of(40), {})
    clock, paths = Clock(), list(flat(config_of(40)))
    reader = aws.reader(clock=clock)
    reader.get("expiring")
    requests, refreshing, waiting = [], [], []
    for _ in range(ROUNDS):
        clock.now += 1_000
        before = aws.requests()
        *others, refresh = read_together(lambda: reader.get("expiring"))
        requests.append(aws.requests() - before)
        refreshing.append(refresh)
        waiting.append(others[-1])
    most, refresh, wait = max(requests), statistics.median(refreshing), statistics.median(waiting)
    theirs = aws.count(lambda: read_together(lambda: aws.by_name("expiring", paths)))
    name = f"{THREADS} threads at expiry"
    return [
        counted(f"{name} / by name", "requests", most, theirs, 1),
        timed(f"{name}, longest wait of the others / the refresh", "s", wait, refresh, 1),
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
        self.digests[number] = digest_of(config_text(config))
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
        values, digest = flat(read.as_dict()), digest_of(config_text(read.as_dict()))
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long to look for torn reads")
    length = parser.parse_args().seconds
    clean_environment()
    with BenchServer() as server:
        aws = Aws(server)
        rows = [*cold_reads(aws, 40, 0, 0.35), *cold_reads(aws, 38, 2, 0.6), *passed(aws)]
        for fields, secrets in ((40, 0), (40, 8), (400, 0), (400, 8)):
            rows += refreshes(aws, fields, secrets)
        rows += refreshes(aws, 400, 8, length=80)
        rows += [*cached_reads(aws), *cached_many(aws), *expiry(aws), *torn_reads(aws, length)]
    note = "by name: get_parameters_by_name; by path: get_parameters"
    report("reader.json", "ours / Powertools'", rows, note)
    if rows[-1]["ours"]:
        raise SystemExit("torn reads")


if __name__ == "__main__":
    main()
