"""What holds of a reader whatever happens, in whatever order."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.aws import Clock
from support.documents import Documents

from model_config import Reader
from model_config.format.errors import (
    AccessDeniedError,
    CredentialsError,
    ModelConfigError,
    StoreUnavailableError,
)

TTL = 300.0
MODELS = "abcdefg"
ERRORS = [StoreUnavailableError, CredentialsError, AccessDeniedError, FileNotFoundError, SystemExit]


class Reading(RuleBasedStateMachine):
    """Reads, deploys, outages, refusals and the time between them."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.source = Clock(), Documents()
        for model in MODELS:
            self.source.deploy({"n": 1}, {"key": "1"}, model=model)
        self.reader = Reader(
            "prod", source=self.source, clock=self.clock, max_wait=math.inf, ttl=TTL
        )
        self.read: set[str] = set()

    def newest(self, model: str) -> int:
        return len(self.source.documents[f"/ai/prod/{model}/release"])

    @rule(error=st.sampled_from([None, *ERRORS]))
    def weather(self, error: Any) -> None:
        self.source.error = error and error("made to fail")

    @rule(seconds=st.floats(0, 700))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(model=st.sampled_from(MODELS))
    def deploy(self, model: str) -> None:
        n = self.newest(model) + 1
        self.source.deploy({"n": n}, {"key": str(n)}, model=model)

    @rule(model=st.sampled_from(MODELS))
    def get(self, model: str) -> None:
        aws = self.reader.status()["aws"]
        in_a_pause = aws["state"] == "away" and aws["asked_again_in"] > 0 and model in self.read
        before = self.source.requests
        try:
            chat = self.reader.get(model)
        except ModelConfigError:
            assert model not in self.read
            return
        self.read.add(model)
        assert chat["n"] == chat.release <= self.newest(model)
        assert int(chat.secrets["key"].reveal()) >= chat.release
        if in_a_pause:
            assert self.source.requests == before
        if chat.age == 0 and self.source.requests > before:
            assert chat.release == self.newest(model)
        elif self.source.error is None and self.reader.status()["aws"]["state"] == "answers":
            refused = [each for each in self.reader.status()["models"] if each["state"] != "good"]
            assert chat.age <= TTL or refused

    @rule(model=st.sampled_from(MODELS))
    def refresh(self, model: str) -> None:
        self.reader.refresh(model)
        if model in self.read and self.source.error is None:
            assert self.reader.get(model).release == self.newest(model)

    @invariant()
    def nothing_is_under_way(self) -> None:
        assert not self.reader._attempts._flights


Reading.TestCase.settings = settings(max_examples=20, stateful_step_count=40)
TestReading = Reading.TestCase
