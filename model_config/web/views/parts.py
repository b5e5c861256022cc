"""What several pages show: a label, a rollout's share, a commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from model_config.comparing.text import who
from model_config.format.rollout import Rollout
from model_config.operate.releases.past_release import PastRelease
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.plan import Phase, phase
from model_config.web.pages import Page, release_page, rollout_page


@dataclass(frozen=True, slots=True)
class Label:
    """A label and the release that it is on."""

    name: str
    release: int
    is_held: bool
    page: Page


@dataclass(frozen=True, slots=True)
class Share:
    """A rollout under way, and where it is now."""

    release: int
    before: int
    label: str
    percent: float
    phase: Phase
    page: Page


@dataclass(frozen=True, slots=True)
class ReleaseSummary:
    """A release, when it was written and by whom."""

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
    """Return where a rollout is now, or None where there is none."""
    if rollout is None:
        return None
    return Share(
        rollout.release,
        rollout.before,
        rollout.label,
        rollout.percent(now),
        phase(rollout, now),
        rollout_page(stack, model),
    )


def summary_of(stack: str, model: str, release: PastRelease) -> ReleaseSummary:
    """Return a release as a page names it."""
    page = release_page(stack, model, release.number)
    return ReleaseSummary(release.number, release.at, who(release.by), short(release.digest), page)


def short(digest: str | None) -> str | None:
    """Return the first characters of a digest, enough to tell two of them apart."""
    return digest.removeprefix("sha256:")[:12] if digest else None
