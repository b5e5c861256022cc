"""A comparison as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model_config.comparing.change_text import Line, change_lines
from model_config.comparing.differences import Section
from model_config.comparing.text import printable

_HEADINGS = {
    "added": "new",
    "removed": "removed",
    "changed": "",
    "unreadable": "can't be read (see above)",
}


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a comparison.

    Attributes:
        before, after: the names of the two snapshots.
        notes: remarks about either snapshot.
    """

    before: str
    after: str
    notes: Sequence[str]
    sections: Sequence[Section]


def report_lines(report: Report) -> Iterator[Line]:
    """Yield the report line by line."""
    yield Line(f"{report.before} → {report.after}")
    yield from (Line(printable(note)) for note in report.notes)
    if not report.sections:
        yield Line("no difference")
    for section in report.sections:
        yield Line("")
        yield Line(f"{section.model} ({', '.join(section.environments)}){remark(section)}")
        for change in section.changes:
            yield from change_lines(change, "  ")


def remark(section: Section) -> str:
    """Return the text that follows a model's name in a heading."""
    if section.renamed_from:
        return (
            f": renamed from {section.renamed_from}, with the same values. All its parameters are "
            "new: deploy it next to the old model, move the readers, then delete the old model"
        )
    heading = _HEADINGS[section.kind]
    return f": {heading}" if heading else ""
