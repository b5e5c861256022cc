"""What holds of a cache whatever happens, in whatever order."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.aws import Clock

from model_config.format.errors import (
    AccessDeniedError,
    CredentialsError,
    ModelConfigError,
    StoreUnavailableError,
)
from model_config.reader.breaker import Away
from model_config.reader.cache import Cache
from model_config.reader.settings import Times

TTL = 300.0
KEYS = st.sampled_from("abcdefg")
ERRORS = [StoreUnavailableError, CredentialsError, AccessDeniedError, FileNotFoundError, KeyError]


class Reading(RuleBasedStateMachine):
    """Reads, outages, refusals and the time between them."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.error = Clock(), None
        self.number = self.requests = 0
        self.good: dict[str, tuple[int, float]] = {}  # the newest good value, and since when
        self.cache: Cache[str, int] = Cache(self, Times(TTL, math.inf, math.inf), self.clock, self)

    def prefetched(self, _: Any) -> Reading:
        self.requests += 1
        return self

    def load(self, key: str, last: int | None) -> int:
        assert last == self.good.get(key, (None, 0))[0]
        if self.error is not None:
            raise self.error("made to fail")
        self.number += 1
        self.good[key] = (self.number, self.clock())
        return self.number

    def fallback_for(self, _: str) -> None:
        return None

    def lifetime(self, _: int) -> float:
        return TTL

    def landed(self, _: str, __: Any) -> None:
        pass

    @rule(error=st.sampled_from([None, *ERRORS]))
    def weather(self, error: Any) -> None:
        self.error = error

    @rule(seconds=st.floats(0, 700))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(key=KEYS)
    def read(self, key: str) -> None:
        state, before = self.cache.breaker.state, self.requests
        in_a_pause = isinstance(state, Away) and self.clock() < state.ask_at
        found = self.cache.fresh(key)
        try:
            value = self.cache.renew(key) if found is None else found
        except ModelConfigError:
            assert key not in self.good
            value = None
        if in_a_pause:
            assert self.requests == before
        assert self.requests - before <= 1
        if value is not None:
            newest, since = self.good[key]
            assert value == newest
            if self.error is None and self.cache.breaker.answers and self.requests > before:
                assert self.clock() - since <= TTL

    @rule(key=KEYS)
    def ask(self, key: str) -> None:
        try:
            value = self.cache.renew(key, always=True)
        except ModelConfigError:
            assert key not in self.good
        else:
            assert value == self.good[key][0]
            assert self.error is not None or self.good[key][1] == self.clock()

    @invariant()
    def nothing_is_under_way(self) -> None:
        assert not self.cache._flights


Reading.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestReading = Reading.TestCase
