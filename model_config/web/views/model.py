"""A model's page: its releases and their history, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from model_config.comparing.changes import changes
from model_config.format.rollout import Rollout
from model_config.format.text import who
from model_config.operate.releases.past_release import PastRelease
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.history import Written, events
from model_config.web.pages import Page, releases_page
from model_config.web.views.parts import (
    Label,
    ReleaseSummary,
    Share,
    labels_of,
    share_of,
    summary_of,
)
from model_config.web.views.timeline import Timeline, timeline


@dataclass(frozen=True, slots=True)
class Entry:
    """An event: a new release, or a change of a label or a rollout.

    Attributes:
        what: the change of a label or a rollout; empty for a release.
        release: the new release, or None.
        changes: the release's changes, such as "~ prompts/system"; None if there is nothing to
            compare it with.
        compare: the page that shows the changes.
        problem: why the release can't be read, or None.
    """

    at: datetime
    by: str
    what: str = ""
    reason: str | None = None
    release: ReleaseSummary | None = None
    labels: tuple[Label, ...] = ()
    changes: tuple[str, ...] | None = None
    compare: Page | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model in an environment.

    Attributes:
        elsewhere: its pages in the other environments, by their stacks.
        numbers: the numbers of its releases, newest first.
        timeline: the entries as a drawing.
        is_recorded: whether moves of labels are recorded.
    """

    name: str
    stack: str
    elsewhere: dict[str, Page]
    numbers: tuple[int, ...]
    newest: ReleaseSummary
    labels: tuple[Label, ...]
    rollout: Share | None
    entries: tuple[Entry, ...]
    timeline: Timeline
    is_recorded: bool


def model(  # noqa: PLR0913 - all that is known of a model
    stack: str,
    releases: Releases,
    *,
    history: Sequence[Written] | None,
    rollout: Rollout | None,
    elsewhere: dict[str, Page],
    now: datetime,
) -> Model:
    """Return a model's page.

    Args:
        history: the versions of its rollout parameter, oldest first; None if there are none.
        rollout: the rollout that is under way.
        elsewhere: its pages in the other environments, by their stacks.
    """
    written_entries = [
        _release(stack, releases, release, before) for release, before in releases.with_former()
    ]
    changes_of_labels = [
        Entry(e.written.at, who(e.written.by), e.what, e.reason)
        for e in events(list(history or ()))
    ]
    return Model(
        name=releases.model,
        stack=stack,
        elsewhere=elsewhere,
        numbers=tuple(each.number for each in releases),
        newest=summary_of(stack, releases.model, releases.newest),
        labels=labels_of(stack, releases),
        rollout=share_of(stack, releases.model, rollout, now),
        entries=tuple(
            sorted([*changes_of_labels, *written_entries], key=lambda each: each.at, reverse=True)
        ),
        timeline=timeline(releases, history or ()),
        is_recorded=history is not None,
    )


def _release(
    stack: str, releases: Releases, release: PastRelease, before: PastRelease | None
) -> Entry:
    changed = None
    if before and before.content and release.content:
        changed = tuple(map(str, changes(before.content, release.content)))
    name, shown = releases.model, summary_of(stack, releases.model, release)
    return Entry(
        at=release.at,
        by=shown.by,
        release=shown,
        labels=labels_of(stack, releases, release.number),
        changes=changed,
        compare=releases_page(stack, name, before.number, release.number) if before else None,
        problem=release.problem,
    )
