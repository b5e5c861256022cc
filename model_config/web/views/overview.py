"""The first page: the status of each model in each environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from model_config.comparing.commit_search import Match
from model_config.operate.status import EnvironmentStatus, ModelStatus
from model_config.web.pages import Page, drift_page, model_page
from model_config.web.views.parts import (
    Label,
    ReleaseSummary,
    Share,
    labels_of,
    share_of,
    summary_of,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """The status of a model in an environment.

    Attributes:
        newest: its newest release; None if there is none or it is unknown.
        drift: the number of differing parameters by state; None if it is unknown.
        commit: the commit of the newest release, if it was searched for.
        problem: why its releases can't be read, or None.
    """

    page: Page
    drift_page: Page
    newest: ReleaseSummary | None
    labels: tuple[Label, ...]
    rollout: Share | None
    drift: Mapping[str, int] | None
    commit: Match | None
    problem: str | None

    @property
    def flags(self) -> list[str]:
        """The filters that it matches: "held", "rollout", "drift", "behind"."""
        newest = self.newest.number if self.newest else None
        return [
            flag
            for flag, is_set in {
                "held": any(label.is_held for label in self.labels),
                "rollout": self.rollout is not None,
                "drift": bool(self.drift),
                "behind": any(
                    label.name == "stable" and label.release != newest for label in self.labels
                ),
            }.items()
            if is_set
        ]


@dataclass(frozen=True, slots=True)
class Row:
    """A model in each environment; None if the environment doesn't have it."""

    model: str
    cells: tuple[Cell | None, ...]

    @property
    def flags(self) -> str:
        """The flags of all cells."""
        return " ".join(sorted({flag for cell in self.cells if cell for flag in cell.flags}))


@dataclass(frozen=True, slots=True)
class Column:
    """An environment.

    Attributes:
        other_projects: models that are not in the project.
        warnings: labels and release histories that will cause problems.
        not_read: the number of values that were not read.
    """

    stack: str
    drift_page: Page
    other_projects: tuple[str, ...]
    warnings: tuple[str, ...]
    not_read: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Models by environments.

    Attributes:
        counts: the number of rows with each flag.
        asked_for_commits: whether git was searched.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    counts: Mapping[str, int]
    asked_for_commits: bool


def overview(
    found: Mapping[str, EnvironmentStatus], origins: Mapping[str, Match] | None, now: datetime
) -> Overview:
    """Return the first page.

    Args:
        found: each environment's status, by its stack.
        origins: the commit of each digest; None if git was not searched.
    """
    by_stack = {stack: {each.model: each for each in one.models} for stack, one in found.items()}
    rows = tuple(
        Row(
            model,
            tuple(
                _cell(stack, models[model], origins or {}, now) if model in models else None
                for stack, models in by_stack.items()
            ),
        )
        for model in sorted({model for models in by_stack.values() for model in models})
    )
    counts = Counter(flag for row in rows for flag in row.flags.split())
    columns = tuple(_column(stack, status) for stack, status in found.items())
    return Overview(columns, rows, counts, origins is not None)


def _column(stack: str, status: EnvironmentStatus) -> Column:
    drift = status.drift
    warnings = tuple(f"{each.where}: {each.problem}" for each in drift.findings) if drift else ()
    not_read = drift.not_read if drift else 0
    return Column(stack, drift_page(stack), status.other_projects, warnings, not_read)


def _cell(stack: str, status: ModelStatus, origins: Mapping[str, Match], now: datetime) -> Cell:
    releases = status.releases
    return Cell(
        page=model_page(stack, status.model),
        drift_page=drift_page(stack),
        newest=summary_of(stack, status.model, releases.newest) if releases else None,
        labels=labels_of(stack, releases) if releases else (),
        rollout=share_of(stack, status.model, status.rollout, now),
        drift=status.drift,
        commit=origins.get(status.digest or ""),
        problem=status.problem or (releases.newest.problem if releases else None),
    )
