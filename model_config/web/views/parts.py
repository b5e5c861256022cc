"""The parts of several pages: labels, rollouts and releases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from model_config.format.rollout import Rollout
from model_config.format.text import who
from model_config.operate.releases.past_release import PastRelease
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.plan import Phase, phase
from model_config.web.pages import Page, release_page, rollout_page


@dataclass(frozen=True, slots=True)
class Label:
    """A label and its release."""

    name: str
    release: int
    is_held: bool
    page: Page


@dataclass(frozen=True, slots=True)
class Share:
    """A rollout that is under way, and its present share of readers."""

    release: int
    label: str
    percent: float
    phase: Phase
    page: Page


@dataclass(frozen=True, slots=True)
class ReleaseSummary:
    """A release, with the time and the author of its deploy."""

    number: int
    at: datetime
    by: str
    digest: str | None
    page: Page


def labels_of(stack: str, releases: Releases, number: int | None = None) -> tuple[Label, ...]:
    """Return the labels on a model's releases, or on one of them."""
    held = releases.held
    return tuple(
        Label(name, on, name in held, release_page(stack, releases.model, on))
        for name, on in releases.labels.items()
        if number in {None, on}
    )


def share_of(stack: str, model: str, rollout: Rollout | None, now: datetime) -> Share | None:
    """Return a rollout's present share, or None if there is no rollout."""
    if rollout is None:
        return None
    return Share(
        rollout.release,
        rollout.label,
        rollout.percent(now),
        phase(rollout, now),
        rollout_page(stack, model),
    )


def summary_of(stack: str, model: str, release: PastRelease) -> ReleaseSummary:
    """Return a summary of a release."""
    page = release_page(stack, model, release.number)
    return ReleaseSummary(release.number, release.at, who(release.by), short(release.digest), page)


def short(digest: str | None) -> str | None:
    """Return the first characters of a digest, which are enough to distinguish releases."""
    return digest.removeprefix("sha256:")[:12] if digest else None
