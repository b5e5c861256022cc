"""Attempts to read from AWS: who owns one, when it is over, and what reads do meanwhile.

An attempt is owned by a thread of the reader's own, which ends it at its deadline, whatever hangs
in it. A read starts that thread and waits. It holds no lock: what threads share is changed by
single operations on dicts and lists. So an exception that a signal raises in a read can leave
nothing behind. A reader without threads makes its attempts in the reading thread.
"""

import _thread  # its locks wait in one call, which an exception can't leave half done
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from model_config.format import errors
from model_config.reader.configuration import Configuration
from model_config.reader.problems import Problem, raise_if_a_signals
from model_config.reader.readings import Key, Reading, Readings, Result
from model_config.reader.source import BATCH, Clock

if TYPE_CHECKING:
    from model_config.reader.share import Share

#: The most attempts at a time, hanging ones included. Set by this package: while one hangs, another
#: finds out whether AWS answers again.
MOST_AT_ONCE = 2
#: Seconds between two looks of a thread that waits. If more have passed, the process was frozen.
TICK = 1.0
#: The longest first pause, and the longest pause, in seconds. Set by this package: in an outage, a
#: fleet makes about as many requests as otherwise, and all have recovered a minute after its end.
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
#: The same between the tries of a read that has nothing to serve.
FIRST_RETRY = 0.2
#: The least and the most seconds that a refusal is remembered. Set by this package: a new model is
#: found soon, and a loop that reads a missing one makes few requests.
REFUSED = (1.0, 2.0)
#: The largest part of a time to live that jitter subtracts. Set by this package, so that a fleet
#: that started together doesn't renew together.
JITTER = 0.1
#: Why an attempt failed that passed its deadline.
GIVEN_UP = (
    "no answer within {:g} s, so the attempt was given up: a request hangs, or whatever finds the "
    "credentials (a credential_process, STS, IMDS). Check the network: the routes to SSM and STS, "
    "their VPC endpoints, a proxy, the security group"
)
#: The part of the time to live by which a key is renewed early if that takes no extra request.
EARLY = 0.5
#: The number of remembered failures above which expired ones are dropped. Set by this package.
KEPT_FAILURES = 100

#: What a read is served at once, from and until when. Only the wall clock is read, which saves a
#: tenth of a microsecond.
Span: TypeAlias = "tuple[float, float, Configuration, Share | None]"

# The system's generator: forked workers and restored snapshots share the state of Python's.
_random = SystemRandom()


class Times(NamedTuple):
    ttl: float
    max_stale: float
    max_wait: float
    deadline: float


class Entry(NamedTuple):
    reading: Reading | None  # the last good one, or the fallback's
    read_at: float
    ask_at: float
    problem: Problem | None = None  # of the last attempt
    since: float = 0.0  # the first failure
    failures: int = 0


class Away(NamedTuple):
    """AWS, after an attempt without an answer. All models of a reader share it."""

    problem: Problem
    since: float
    failed_at: float
    failures: int
    ask_at: float
    is_sure: bool  # more than one renewal failed, so that first reads needn't find out


class Attempt:
    """One attempt to read several keys. It ends when it succeeds, fails or passes its deadline."""

    def __init__(self, left_at: float, *, is_always: bool) -> None:
        self.left_at = left_at  # when it counts as left, if a reading thread makes it
        self.is_always = is_always  # asks for what isn't due
        self.is_renewal = False  # begun by a read that has something to serve
        self.is_started = False  # a thread of the reader's own will end it
        self.has_ended = False
        self.hangs = False  # though it has ended
        self.began = self.seconds = 0.0  # the latter since the last answer
        self.keys: list[Key] = []
        self.results: dict[Key, Result | Entry] = {}
        self.landed: dict[Key, Entry] = {}  # the new entries
        self.loaded = threading.Event()
        self.wakers: list[Callable[[], object]] = []  # called at the end
        self.made_by = _thread.get_ident()

    @property
    def is_under_way(self) -> bool:
        if self.has_ended or self.is_started:
            return not self.has_ended
        # Made by this thread, it was interrupted by a signal's handler that reads. After a while,
        # it was left by another thread, in which one exception hit the handling of another.
        return self.made_by != _thread.get_ident() and time.monotonic() < self.left_at


class Attempts:
    """What a reader knows by key, and the attempts to renew it.

    Keys with nothing to serve are tried `tries` times. `spans` is what reads by the reader's label
    are served at once, by class and model.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a reader
        self,
        readings: Readings,
        times: Times,
        clock: Clock,
        label: str,
        tries: int,
        report: Callable[[Mapping[Key, Entry]], object],
    ) -> None:
        self.times, self._readings, self._clock = times, readings, clock
        self._label, self._tries, self._report = label, tries, report
        self.entries: dict[Key, Entry] = {}
        self.spans: defaultdict[type[Any] | None, dict[str, Span]] = defaultdict(dict)
        self.away: Away | None = None
        self.hits = self.renewals = self.failures = 0
        self.seconds = 0.0
        self._changed_at = -math.inf  # a failure of an older attempt says nothing new
        self._denials = 0  # attempts in a row in which the role was denied everything
        self._denied_until = -math.inf
        self.forget()

    def forget(self) -> None:
        """Forget the attempts: a forked child process doesn't have their threads."""
        self._flights: dict[Key, Attempt] = {}
        self._running: list[Attempt] = []
        self._waiting: dict[Key, None] = {}
        self._renewal: Attempt | None = None
        self._slow: Attempt | None = None

    @property
    def is_slow(self) -> bool:
        return self._slow is not None and self._slow.is_under_way

    @property
    def hanging(self) -> list[float]:
        return [attempt.began for attempt in self._taken() if attempt.has_ended]

    def _taken(self) -> list[Attempt]:
        return [attempt for attempt in self._running if attempt.hangs or not attempt.has_ended]

    def read(self, keys: Iterable[Key], *, always: bool = False) -> None:
        for attempts, seconds in self._waits(keys, always=always, here=True):
            waiter = _thread.allocate_lock()
            waiter.acquire()
            for attempt in attempts:
                attempt.wakers.append(waiter.release)
            if not [attempt for attempt in attempts if attempt.has_ended]:
                waiter.acquire(timeout=seconds)

    async def aread(self, keys: Iterable[Key]) -> None:
        import asyncio  # noqa: PLC0415 - slow to import, and the caller has done so already

        loop = asyncio.get_running_loop()
        for attempts, seconds in self._waits(keys, always=False, here=False):
            awake = asyncio.Event()
            for attempt in attempts:
                attempt.wakers.append(partial(loop.call_soon_threadsafe, awake.set))
            if not [attempt for attempt in attempts if attempt.has_ended]:
                with suppress(TimeoutError):
                    await asyncio.wait_for(awake.wait(), seconds)

    def refusal(self, entry: Entry | None) -> errors.ModelConfigError:
        """Return why a read that has waited is served nothing, given what its key has."""
        now, away = self._clock(), self.away
        problem = (entry and entry.problem) or (away and away.problem)
        text = problem.text if problem else "earlier attempts hang"
        if entry is not None and entry.reading is not None:
            return errors.StaleConfigurationError(
                f"{entry.reading.configuration!r} was read {now - entry.read_at:,.0f} s ago, and "
                f"max_stale allows {self.times.max_stale:,.0f} s. It could not be renewed: {text}"
            )
        if entry is not None and entry.problem is not None:
            return entry.problem.kind(text)  # a new one: a shared one mixes tracebacks
        if away is None:
            return errors.StoreUnavailableError(f"no request was made: {text}")
        return away.problem.kind(
            f"no request was made: the last one failed {now - away.failed_at:,.1f} s ago, and the "
            f"next one is made in {max(0.0, away.ask_at - now):,.1f} s. The failure: {text}"
        )

    def run(self, work: Callable[[], object]) -> None:
        if self.times.max_wait == math.inf or not _is_started(work):
            work()

    # What a read does. It may be interrupted anywhere.

    def _waits(
        self, keys: Iterable[Key], *, always: bool, here: bool
    ) -> Iterator[tuple[list[Attempt], float]]:
        """Begin what is due. Yield attempts, any of which to wait for, and the most seconds."""
        here = here and self.times.max_wait == math.inf
        left, renewal = [], None
        for key in keys:
            entry = self.entries.get(key)
            if always or entry is None or entry.problem or self._clock() >= entry.ask_at:
                left.append(key)
            else:
                self.hits += 1
        while left:
            left_at = time.monotonic() + self.times.deadline
            mine = Attempt(left_at, is_always=always or self.times.ttl == 0)
            now = self._clock()
            try:
                needed = {key: self._join(key, mine, now, here=here) for key in left}
                may_wait = mine.is_renewal and self.away is None and not self.is_slow
                mine.is_started = bool(mine.keys) and not here and _is_started(self._own, mine)
                if mine.keys and not mine.is_started:
                    self._prepare(mine)
                    self._load(mine)
                    self._finish(mine)
            finally:
                if not mine.is_started:
                    self._end(mine)
            left = [key for key, attempts in needed.items() if attempts]
            if left:
                yield list({attempt for key in left for attempt in needed[key]}), TICK
            elif may_wait:
                renewal = mine
            left = [key for key in left if not any(key in it.landed for it in needed[key])]
        waited = 0.0
        while renewal is not None and not renewal.has_ended:
            seconds = min(TICK, self.times.max_wait - waited)
            if seconds <= 0:
                self._slow = renewal
                break
            yield [renewal], seconds
            waited += seconds

    def _join(self, key: Key, mine: Attempt, now: float, *, here: bool) -> list[Attempt]:
        """Let a key that is due take part, and return the attempts of which it needs one to end."""
        entry, away = self.entries.get(key), self.away
        if mine.is_always or (away is not None and now >= away.ask_at):
            away = None  # it is asked
        if entry is None and away and (fallback := self._readings.fallback_for(key)):
            made = Entry(fallback, now, away.ask_at, away.problem, now)
            entry = self.entries.setdefault(key, made)
        at_hand = (
            entry is not None
            and entry.reading is not None
            and now - entry.read_at <= self.times.max_stale
        )
        if not mine.is_always and (
            (entry is not None and now < entry.ask_at)
            or (at_hand and now < self._denied_until)
            or (away is not None and (at_hand or away.is_sure))
        ):
            return []
        must = mine.is_always or not at_hand
        attempt = self._flights.get(key)
        if attempt is not None and attempt.is_under_way:
            return [attempt] if must else []
        if not here and len(taken := self._taken()) >= MOST_AT_ONCE:
            others = [other for other in taken if must and not other.hangs]
            if others:
                self._waiting[key] = None  # it comes along with the one after
            return others
        if not must:
            if self._renewal not in {mine, None} and self._renewal.is_under_way:
                return []
            self._renewal, mine.is_renewal = mine, True
        mine.keys.append(key)
        if attempt is None:
            attempt = self._flights.setdefault(key, mine)
        else:
            attempt = self._flights[key] = mine
        return [attempt] if must else []

    # What the owner of an attempt does.

    def _own(self, attempt: Attempt) -> None:
        """Let another thread do the work, and end the attempt at its deadline."""
        attempt.is_started = True
        self._running.append(attempt)
        try:
            if attempt not in self._taken()[:MOST_AT_ONCE]:  # others may have begun at this moment
                return
            self._prepare(attempt)
            if not _is_started(self._load, attempt):
                self._load(attempt)
            before = time.monotonic()
            while not attempt.loaded.wait(min(TICK, self.times.deadline)):
                now = time.monotonic()
                attempt.seconds += min(now - before, TICK)
                before = now
                if attempt.seconds >= self.times.deadline and not attempt.has_ended:
                    self._give_up(attempt)
                self._serve_meanwhile()
            if not attempt.has_ended:
                self._finish(attempt)
        finally:
            self._running.remove(attempt)
            self._end(attempt)

    def _give_up(self, attempt: Attempt) -> None:
        close = threading.Thread(target=self._readings.close, daemon=True)
        with suppress(RuntimeError):  # no thread can be had
            close.start()
            close.join(TICK)  # it may hang, too
        text = GIVEN_UP.format(self.times.deadline)
        problem = Problem(errors.StoreUnavailableError, text, GIVEN_UP, is_outage=True)
        attempt.hangs = True
        attempt.results = dict.fromkeys(attempt.keys, Result(None, problem))
        self._finish(attempt)

    def _end(self, attempt: Attempt) -> None:
        for key in attempt.keys:
            if self._flights.get(key) is attempt:
                del self._flights[key]
        attempt.has_ended = True
        for wake in list(attempt.wakers):
            with suppress(RuntimeError):  # it is awake, or its event loop is closed
                wake()

    def _prepare(self, attempt: Attempt) -> None:
        """Add the keys that wait, and those due that need no request more."""
        now = attempt.began = self._clock()
        # Another attempt may have ended between a read's look at the entry and its look for one.
        keys = [
            key
            for key in attempt.keys
            if self._flights.get(key) is attempt
            and (
                attempt.is_always or (entry := self.entries.get(key)) is None or entry.ask_at <= now
            )
        ]
        while self._waiting:
            with suppress(KeyError):  # another attempt that began at this moment took it
                keys.append(self._waiting.popitem()[0])
        if attempt.is_renewal:
            last = {key: entry.reading for key, entry in list(self.entries.items())}
            size = sum(_size(last.get(key)) for key in keys)
            room = -(-size // BATCH) * BATCH
            due = [
                (entry.ask_at, number, key)
                for number, (key, entry) in enumerate(list(self.entries.items()))
                if entry.ask_at <= now + (EARLY * self.times.ttl if entry.problem is None else 0)
                and entry.reading is not None
                and key not in self._flights
            ]
            for ask_at, _, key in sorted(due):  # those due first at the front
                size += _size(last.get(key))
                if size > room and ask_at > now:
                    break
                keys.append(key)
        attempt.keys = [
            key for key in dict.fromkeys(keys) if self._flights.setdefault(key, attempt) is attempt
        ]
        self._serve_meanwhile()

    def _serve_meanwhile(self) -> None:
        """Let reads of what is due, and can't be renewed now, be served at once."""
        is_renewing = self._renewal is not None and self._renewal.is_under_way
        if is_renewing or len(self._taken()) >= MOST_AT_ONCE:
            now = self._clock()
            for key, entry in list(self.entries.items()):
                if entry.ask_at <= now:
                    self._span(key, entry, now + 2 * TICK)

    def _load(self, attempt: Attempt) -> None:
        wanted: dict[Key, Reading | None] = {}
        results: dict[Key, Result | Entry] = {}
        try:
            for key in attempt.keys:
                # A first read with a class needn't ask for what was just read without one.
                entry, plain = self.entries.get(key), self.entries.get((*key[:2], None))
                if (
                    entry is None
                    and plain is not None
                    and plain.reading is not None
                    and plain.problem is None
                    and self._clock() < plain.ask_at
                    and self._readings.fits(key, plain.reading)
                ):
                    results[key] = plain
                else:
                    wanted[key] = None if entry is None else entry.reading
            progress = partial(setattr, attempt, "seconds", 0.0)
            for number in range(self._tries):
                if number:
                    time.sleep(_full_jitter(number, FIRST_RETRY))
                results |= self._readings.load(wanted, progress)
                wanted = {
                    key: None
                    for key, last in wanted.items()
                    if last is None
                    and (problem := results[key].problem) is not None
                    and problem.is_outage
                    and not issubclass(problem.kind, errors.CredentialsError)
                    and self._readings.fallback_for(key) is None
                }
                if not wanted or attempt.has_ended:
                    break
            attempt.results = results
        finally:
            attempt.loaded.set()

    # What an attempt changes.

    def _finish(self, attempt: Attempt) -> None:
        now, results = self._clock(), attempt.results
        self.seconds += now - attempt.began
        problems = [result.problem for result in results.values() if result.problem]
        outage = next((problem for problem in problems if problem.is_outage), None)
        pause = _random.uniform(*REFUSED)
        quiet_until = now  # for what was not part of the attempt
        if outage is not None:
            self._failed(outage, attempt.began, now, results)
            quiet_until = self.away.ask_at if self.away else now
        elif results:
            self.away, self._slow, self._changed_at = None, None, now
            denied = [one for one in problems if issubclass(one.kind, errors.AccessDeniedError)]
            self._denials = self._denials + 1 if len(denied) == len(results) else 0
            if self._denials:
                longer = pause * 2.0 ** min(self._denials - 1, 30)
                quiet_until = self._denied_until = now + min(longer, LONGEST_PAUSE)
        for key, result in results.items():
            if self._flights.get(key) is attempt:  # otherwise another attempt has taken it over
                entry = self._entry(key, result, attempt.began, now, pause)
                self.entries[key] = attempt.landed[key] = entry
                self._span(key, entry, entry.ask_at)
                self.renewals += entry.problem is None
                self.failures += entry.problem is not None
        if quiet_until > now:
            for key, entry in list(self.entries.items()):
                self._span(key, entry, max(entry.ask_at, quiet_until))
        # So that reads of ever new names don't fill the memory.
        failed = [key for key, entry in list(self.entries.items()) if entry.reading is None]
        for key in failed if len(failed) > KEPT_FAILURES else ():
            if self.entries[key].ask_at <= now:
                del self.entries[key]
        self._end(attempt)
        self._report(attempt.landed)

    def _entry(
        self, key: Key, result: Result | Entry, began: float, now: float, pause: float
    ) -> Entry:
        if isinstance(result, Entry):  # read without a class, which takes it
            return result
        reading, problem = result
        if problem is None:
            ttl = self.times.ttl * (1 - JITTER * _random.random())
            return Entry(reading, began, began + ttl)
        last, read_at, since, failures = self.entries.get(key), now, now, 1
        if last is not None and last.problem is not None:
            since, failures = last.since, last.failures + 1
        if last is not None and last.reading is not None:
            read_at, reading = last.read_at, reading or last.reading
        elif problem.is_outage:
            reading = self._readings.fallback_for(key)
        if self.times.ttl == 0:
            ask_at = now
        elif problem.is_outage and self.away is not None:
            ask_at = max(now, self.away.ask_at)
        else:
            # What was never read is asked for soon: it may have been deployed in between.
            pause *= 1 if reading is None else 2.0 ** min(failures - 1, 30)
            ask_at = now + min(pause, self.times.ttl)
        return Entry(reading, read_at, ask_at, problem, since, failures)

    def _failed(
        self, problem: Problem, began: float, now: float, results: Mapping[Key, Result | Entry]
    ) -> None:
        """Set the pause. Attempts that began together count as one failure."""
        if began < self._changed_at:
            return
        known = [key for key in results if (entry := self.entries.get(key)) and entry.reading]
        is_sure = problem.reason == GIVEN_UP or len(known) < len(results)
        since, failures = now, 1
        if self.away is not None:
            since, failures, is_sure = self.away.since, self.away.failures + 1, True
        ask_at = now + _full_jitter(failures, FIRST_PAUSE)
        self.away, self._slow = Away(problem, since, now, failures, ask_at, is_sure), None
        self._changed_at = now

    def _span(self, key: Key, entry: Entry, until: float) -> None:
        model, selector, schema = key
        if selector == self._label and self.times.ttl:
            wall = self._clock.wall()  # first: after a freeze in between, the span is too short
            seconds = min(until, entry.read_at + self.times.max_stale) - self._clock()
            if entry.reading is None or seconds <= 0:
                self.spans[schema].pop(model, None)
                return
            configuration, share, *_ = entry.reading
            self.spans[schema][model] = wall, wall + seconds, configuration, share


def _size(reading: Reading | None) -> int:
    """Return how many names a look asks for: the release, the rollout and the secrets."""
    return 1 + (len({name for name, _ in reading.marks}) if reading else 1)


def _full_jitter(failures: int, first: float) -> float:
    # See "Exponential Backoff And Jitter" in the AWS Architecture Blog: it makes the fewest calls.
    return _random.uniform(0, min(LONGEST_PAUSE, first * 2 ** min(failures - 1, 30)))


def _is_started(work: Callable[..., object], *arguments: Any) -> bool:
    """Start a thread, or return False: none can be had, or the interpreter is at its end."""
    try:
        _thread.start_new_thread(work, arguments)
    except RuntimeError as error:
        raise_if_a_signals(error)
        return False
    return True
