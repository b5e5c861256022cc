"""Readers during a rollout: shares, the price of a key, requests, and reads while it changes.

Run it with `make bench`; a share that is off, a unit that flips or a torn read makes it fail.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from _measure import Clock, Row, clean_environment, counted, medians, report, row, timed
from _server import Aws, BenchServer, Values, config_of

from model_config import Reader
from model_config.format.release import config_text, digest_of
from model_config.format.rollout import EMPTY, Rollout, RolloutDocument, Step, write_rollout

KEYS = [f"user-{number}" for number in range(100_000)]
# Always the same, so that the shares are. With others, 100,000 keys are off by more than 0.3 points
# at 50 % in one of twenty.
SALT = "0123456789abcdef"
SHARES = (5, 25, 50)
CACHED_READS = 5_000
READERS = 4


def document(before: int, release: int, *steps: tuple[float, float], now: datetime) -> str:
    """Return a rollout with a share from so many seconds from now on."""
    plan = tuple(Step(now + timedelta(seconds=at), percent) for at, percent in steps)
    rollout = Rollout("stable", release, before, SALT, plan)
    return write_rollout(RolloutDocument(rollout=rollout))


def two_releases(aws: Aws, model: str) -> None:
    aws.deploy(model, config_of(5, 1), {})
    aws.deploy(model, config_of(5, 2), {}, promote=False)


def shares(aws: Aws) -> list[Row]:
    """Give 100,000 keys their release at three shares, by two readers."""
    two_releases(aws, "shared")
    clock = Clock()
    now = datetime.fromtimestamp(clock.wall(), UTC)
    steps = [(number * 1_000, percent) for number, percent in enumerate(SHARES)]
    aws.roll_out("shared", document(1, 2, *steps, now=now))
    readers = [aws.reader(clock=clock, max_wait=float("inf")) for _ in range(2)]
    rows, before, back, differ = [], set[str](), 0, 0
    for percent in SHARES:
        on, other = (
            {key for key in KEYS if reader.get("shared", key=key).release > 1} for reader in readers
        )
        off = abs(len(on) / len(KEYS) * 100 - percent)
        rows.append(counted(f"{percent} %: points that the share is off", "points", off, None, 0.3))
        back, differ, before = back + len(before - on), differ + len(on ^ other), on
        clock.now += 1_000
    return [
        *rows,
        counted("units that a rising share moved back", "units", back, None, 0),
        counted("units on which two readers differ", "units", differ, None, 0),
    ]


def price(aws: Aws) -> list[Row]:
    """Compare a cached read with a key to Powertools' cached read, of 40 parameters."""
    aws.deploy("priced", config_of(40, 1), {})
    aws.deploy("priced", config_of(40, 2), {}, promote=False)
    aws.roll_out("priced", document(1, 2, (0, 50), now=datetime.now(UTC)))
    reader = aws.reader(ttl=3_600)
    ours, theirs = medians(
        lambda: reader.get("priced", key="user-4711"),
        lambda: aws.by_path("priced", 300),
        times=CACHED_READS,
    )
    if reader.get("priced", key="user-4711").rollout is None:
        raise SystemExit("the rollout is not followed")
    return [timed("cached read with a key / by path", "us", ours * 1e6, theirs * 1e6, 0.4)]


def requests(aws: Aws) -> list[Row]:
    """Count a refresh's requests before, at the start of, and during a rollout."""
    two_releases(aws, "refreshed")
    reader = aws.reader(ttl=0)
    reader.get("refreshed")
    counts = [aws.count(lambda: reader.get("refreshed"))]
    aws.roll_out("refreshed", document(1, 2, (0, 50), now=datetime.now(UTC)))
    counts += [aws.count(lambda: reader.get("refreshed")) for _ in range(2)]
    names = ["without a rollout", "at a rollout's start", "during a rollout"]
    limits = [1, 2, 1]
    return [
        counted(f"refresh {name}", "requests", count, None, limit)
        for name, count, limit in zip(names, counts, limits, strict=True)
    ]


class Race:
    """Someone who starts, aborts and finishes rollouts, and readers at the same time."""

    def __init__(self, aws: Aws, length: float) -> None:
        self.aws, self.ends = aws, time.monotonic() + length
        self.digests: dict[int, str] = {}  # by release, known before it can be read
        self.stable = self.deploy()
        self.aws.promote("raced", self.stable)
        self.rollouts = 0

    def deploy(self) -> int:
        number = len(self.digests) + 1
        config: Values = config_of(40, number, length=(8, 400)[number % 2])
        self.digests[number] = digest_of(config_text(config))
        self.aws.deploy("raced", config, {}, promote=False)
        return number

    def roll_out(self) -> None:
        """Let one rollout reach all, or abort it half-way."""
        candidate, finishes = self.deploy(), self.rollouts % 2
        steps = ((0, 25), (1, 50), (2, 100))
        text = document(self.stable, candidate, *steps, now=datetime.now(UTC))
        self.aws.roll_out("raced", text)
        time.sleep(2.2 if finishes else 1.2)
        if finishes:
            self.aws.promote("raced", candidate)
            self.stable = candidate
        self.aws.roll_out("raced", EMPTY)
        self.rollouts += 1

    def repeat(self, action: Callable[[], Any]) -> list[Any]:
        results = []
        while time.monotonic() < self.ends:
            results.append(action())
        return results

    def reading(self, reader: Reader) -> Callable[[], bool]:
        """Return what reads for one unit after another, and tells whether that was torn."""
        left: dict[str, set[int]] = {}  # candidates that a unit was on and is not any more
        on: dict[str, int] = {}
        self.flips = 0
        turn = iter(range(10**9))

        def read() -> bool:
            key = KEYS[next(turn) % 50]
            chat = reader.get("raced", key=key)
            if chat.rollout == "candidate" and chat.release in left.get(key, ()):
                self.flips += 1
            if (last := on.get(key)) is not None and last != chat.release:
                left.setdefault(key, set()).add(last)
            if chat.rollout == "candidate":
                on[key] = chat.release
            else:
                on.pop(key, None)
            digest = digest_of(config_text(chat.as_dict()))
            return not digest == chat.digest == self.digests[chat.release]

        return read


def race(aws: Aws, length: float) -> list[Row]:
    """Count torn reads, and units that come back to a candidate, while rollouts come and go."""
    run = Race(aws, length)
    with ThreadPoolExecutor(READERS + 1) as pool:
        writer = pool.submit(run.repeat, run.roll_out)
        reads = [pool.submit(run.repeat, run.reading(aws.reader(ttl=0))) for _ in range(READERS)]
    writer.result()
    torn = [each for read in reads for each in read.result()]
    return [
        row(f"{run.rollouts} rollouts in {length:g} s, read meanwhile", "reads", len(torn), None),
        counted("torn reads among them", "reads", sum(torn), None, 0),
        counted("units that came back to a candidate", "units", run.flips, None, 0),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="how long to race")
    length = parser.parse_args().seconds
    clean_environment()
    with BenchServer() as server:
        aws = Aws(server)
        rows = [*shares(aws), *price(aws), *requests(aws), *race(aws, length)]
    report("rollout.json", "ours / Powertools'", rows)
    exact = {"points", "units", "reads"}
    if any("over" in each["bound"] for each in rows if each["unit"] in exact):
        raise SystemExit("a share is off, a unit flips or a read is torn")


if __name__ == "__main__":
    main()
