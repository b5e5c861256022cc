from __future__ import annotations

from model_config.format.errors import StoreUnavailableError
from model_config.reader.cache.breaker import Answers, Away, Breaker, Slow
from model_config.reader.cache.states import Problem

AWAY = Problem.of(StoreUnavailableError("away"))


def test_attempts_that_began_together_count_as_one_failure() -> None:
    breaker = Breaker()
    for ended in (107.0, 107.1, 107.2):
        breaker.failed(AWAY, began=100.0, now=ended)
    assert isinstance(breaker.state, Away)
    assert (breaker.state.failures, breaker.state.since) == (1, 107.0)
    breaker.failed(AWAY, began=109.0, now=110.0)
    assert (breaker.state.failures, breaker.state.since) == (2, 107.0)


def test_a_failure_of_an_attempt_older_than_a_success_says_nothing() -> None:
    breaker = Breaker()
    breaker.answered(now=105.0)
    breaker.failed(AWAY, began=100.0, now=107.0)
    assert breaker.answers


def test_after_a_pause_one_attempt_is_let_through() -> None:
    breaker = Breaker()
    breaker.failed(AWAY, began=100.0, now=100.0)
    assert not breaker.let_through(100.0)
    assert [breaker.let_through(160.0) for _ in range(3)] == [True, False, False]
    breaker.given_up()
    assert breaker.let_through(160.0)
    breaker.answered(now=161.0)
    assert [breaker.let_through(161.0) for _ in range(3)] == [True] * 3


def test_an_attempt_that_is_too_slow_keeps_others_back_until_it_ends() -> None:
    breaker = Breaker()
    breaker.too_slow()
    assert isinstance(breaker.state, Slow)
    assert not breaker.let_through(100.0)
    assert breaker.pause(100.0) is None  # what has nothing to serve may ask
    breaker.answered(now=101.0)
    assert isinstance(breaker.state, Answers)
    breaker.failed(AWAY, began=102.0, now=102.0)
    breaker.too_slow()
    assert isinstance(breaker.state, Away)
