"""What the reader's benches have in common: figures in rows, beside a baseline and a bound."""

import json
import os
import statistics
import sys
import timeit
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent.parent.parent / ".bench"
HOSTILE = ("AWS_", "POWERTOOLS_", "MODEL_CONFIG_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
ROUNDS = 30

Row = dict[str, Any]
Action = Callable[[], object]


class Clock:
    """Seconds that pass when a bench says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_800_000_000.0 + self.now


def seconds(action: Action, times: int = 1) -> float:
    return timeit.timeit(action, number=times) / times


def medians(*actions: Action, times: int = 1) -> list[float]:
    """Return the seconds that each action takes, measured in turn."""
    samples = [[seconds(action, times) for action in actions] for _ in range(ROUNDS)]
    return [statistics.median(taken) for taken in zip(*samples, strict=True)]


def row(name: str, unit: str, ours: float, baseline: float | None, bound: str = "") -> Row:
    return {
        "name": name,
        "ours": round(ours, 4),
        "baseline": None if baseline is None else round(baseline, 4),
        "ratio": round(ours / baseline, 3) if baseline else None,
        "unit": unit,
        "bound": bound,
    }


def timed(name: str, unit: str, ours: float, baseline: float, limit: float) -> Row:
    verdict = "ok" if ours <= limit * baseline else "over"
    return row(name, unit, ours, baseline, f"ratio <= {limit}: {verdict}")


def counted(name: str, unit: str, ours: float, baseline: float | None, limit: float) -> Row:
    verdict = "ok" if ours <= limit else "over"
    return row(name, unit, ours, baseline, f"ours <= {limit}: {verdict}")


def report(file: str, title: str, rows: Iterable[Row], note: str = "") -> None:
    """Print figures, and keep them in `.bench`."""
    table = Table(title, "ours", "baseline", "ratio", "unit", "bound")
    kept = list(rows)
    for item in kept:
        table.add_row(*("" if value is None else str(value) for value in item.values()))
    width = None if sys.stdout.isatty() else 120
    Console(width=width).print(table, *([note] if note else []), sep="\n")
    RESULTS.mkdir(exist_ok=True)
    plain = [{key: value for key, value in item.items() if key != "bound"} for item in kept]
    (RESULTS / file).write_text(json.dumps(plain, indent=2) + "\n")


def clean_environment() -> None:
    """Let nothing that a developer's shell or home has set reach either side."""
    for name in list(os.environ):
        if name.upper().startswith(HOSTILE):
            del os.environ[name]
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
