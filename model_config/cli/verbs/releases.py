"""`model-config releases`: list a model's releases and their changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from model_config.cli.options import AsJson, Environment, Local, Model, Prefix
from model_config.cli.output import print_json, print_table, time_text
from model_config.cli.panels import Panel
from model_config.comparing.changes import Change, changes
from model_config.format.text import visible, who
from model_config.operate.releases.past_release import PastRelease

PANEL = Panel.RELEASE


def releases(
    model: Model,
    *,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """List a model's releases and their changes, newest first.

    A label that a rollback holds is marked, and so is one whose promotion was interrupted.

    "+" marks an added path, "-" a removed one, and "~" a changed value. SSM keeps the newest 100
    releases.

    Example: model-config releases support_chat --environment prod
    """
    from model_config.cli.target import target

    with target(environment, prefix, local=local) as aws:
        found = aws.releases(model)
        with_changes = [
            (release, _changes(before, release)) for release, before in found.with_former()
        ]
        interrupted = aws.interrupted_promotion(found)
    marks = {
        label: "promotion interrupted" if label == interrupted else "held" for label in found.held
    }
    if as_json:
        print_json([_as_json(each, changed, marks) for each, changed in with_changes])
        return
    print_table(
        ["release", "when (UTC)", "by", "digest", "labels", "changes"],
        [_cells(each, changed, marks) for each, changed in with_changes],
        wrap=True,
    )


def _changes(before: PastRelease | None, release: PastRelease) -> list[Change] | None:
    """Return the changes, or None if there is no release to compare with."""
    if before and before.content and release.content:
        return changes(before.content, release.content)
    return None


def _cells(
    release: PastRelease, changed: list[Change] | None, marks: Mapping[str, str]
) -> list[str]:
    labels = [
        f"{each} ({marks[each]})" if each in marks else each for each in sorted(release.labels)
    ]
    return [
        str(release.number),
        time_text(release.at),
        who(release.by),
        release.digest.removeprefix("sha256:")[:12] if release.digest else "unreadable",
        ", ".join(labels),
        visible(release.problem or _summary(release, changed)),
    ]


def _summary(release: PastRelease, changed: list[Change] | None) -> str:
    if changed is None:
        return "the first release" if release.number == 1 else ""
    return ", ".join(map(str, changed)) or "the same values"


def _as_json(
    release: PastRelease, changed: list[Change] | None, marks: Mapping[str, str]
) -> dict[str, Any]:
    labels = sorted(release.labels)
    return {
        "release": release.number,
        "at": release.at.astimezone(UTC).isoformat(),
        "by": release.by,
        "digest": release.digest,
        "schema": release.content.schema if release.content else None,
        "labels": labels,
        "held": [each for each in labels if marks.get(each) == "held"],
        "interrupted": [each for each in labels if marks.get(each) not in {None, "held"}],
        "changes": None
        if changed is None
        else [
            {"path": change.path, "change": change.change, "secret": change.secret}
            for change in changed
        ],
        "problem": release.problem,
    }
