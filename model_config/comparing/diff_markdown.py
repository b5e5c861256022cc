"""A comparison as Markdown that fits into a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model_config.comparing.change_text import summary, text_diff
from model_config.comparing.diff_report import Report, remark
from model_config.comparing.text import one_line, plural, printable

#: The maximum length of a comment on GitHub, in characters.
COMMENT = 65_536

_NOTE = (
    "\n> **Shortened to {limit:,} characters**: {texts} and {lines} left out. "
    "`model-config diff` without `--markdown` shows everything."
)
_LEFT_OUT = "  (text left out)"


def markdown(report: Report, limit: int = COMMENT) -> str:
    """Return one line for each change, and as many diffs of long texts as fit."""
    pieces = list(_pieces(report))
    room = limit - len(_NOTE) - 40
    shown = 0
    for head, body in pieces:
        room -= len(head) + 1 + (len(_LEFT_OUT) + 1 if body else 0)
        if room < 0:
            break
        shown += 1
    lines, texts = [], 0
    for head, body in pieces[:shown]:
        lines.append(head)
        if body and len(body) <= room:
            room -= len(body)
            lines.append(body)
        elif body:
            texts += 1
            lines.append(_LEFT_OUT)
    if texts or shown < len(pieces):
        left = len(pieces) - shown
        lines.append(
            _NOTE.format(limit=limit, texts=plural(texts, "long text"), lines=plural(left, "line"))
        )
    return "\n".join(lines)


def _pieces(report: Report) -> Iterator[tuple[str, str]]:
    """Yield each line, with the text that belongs below it, or ""."""
    yield f"### {_code(report.before)} → {_code(report.after)}", ""
    for note in report.notes:
        yield f"\n> {_code(note)}", ""
    if not report.sections:
        yield "\nNo model's configuration differs.", ""
    for section in report.sections:
        where = ", ".join(map(_code, section.environments))
        yield f"\n#### {_code(section.model)} in {where}{remark(section)}\n", ""
        for change in section.changes:
            short = summary(change, lambda value: _code(one_line(value)))
            head = f"- {change.change} {_code(change.path)}{': ' if short else ''}{short}"
            yield head, _fenced(list(text_diff(change)))


def _fenced(lines: list[str]) -> str:
    if not lines:
        return ""
    fence = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    return "\n".join(["", *(f"  {line}" for line in (f"{fence}diff", *lines, fence)), ""])


def _code(shown: str) -> str:
    """Return a text as inline code, in which Markdown interprets nothing."""
    shown = printable(shown).replace("\n", " ")
    ticks = "`" * (_longest_run(shown) + 1)
    gap = " " if "`" in shown else ""
    return f"{ticks}{gap}{shown}{gap}{ticks}"


def _longest_run(shown: str) -> int:
    return max(map(len, re.findall("`+", shown)), default=0)
