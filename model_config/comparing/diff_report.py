"""A comparison in words, for a terminal."""

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
    "unreadable": "can't be read, see above",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say about two snapshots, by their names."""

    before: str
    after: str
    notes: Sequence[str]
    sections: Sequence[Section]


def report_lines(report: Report) -> Iterator[Line]:
    """Yield the lines for a terminal."""
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
    """Return what there is to say about a model as a whole, after its name."""
    if section.renamed_from:
        return (
            f": renamed from {section.renamed_from}, the values are the same. All its parameters "
            "are new ones: deploy it beside the old, move the readers, then delete the old"
        )
    heading = _HEADINGS[section.kind]
    return f": {heading}" if heading else ""
