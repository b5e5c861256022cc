"""Moves of labels, prepared and made at once."""

from __future__ import annotations

from typing import Any

from model_config.operate.labels.labels import Labels
from model_config.operate.labels.moves import Move


def promote(labels: Labels, model: str, label: str, **options: Any) -> Move:
    return labels.make(labels.prepare_promotion(model, label, **options))


def rollback(labels: Labels, model: str, label: str = "stable", **options: Any) -> Move:
    return labels.make(labels.prepare_rollback(model, label, **options))
