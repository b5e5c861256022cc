"""Moves of labels, prepared and made at once."""

from __future__ import annotations

from typing import Any

from model_config.operate.environment import Environment
from model_config.operate.labels import Move, make, prepare_promotion, prepare_rollback
from model_config.operate.ssm import Ssm


class _Impatient:
    """A clock on which a wait takes no time."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def prod(client: Any) -> Environment:
    clock = _Impatient()
    return Environment("prod", "/ai", Ssm(client, clock=clock, sleep=clock.sleep))


def promote(environment: Environment, model: str, label: str, **options: Any) -> Move:
    return make(prepare_promotion(environment, model, label, **options))


def rollback(environment: Environment, model: str, label: str = "stable", **options: Any) -> Move:
    return make(prepare_rollback(environment, model, label, **options))
