"""A comparison in words, for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff

from model_config.comparing.changes import Change
from model_config.comparing.differences import Section
from model_config.comparing.text import one_line, printable
from model_config.format.codec import Value

#: Characters beyond which values are compared line by line.
_LONG = 72
_HEADINGS = {
    "added": "new",
    "removed": "removed",
    "changed": "",
    "unreadable": "can't be read, see above",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be told about two snapshots, by their names."""

    before: str
    after: str
    notes: Sequence[str]
    sections: Sequence[Section]


def text(report: Report) -> Iterator[str]:
    """Yield the lines for a terminal."""
    yield f"{report.before} → {report.after}"
    yield from report.notes
    if not report.sections:
        yield "no difference"
    for section in report.sections:
        yield ""
        yield f"{section.model} ({', '.join(section.environments)}){remark(section)}"
        for change in section.changes:
            told = summary(change)
            yield f"  {change}{': ' if told else ''}{' → '.join(told)}"
            yield from (f"      {line}" for line in text_diff(change))


def remark(section: Section) -> str:
    """Return what there is to say about a model as a whole, after its name."""
    if section.renamed_from:
        return (
            f": renamed from {section.renamed_from}, the values are the same. All its parameters "
            "are new ones: deploy it beside the old, move the readers, then delete the old"
        )
    heading = _HEADINGS[section.kind]
    return f": {heading}" if heading else ""


def summary(change: Change) -> list[str]:
    """Return what a line can tell: the value, or both; nothing where they are shown as text."""
    if change.secret:
        return ["now another config key" if change.change == "changed" else "a secret"]
    if _is_long(change):
        return []
    values = [change.before] if change.change != "added" else []
    values += [change.after] if change.change != "removed" else []
    return [one_line(value) for value in values]


def _is_long(change: Change) -> bool:
    return any(
        len(one_line(value)) > _LONG or (isinstance(value, str) and "\n" in value)
        for value in (change.before, change.after)
    )


def text_diff(change: Change) -> Iterator[str]:
    """Yield a unified diff of long values."""
    if change.secret or not _is_long(change):
        return
    before = [] if change.change == "added" else _text_lines(change.before)
    after = [] if change.change == "removed" else _text_lines(change.after)
    diff = unified_diff(before, after, lineterm="")
    # The first two lines would name files, of which there are none.
    yield from (printable(line) for number, line in enumerate(diff) if number > 1)


def _text_lines(value: Value) -> list[str]:
    # Not splitlines(): a line end that came or went is a difference.
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return shown.split("\n")
