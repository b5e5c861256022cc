"""A reader's status, as plain data for JSON: what it serves, and what went wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from model_config.reader.breaker import Answers, Away, Breaker
from model_config.reader.clock import Clock
from model_config.reader.loading import Key
from model_config.reader.reading import Reading, Unfollowed
from model_config.reader.reporter import Served
from model_config.reader.share import Share
from model_config.reader.states import Failed, Good, Problem, Stale, State, TooOld

_STATES = {Good: "good", Stale: "stale", TooOld: "too old", Failed: "failed"}


class Describer:
    """Converts times on a reader's clock into seconds from now and times of day."""

    def __init__(self, clock: Clock) -> None:
        self._now, self._wall = clock(), clock.wall()

    def aws(self, breaker: Breaker) -> dict[str, Any]:
        """Return whether AWS answers; if not, also why, and when the next attempt is made."""
        match breaker.state:
            case Answers():
                return {"state": "answers"}
            case Away(problem, since, _, failures, ask_at):
                return {
                    "state": "away",
                    "since": self._time(since),
                    "asked_again_in": self._seconds_to(ask_at),
                    "failures": failures,
                    "problem": _problem(problem),
                }
        return {"state": "slow"}

    def model(self, key: Key, state: State[Reading], served: Served | None) -> dict[str, Any]:
        """Return what is served for a key, since when, the last failure and the next renewal."""
        model, selector, schema = key
        by = {"release": selector} if isinstance(selector, int) else {"label": selector}
        status = {
            "model": model,
            "asked_for": {**by, **({} if schema is None else {"schema": schema.__qualname__})},
            "state": _STATES[type(state)],
            "asked_again_in": self._seconds_to(state.ask_at),
            "served": None,
            "failed": None,
        }
        if not isinstance(state, Failed | TooOld):
            status["served"] = self._served(state.value, served)
        if not isinstance(state, Good):
            status["failed"] = {
                "since": self._time(state.since),
                "failures": state.failures,
                **_problem(state.problem),
            }
        return status

    def _served(self, reading: Reading, served: Served | None) -> dict[str, Any]:
        configuration = reading.configuration
        own = configuration if served is None else served.configuration
        age = configuration.age
        return {
            "release": own.release,
            "digest": own.digest,
            "from_fallback": own.from_fallback,
            "since": None if served is None else _time(served.since),
            "age": None if math.isinf(age) else round(age, 3),
            "rollout": self._rollout(reading),
        }

    def _rollout(self, reading: Reading) -> dict[str, Any] | None:
        match reading.rollout:
            case Share() as share:
                percent = share.percent(self._wall)
                return {"candidate": share.plan.release, "percent": percent, "problem": None}
            case Unfollowed(plan, problem):
                return {"candidate": plan.release, "percent": 0, "problem": _problem(problem)}
        return None

    def _seconds_to(self, at: float) -> float | None:
        return None if math.isinf(at) else round(max(0.0, at - self._now), 3)

    def _time(self, at: float) -> str:
        return _time(self._wall - (self._now - at))


def describe(
    states: Mapping[Key, State[Reading]],
    served: Mapping[Key, Served],
    breaker: Breaker,
    clock: Clock,
) -> dict[str, Any]:
    """Return the status of a reader, without its environment."""
    describer = Describer(clock)
    return {
        "aws": describer.aws(breaker),
        "models": [
            describer.model(key, state, served.get(key))
            for key, state in sorted(states.items(), key=lambda item: str(item[0]))
        ],
    }


def _problem(problem: Problem) -> dict[str, str]:
    return {"error": problem.kind.__name__, "text": problem.text}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
