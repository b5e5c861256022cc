"""What a fleet of readers asks of one account's SSM: simulated on a virtual clock, and in earnest.

A process reads each of its models many times a second, so that whatever is due is asked for about
at once. SSM answers so many requests a second, with a burst of one second's, and throttles the
rest. Every process starts with everything read, its models due within the time to live. To stay
quick, a tenth of the fleet meets a tenth of the requests; figures are of the whole fleet. The last
rows are of processes in real time that ask the bench's server: how soon a label's move reaches all
of them. Run it with `make bench`.
"""

import argparse
import heapq
import logging
import multiprocessing
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from _measure import Clock, Row, clean_environment, counted, report, row
from _server import Aws, BenchServer, config_of

from model_config import Reader
from model_config.format.errors import StoreUnavailableError
from model_config.format.release import Release, config_text, digest_of, write_release
from model_config.reader.source import Stored

SCALE = 10
MODELS = 5
MOVED = [f"moved_{number}" for number in range(MODELS)]
HOUR = 3_600
TTL = 30
THINK = 0.1  # seconds until a read finds something due, on average
#: Requests a second in an account and region: by default, and with higher throughput switched on
#: (AWS General Reference, "Systems Manager endpoints and quotas": GetParameters).
DEFAULT, HIGHER = 40, 1_000
#: When a process first served a model's release, and how many reads were torn.
Served: TypeAlias = tuple[dict[tuple[str, int], float], int]
EPOCH = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass
class Ssm:
    """SSM as a source: requests answered and throttled, by the minute, and how many decrypt."""

    rate: float
    clock: Clock
    secrets: int = 0
    tokens: float = 0.0
    filled_at: float = 0.0
    away: bool = False
    release: int = 1
    asked: dict[int, int] = field(default_factory=dict)
    throttled: int = 0
    decrypting: int = 0
    documents: dict[tuple[str, int], str] = field(default_factory=dict)

    def look(self, names: Sequence[str]) -> dict[str, Stored]:
        found = self._answer(names)
        return {name: Stored(name, it.version, None, it.modified) for name, it in found.items()}

    def get(self, names: Sequence[str]) -> dict[str, Stored]:
        self.decrypting += 1
        return self._answer(names)

    def close(self) -> None:
        pass

    def _answer(self, names: Sequence[str]) -> dict[str, Stored]:
        minute = int(self.clock.now // 60)
        self.asked[minute] = self.asked.get(minute, 0) + 1
        passed, self.filled_at = self.clock.now - self.filled_at, self.clock.now
        self.tokens = min(self.rate, self.tokens + passed * self.rate)
        if self.away:
            raise StoreUnavailableError("away")
        if self.tokens < 1:
            self.throttled += 1
            raise StoreUnavailableError("throttled")
        self.tokens -= 1
        found = (self._stored(name.partition(":")[0]) for name in names)
        return {stored.name: stored for stored in found if stored is not None}

    def _stored(self, name: str) -> Stored | None:
        *_, model, last = name.split("/")
        if last == "rollout":
            return None
        if last != "release":
            return Stored(name, 1, "made up", EPOCH)
        written = EPOCH + timedelta(seconds=self.release)
        return Stored(name, self.release, self._document(model), written)

    def _document(self, model: str) -> str:
        if (model, self.release) not in self.documents:
            secrets = [f"key_{number}" for number in range(self.secrets)]
            content = Release.of(model, "prod", "Bench", {"n": self.release}, secrets=secrets)
            self.documents[model, self.release] = write_release(content).document
        return self.documents[model, self.release]


class Fleet:
    """Processes, and when each of them reads next."""

    def __init__(
        self, processes: int, rate: float, ttl: float, models: int = MODELS, secrets: int = 0
    ) -> None:
        self.clock = Clock()
        self.dice = random.Random(processes)  # noqa: S311 - so that each run is the same
        self.ssm = Ssm(10**9, self.clock, secrets)
        self.ttl = ttl
        self.models = [f"model_{number}" for number in range(models)]
        # Started at some time in the last time to live, as after a rolling deployment.
        starts = sorted(self.dice.uniform(0, ttl) for _ in range(processes))
        self.readers = [self._started(at) for at in starts]
        self.ssm.rate, self.ssm.asked, self.ssm.decrypting = rate, {}, 0
        self.due = [(self._next(number), number) for number in range(processes)]
        heapq.heapify(self.due)

    def run(self, seconds: float) -> None:
        """Let time pass, and each process read what is due."""
        ends = self.clock.now + seconds
        while self.due[0][0] < ends:
            self.clock.now, number = heapq.heappop(self.due)
            for model in self.models:
                self.readers[number].get(model)
            heapq.heappush(self.due, (self._next(number), number))
        self.clock.now = ends

    def run_until(self, share: float, release: int, most: float) -> float:
        """Let time pass until so many models are on a release; return the seconds, at most."""
        began, step = self.clock.now, max(1.0, self.ttl / 60)
        while self.share(release) < share and self.clock.now - began < most:
            self.run(step)
        return self.clock.now - began

    def share(self, release: int) -> float:
        entries = [each for reader in self.readers for each in reader._attempts.entries.values()]
        return sum(each.reading.configuration.release >= release for each in entries) / len(entries)

    def requests(self, seconds: float) -> float:
        """Return the requests a second of the whole fleet in the last whole minutes."""
        last, most = int(self.clock.now // 60), max(1, int(seconds // 60))
        minutes = [self.ssm.asked.get(last - n, 0) for n in range(1, most + 1)]
        return statistics.mean(minutes) / 60 * SCALE

    def _started(self, at: float) -> Reader:
        self.clock.now = at
        reader = Reader(
            "prod", source=self.ssm, clock=self.clock, ttl=self.ttl, max_wait=float("inf")
        )
        reader.preload(self.models)
        return reader

    def _next(self, number: int) -> float:
        attempts = self.readers[number]._attempts
        due = min(entry.ask_at for entry in attempts.entries.values())
        if attempts.away is not None:  # the pause of all models
            due = max(due, attempts.away.ask_at)
        return max(due, self.clock.now) + self.dice.expovariate(1 / THINK)


def story(processes: int, rate: float, ttl: float) -> dict[str, float]:
    """Return what a fleet asks for in its steady state, after a promotion, and in an outage."""
    fleet = Fleet(processes // SCALE, rate / SCALE, ttl)
    fleet.clock.now = ttl
    long = max(4 * ttl, 300)
    fleet.run(long)
    told: dict[str, float] = {"steady": fleet.requests(long / 2)}
    told["decrypting"] = fleet.ssm.decrypting * SCALE / long
    throttled = fleet.ssm.throttled
    fleet.run(long)
    told["throttled"] = (fleet.ssm.throttled - throttled) * SCALE / long
    fleet.ssm.release = 2
    told["promoted"] = fleet.run_until(0.99, 2, 4 * HOUR)
    fleet.ssm.away = True
    fleet.run(HOUR / 3)
    told["outage"] = fleet.requests(HOUR / 6)
    fleet.ssm.away, fleet.ssm.release = False, 3
    told["recovered"] = fleet.run_until(0.99, 3, 4 * HOUR)
    told["peak"] = max(fleet.ssm.asked.values()) / 60 * SCALE
    return told


def rows_of(processes: int, rate: float, ttl: float) -> list[Row]:
    told = story(processes, rate, ttl)
    name = f"{processes:,} processes, {rate:,} requests/s, ttl {ttl:g}"
    return [
        row(f"{name}: steady state", "1/s", told["steady"], rate),
        counted(f"{name}: of them decrypting", "1/s", told["decrypting"], rate, 0),
        row(f"{name}: of them throttled", "1/s", told["throttled"], rate),
        row(f"{name}: until 99 % have a promotion", "s", told["promoted"], ttl),
        row(f"{name}: in an outage of 20 minutes", "1/s", told["outage"], rate),
        counted(f"{name}: until 99 % have recovered", "s", told["recovered"], ttl, 2 * ttl + 120),
        row(f"{name}: busiest minute", "1/s", told["peak"], rate),
    ]


def sizes() -> list[Row]:
    """Return the largest fleets that take half of what is allowed, by what a small one takes."""
    rows = []
    for models, secrets, ttl in (
        (5, 0, 30), (5, 1, 30), (20, 1, 30), (5, 0, 60), (5, 1, 60), (5, 1, 300), (20, 1, 300),
    ):  # fmt: skip
        fleet = Fleet(100, DEFAULT, ttl, models, secrets)
        fleet.clock.now = ttl
        fleet.run(max(10 * ttl, 600))
        each = fleet.requests(max(5 * ttl, 300)) / SCALE / 100
        name = f"{models} models of {secrets} secrets, ttl {ttl}: processes"
        rows += [
            row(f"{name} that take half of {rate:,} requests/s", "", rate / 2 / each, None)
            for rate in (DEFAULT, HIGHER)
        ]
    return rows


def watch(aws: Aws, digests: dict[int, str], ttl: float, ends: Any) -> Served:
    """Read the models ten times a second, in a process of its own, until an event."""
    aws.client.close()  # its connections are the parent's
    reader, first, torn = aws.reader(ttl=ttl), dict[tuple[str, int], float](), 0
    while not ends.wait(0.1):
        for model in MOVED:
            chat = reader.get(model)
            if (model, chat.release) not in first:
                first[model, chat.release] = time.monotonic()
                digest = digest_of(config_text(chat.as_dict()))
                torn += not digest == chat.digest == digests[chat.release]
    return first, torn


def label_move(server: BenchServer, processes: int, ttl: float) -> list[Row]:
    """Move the labels of five models under many processes, and see when it has reached all."""
    aws = Aws(server)
    configs = {number: config_of(10, number) for number in (1, 2)}
    digests = {number: digest_of(config_text(config)) for number, config in configs.items()}
    for model in MOVED:
        aws.deploy(model, configs[1], {})
        aws.deploy(model, configs[2], {}, promote=False)
    forked = multiprocessing.get_context("fork")  # each has all that was imported
    ends, told = forked.Event(), forked.SimpleQueue()

    def run(number: int) -> None:
        ends.wait(ttl * number / processes)
        told.put(watch(aws, digests, ttl, ends))

    children = [forked.Process(target=run, args=(n,)) for n in range(processes)]
    for child in children:
        child.start()
    time.sleep(3 * ttl)
    asked, decrypting, began = server.requests(), server.decrypting(), time.monotonic()
    time.sleep(2 * ttl)
    asked, decrypting = server.requests() - asked, server.decrypting() - decrypting
    rate = asked / (time.monotonic() - began)
    moved = time.monotonic()
    for model in MOVED:
        aws.promote(model, 2)
    time.sleep(ttl + 5)
    ends.set()
    served = [told.get() for _ in children]
    for child in children:
        child.join()
    took = sorted(
        first.get((model, 2), float("inf")) - moved for first, _ in served for model in MOVED
    )
    name = f"{processes} processes of {MODELS} models, ttl {ttl:g}, in earnest"
    planned = processes / (ttl * 0.95)  # five models of two names fill one request
    return [
        counted(
            f"{name}: 99 % have a label's move", "s", took[int(len(took) * 0.99)], ttl, ttl + 1
        ),
        counted(f"{name}: torn reads", "reads", sum(torn for _, torn in served), None, 0),
        counted(f"{name}: while nothing moves", "1/s", rate, planned, 1.3 * planned),
        counted(f"{name}: of them decrypting", "requests", decrypting, None, 0),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[100, 600, 2_000])
    parser.add_argument("--earnest", type=int, default=200, help="processes in real time")
    arguments = parser.parse_args()
    clean_environment()
    logging.disable()
    rows = [each for processes in arguments.processes for each in rows_of(processes, DEFAULT, TTL)]
    largest = max(arguments.processes)
    rows += rows_of(largest, DEFAULT, 300) + rows_of(largest, HIGHER, TTL)
    rows += sizes()
    with BenchServer() as server:
        rows += label_move(server, arguments.earnest, 10)
    report("fleet.json", f"each process with {MODELS} models / the limit or the ttl", rows)


if __name__ == "__main__":
    main()
