"""Moves of labels, prepared and made at once."""

from __future__ import annotations

from typing import Any

from model_config.operate.environment import Environment
from model_config.operate.labels import make, prepare_promotion, prepare_rollback
from model_config.operate.moves import Move
from model_config.operate.ssm import Ssm


def prod(client: Any) -> Environment:
    return Environment("prod", "/ai", Ssm(client))


def promote(environment: Environment, model: str, label: str, **options: Any) -> Move:
    return make(prepare_promotion(environment, model, label, **options))


def rollback(environment: Environment, model: str, label: str = "stable", **options: Any) -> Move:
    return make(prepare_rollback(environment, model, label, **options))
