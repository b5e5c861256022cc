"""Reports what goes wrong: in the log, and in a reader's status as plain data for JSON."""

import logging
import math
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypedDict

from model_config.reader.attempts import Attempts, Entry
from model_config.reader.problems import Problem
from model_config.reader.readings import Key, Reading
from model_config.reader.source import Clock

#: Seconds after which an incident that goes on is logged again. Set by this package.
REPEAT = 600.0

_AWS = "AWS"
_log = logging.getLogger("model_config.reader")


class ProblemStatus(TypedDict):
    """What went wrong: the error's class and its text."""

    error: str
    text: str


class AwsStatus(TypedDict, total=False):
    """Whether AWS "answers", is "slow" or "away"; since when given-up attempts hang, if any do.

    `boto3_because` says why boto3 reads, though awscrt is installed.
    """

    state: str
    since: str
    asked_again_in: float | None
    failures: int
    problem: ProblemStatus
    hanging: list[str]
    boto3_because: str


class RolloutStatus(TypedDict):
    """A rollout under way, and why its candidate can't be used, if it can't."""

    candidate: int
    percent: float
    problem: ProblemStatus | None


class ServedStatus(TypedDict):
    """What the reader's own id is served, since when, and how old it is."""

    release: int
    digest: str
    from_fallback: bool
    since: str | None
    age: float | None
    rollout: RolloutStatus | None


class FailedStatus(ProblemStatus):
    """The last failure, when the first one was, and how many there were since."""

    since: str
    failures: int


class ModelStatus(TypedDict):
    """A model as it was asked for. `state` is "good", "stale", "too old" or "failed"."""

    model: str
    asked_for: dict[str, Any]
    state: str
    asked_again_in: float | None
    served: ServedStatus | None
    failed: FailedStatus | None


class Status(TypedDict):
    """What a reader serves and what went wrong. Times are UTC, in ISO 8601."""

    environment: str
    aws: AwsStatus
    models: list[ModelStatus]


class Counters(TypedDict):
    """Totals since the reader was created; `seconds` is the time of all attempts."""

    hits: int
    renewals: int
    failures: int
    seconds: float


class _Incident(NamedTuple):
    reason: str
    since: float
    logged_at: float


class Incidents:
    """Logs what goes wrong: when it begins, changes its reason and ends, and every ten minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[Hashable, _Incident] = {}

    def note(self, key: Key, entry: Entry) -> None:
        """Log what an attempt has changed for a key."""
        reading, problem = entry.reading, entry.problem
        if problem is None or not problem.is_outage:
            self._ends(_AWS, "AWS answers again")
        if problem is None:
            if reading is not None:
                self._ends(key, f"{reading.configuration!r} can be renewed again")
                self._note_rollout(key, reading)
            return
        served = ""
        if reading is not None:
            age = reading.configuration.age
            since = "" if math.isinf(age) else f", {age:,.0f} s after it was read"
            served = f"{reading.configuration!r} is still served{since}: "
        if problem.is_outage:
            self._goes_on(_AWS, problem, f"AWS can't be reached. {served}{problem.text}")
        elif reading is not None:  # otherwise the read raises it
            self._goes_on(key, problem, f"{served}{problem.text}")

    def _note_rollout(self, key: Key, reading: Reading) -> None:
        subject = ("rollout", key)
        if reading.unfollowed is None:
            self._ends(subject, f"the rollout from {reading.configuration!r} goes on, or is over")
            return
        candidate, problem = reading.unfollowed
        text = (
            f"release {candidate}, the candidate of a rollout, can't be used, so every unit is "
            f"served {reading.configuration!r}. {problem.text}"
        )
        self._goes_on(subject, problem, text)

    def _goes_on(self, subject: Hashable, problem: Problem, text: str) -> None:
        now, known = self._clock(), self._open.get(subject)
        if known and known.reason == problem.reason and now - known.logged_at < REPEAT:
            return
        self._open[subject] = _Incident(problem.reason, known.since if known else now, now)
        _log.warning("%s", text)

    def _ends(self, subject: Hashable, text: str) -> None:
        if (known := self._open.pop(subject, None)) is not None:
            _log.info("%s, after %.0f s", text, self._clock() - known.since)


class Describer:
    """Describes a reader at one moment."""

    def __init__(self, attempts: Attempts, clock: Clock) -> None:
        self._attempts, self._now, self._wall = attempts, clock(), clock.wall()

    def aws(self, boto3_because: str | None) -> AwsStatus:
        """Return whether AWS answers; if not, also why, and when the next attempt is made."""
        status: AwsStatus = {"state": "slow" if self._attempts.is_slow else "answers"}
        if (away := self._attempts.away) is not None:
            status = {
                "state": "away",
                "since": self._time(away.since),
                "asked_again_in": self._seconds_to(away.ask_at),
                "failures": away.failures,
                "problem": _problem(away.problem),
            }
        if hanging := self._attempts.hanging:
            status["hanging"] = [self._time(began) for began in hanging]
        if boto3_because is not None:
            status["boto3_because"] = boto3_because
        return status

    def models(self, served: Mapping[Key, tuple[Any, float]]) -> list[ModelStatus]:
        """Return what is known of each key, in order, given what is served since when."""
        entries = sorted(self._attempts.entries.items(), key=lambda item: str(item[0]))
        return [self._model(key, entry, served.get(key)) for key, entry in entries]

    def _model(self, key: Key, entry: Entry, served: tuple[Any, float] | None) -> ModelStatus:
        model, selector, schema = key
        by = {"release": selector} if isinstance(selector, int) else {"label": selector}
        reading, problem = entry.reading, entry.problem
        state = "good" if problem is None else "failed" if reading is None else "stale"
        if reading is not None and self._now - entry.read_at > self._attempts.times.max_stale:
            state, reading = "too old", None
        failed: FailedStatus | None = problem and {
            "since": self._time(entry.since),
            "failures": entry.failures,
            **_problem(problem),
        }
        return {
            "model": model,
            "asked_for": {**by, **({} if schema is None else {"schema": schema.__qualname__})},
            "state": state,
            "asked_again_in": self._seconds_to(entry.ask_at),
            "served": None if reading is None else self._served(reading, served),
            "failed": failed,
        }

    def _served(self, reading: Reading, served: tuple[Any, float] | None) -> ServedStatus:
        own, since = served or (reading.configuration, None)
        age = reading.configuration.age
        return {
            "release": own.release,
            "digest": own.digest,
            "from_fallback": own.from_fallback,
            "since": None if since is None else _time(since),
            "age": None if math.isinf(age) else round(age, 3),
            "rollout": self._rollout(reading),
        }

    def _rollout(self, reading: Reading) -> RolloutStatus | None:
        if share := reading.share:
            percent = share.percent(self._wall)
            return {"candidate": share.plan.release, "percent": percent, "problem": None}
        if unfollowed := reading.unfollowed:
            candidate, problem = unfollowed
            return {"candidate": candidate, "percent": 0, "problem": _problem(problem)}
        return None

    def _seconds_to(self, at: float) -> float | None:
        return None if math.isinf(at) else round(max(0.0, at - self._now), 3)

    def _time(self, at: float) -> str:
        return _time(self._wall - (self._now - at))


def _problem(problem: Problem) -> ProblemStatus:
    return {"error": problem.kind.__name__, "text": problem.text}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
