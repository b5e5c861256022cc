"""What a fleet of readers asks of one account's SSM, simulated: the real cache on a virtual clock.

A process reads each of its models many times a second, so that whatever is due is asked for about
at once. SSM answers so many requests a second, with a burst of one second's, and throttles the
rest. Every process starts with everything read, its models due within the time to live. To stay
quick, a tenth of the fleet meets a tenth of the requests; figures are of the whole fleet. Run it
with `make bench`.
"""

import argparse
import heapq
import random
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from _measure import Clock, Row, counted, report, row

from model_config.format.errors import StoreUnavailableError
from model_config.reader.cache import Cache
from model_config.reader.settings import Times

SCALE = 10
MODELS = 5
HOUR = 3_600
THINK = 0.1  # seconds until a read finds something due, on average
#: Requests a second in an account and region: by default, and with higher throughput switched on
#: (AWS General Reference, "Systems Manager endpoints and quotas": GetParameters).
DEFAULT, HIGHER = 40, 1_000


@dataclass
class Ssm:
    """Requests answered and throttled, by the minute."""

    rate: float
    clock: Clock
    tokens: float = 0.0
    filled_at: float = 0.0
    away: bool = False
    release: int = 1
    asked: dict[int, int] = field(default_factory=dict)
    throttled: int = 0

    def ask(self) -> int:
        """Answer one request with the newest release, or refuse it."""
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
        return self.release


class Loader:
    """What a process asks with: five models fit one request."""

    def __init__(self, ssm: Ssm, ttl: float) -> None:
        self.ssm, self.ttl = ssm, ttl
        self.answer = 0

    def prefetched(self, _: Mapping[int, Any]) -> Self:
        self.answer = self.ssm.ask()
        return self

    def load(self, _: int, __: Any) -> int:
        return self.answer

    def fallback_for(self, _: int) -> None:
        return None

    def lifetime(self, _: int) -> float:
        return self.ttl

    def landed(self, key: int, state: Any) -> None:
        pass


class Fleet:
    """Processes, and when each of them reads next."""

    def __init__(self, processes: int, rate: float, ttl: float) -> None:
        self.clock = Clock()
        self.dice = random.Random(processes)  # noqa: S311 - so that each run is the same
        self.ssm = Ssm(10**9, self.clock)
        self.ttl = ttl
        times = Times(ttl, float("inf"), float("inf"))
        # Started at some time in the last time to live, as after a rolling deployment.
        starts = sorted(self.dice.uniform(0, ttl) for _ in range(processes))
        self.caches = [self._started(times, at) for at in starts]
        self.ssm.rate, self.ssm.asked = rate, {}
        self.due = [(self._next(number), number) for number in range(processes)]
        heapq.heapify(self.due)

    def run(self, seconds: float) -> None:
        """Let time pass, and each process read what is due."""
        ends = self.clock.now + seconds
        while self.due[0][0] < ends:
            self.clock.now, number = heapq.heappop(self.due)
            cache = self.caches[number]
            for model in range(MODELS):
                if cache.fresh(model) is None:
                    cache.renew(model)
            heapq.heappush(self.due, (self._next(number), number))
        self.clock.now = ends

    def run_until(self, share: float, release: int, most: float) -> float:
        """Let time pass until so many models are on a release; return the seconds, at most."""
        began, step = self.clock.now, max(1.0, self.ttl / 60)
        while self.share(release) < share and self.clock.now - began < most:
            self.run(step)
        return self.clock.now - began

    def share(self, release: int) -> float:
        on = [state.value >= release for cache in self.caches for state in cache.states().values()]
        return sum(on) / len(on)

    def requests(self, seconds: float) -> float:
        """Return the requests a second of the whole fleet in the last whole minutes."""
        last = int(self.clock.now // 60)
        minutes = [self.ssm.asked.get(last - n, 0) for n in range(1, int(seconds // 60) + 1)]
        return statistics.mean(minutes) / 60 * SCALE

    def _started(self, times: Times, at: float) -> Cache[int, int]:
        loader = Loader(self.ssm, self.ttl)
        cache: Cache[int, int] = Cache(loader, times, self.clock, loader)
        self.clock.now = at
        for model in range(MODELS):
            cache.renew(model)
        return cache

    def _next(self, number: int) -> float:
        due = min(state.ask_at for state in self.caches[number].states().values())
        return max(due, self.clock.now) + self.dice.expovariate(1 / THINK)


def story(processes: int, rate: float, ttl: float) -> dict[str, float]:
    """Return what a fleet asks for in its steady state, after a promotion, and in an outage."""
    fleet = Fleet(processes // SCALE, rate / SCALE, ttl)
    fleet.clock.now = ttl
    fleet.run(4 * ttl)
    told: dict[str, float] = {"steady": fleet.requests(2 * ttl)}
    throttled = fleet.ssm.throttled
    fleet.run(ttl)
    told["throttled"] = (fleet.ssm.throttled - throttled) * SCALE / ttl
    fleet.ssm.release = 2
    told["promoted"] = fleet.run_until(0.99, 2, 4 * HOUR)
    fleet.ssm.away = True
    fleet.run(HOUR)
    told["outage"] = fleet.requests(HOUR / 2)
    fleet.ssm.away, fleet.ssm.release = False, 3
    told["recovered"] = fleet.run_until(0.99, 3, 4 * HOUR)
    told["peak"] = max(fleet.ssm.asked.values()) / 60 * SCALE
    return told


def rows_of(processes: int, rate: float, ttl: float) -> list[Row]:
    told = story(processes, rate, ttl)
    name = f"{processes:,} processes, {rate:,} requests/s, ttl {ttl:g}"
    return [
        row(f"{name}: steady state", "1/s", told["steady"], rate),
        row(f"{name}: of them throttled", "1/s", told["throttled"], rate),
        row(f"{name}: until 99 % have a promotion", "s", told["promoted"], ttl),
        row(f"{name}: in an hour's outage", "1/s", told["outage"], rate),
        counted(f"{name}: until 99 % have recovered", "s", told["recovered"], ttl, 2 * ttl + 120),
        row(f"{name}: busiest minute", "1/s", told["peak"], rate),
    ]


def sizes() -> list[Row]:
    """Return the largest fleets that take half of what is allowed, by what a small one takes."""
    rows = []
    for rate, ttl in ((DEFAULT, 300), (DEFAULT, 900), (HIGHER, 300), (HIGHER, 900)):
        fleet = Fleet(100, DEFAULT, ttl)
        fleet.clock.now = ttl
        fleet.run(4 * ttl)
        each = fleet.requests(2 * ttl) / SCALE / 100
        name = f"processes that take half of {rate:,} requests/s, ttl {ttl}"
        rows.append(row(name, "processes", rate / 2 / each, None))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[100, 1_000, 10_000])
    fleets = parser.parse_args().processes
    rows = [each for processes in fleets for each in rows_of(processes, DEFAULT, 300)]
    largest = max(fleets)
    rows += rows_of(largest, DEFAULT, 900) + rows_of(largest, HIGHER, 300)
    rows += sizes()
    report("fleet.json", f"each process with {MODELS} models / the limit or the ttl", rows)


if __name__ == "__main__":
    main()
