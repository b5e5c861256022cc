"""`model-config releases`: which releases there are, and what each changed."""

from __future__ import annotations

from datetime import UTC
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from model_config.cli.output import (
    AsJson,
    Environment,
    Local,
    Model,
    Prefix,
    print_json,
    print_table,
)
from model_config.comparing.text import printable

if TYPE_CHECKING:
    from model_config.comparing.changes import Change
    from model_config.operate.history import ReleaseRow


def releases(
    model: Model,
    *,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """List a model's releases, the newest first, and what each changed.

    "+" stands for a path that is new in that release, "-" for one that is gone, "~" for another
    value. SSM keeps the newest 100 releases.

    Example: model-config releases support_chat --environment prod
    """
    from model_config.cli.target import target

    with target(environment, prefix, local=local) as aws:
        rows = aws.history().releases(model)
    with_changes = [
        (row, _changes(before, row)) for before, row in reversed([*pairwise([None, *rows])]) if row
    ]
    if as_json:
        print_json([_as_json(row, changed) for row, changed in with_changes])
        return
    print_table(
        ["release", "when (UTC)", "by", "digest", "labels", "changes"],
        [_cells(row, changed) for row, changed in with_changes],
        wrap=True,
    )


def _changes(before: ReleaseRow | None, row: ReleaseRow) -> list[Change] | None:
    """Return what changed, or None where there is nothing to compare with."""
    from model_config.comparing.changes import changes

    if before is None or before.content is None or row.content is None:
        return None
    return changes(before.content, row.content)


def _cells(row: ReleaseRow, changed: list[Change] | None) -> list[str]:
    return [
        str(row.number),
        f"{row.at.astimezone(UTC):%Y-%m-%d %H:%M}",
        _who(row.by),
        row.digest.removeprefix("sha256:")[:12] if row.digest else "unreadable",
        ", ".join(sorted(row.labels)),
        printable(row.problem or _summary(row, changed)),
    ]


def _summary(row: ReleaseRow, changed: list[Change] | None) -> str:
    if changed is None:
        return "the first release" if row.number == 1 else ""
    return ", ".join(map(str, changed)) or "the same values"


def _who(arn: str) -> str:
    """Return who an ARN names: "anna", "Deployer/build-7". moto's "N/A" is nobody."""
    if not arn.startswith("arn:"):
        return "-"
    who = arn.split(":", 5)[-1]
    return who.partition("/")[2] or who


def _as_json(row: ReleaseRow, changed: list[Change] | None) -> dict[str, Any]:
    return {
        "release": row.number,
        "at": row.at.astimezone(UTC).isoformat(),
        "by": row.by,
        "digest": row.digest,
        "schema": row.content.schema if row.content else None,
        "labels": sorted(row.labels),
        "changes": None
        if changed is None
        else [
            {"path": change.path, "change": change.change, "secret": change.secret}
            for change in changed
        ],
        "problem": row.problem,
    }
