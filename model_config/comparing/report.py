"""Changes as text: one renderer for terminals, for comments on pull requests and for scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from difflib import unified_diff
from itertools import accumulate, groupby, zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from model_config.comparing import changes, side_by_side
from model_config.format.codec import Value
from model_config.format.text import one_line, plural, visible

if TYPE_CHECKING:  # its module needs the plan; those who print a change alone don't
    from model_config.comparing.differences import ModelDifference

#: The maximum length of a comment on GitHub, in characters.
COMMENT = 65_536
#: The length in characters from which a line is cut around its changes, and what stays around each.
_LONG_LINE = 500
_AROUND = 120
_NOTE = (
    "\n> **Shortened to {limit:,} characters**: {texts} and {lines} left out. "
    "`model-config diff` without `--markdown` shows everything."
)
_LEFT_OUT = "  (text left out)"


class Line(NamedTuple):
    """A line of output, and the mark it is coloured by: "+", "-", "~", "@" or none."""

    text: str
    mark: str = ""


class Report(NamedTuple):
    """The outcome of a comparison of two snapshots, which their names say."""

    before: str
    after: str
    messages: Sequence[str]
    sections: Sequence[ModelDifference]


def report_lines(report: Report) -> Iterator[Line]:
    yield Line(f"{report.before} → {report.after}")
    yield from (Line(visible(message)) for message in report.messages)
    if not report.sections:
        yield Line("no difference")
    for section in report.sections:
        yield Line("")
        yield Line(f"{section.model} ({', '.join(section.environments)}){heading(section)}")
        for change in section.changes:
            yield from change_lines(change, "  ")


def change_lines(change: changes.Change, indent: str = "") -> Iterator[Line]:
    """Yield a summary line, followed by a diff if the values are long."""
    mark, short = changes.MARKS[change.change], _summary(change)
    text = f"{indent}{mark} {change.path}{short}"
    yield Line(visible(text).replace("\n", "\\n"), mark)
    for line in _text_diff(change):
        yield Line(f"{indent}    {line}", line[0].strip())


def markdown(report: Report, limit: int = COMMENT) -> str:
    """Return one line for each change, and as many diffs of long texts as fit."""
    pieces = list(_pieces(report))
    room = limit - len(_NOTE) - 40
    sizes = accumulate(len(head) + 1 + (len(_LEFT_OUT) + 1 if body else 0) for head, body in pieces)
    used = [size for size in sizes if size <= room]
    shown, room = len(used), room - max(used, default=0)
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
        left = plural(len(pieces) - shown, "line")
        lines.append(_NOTE.format(limit=limit, texts=plural(texts, "long text"), lines=left))
    return "\n".join(lines)


def to_json(change: changes.Change) -> dict[str, Any]:
    """Return the change as JSON for scripts; `variables` is null if no prompt variable changed."""
    variables = {"added": change.asks, "removed": change.stops_asking}
    return {
        "path": change.path,
        "change": change.change,
        "before": change.before,
        "after": change.after,
        "secret": change.secret,
        "variables": variables if any(variables.values()) else None,
    }


def heading(section: ModelDifference) -> str:
    """Return what stands after the model's name: ": new", or "" if it has changed."""
    if section.renamed_from:
        return (
            f": renamed from {section.renamed_from}, with the same values. All its parameters are "
            "new: deploy it next to the old model, move the readers, then delete the old model"
        )
    kinds = {"added": "new", "changed": "", "unreadable": "can't be read (see above)"}
    kind = kinds.get(section.kind, section.kind)
    return f": {kind}" if kind else ""


def is_long(change: changes.Change) -> bool:
    return change.change != "reordered" and any(
        len(one_line(value)) > changes.LONG or (isinstance(value, str) and "\n" in value)
        for value in (change.before, change.after)
    )


def _summary(change: changes.Change, shown: Callable[[str], str] = str) -> str:
    texts = [*filter(None, [_values(change, shown), change.variables_text()])]
    return f": {'; '.join(texts)}" if texts else ""


def _values(change: changes.Change, shown: Callable[[str], str]) -> str:
    if change.change == "reordered":
        return change.order_text(shown)
    sides = {"added": [change.after], "removed": [change.before]}
    values = sides.get(change.change, [change.before, change.after])
    if change.secret:
        known = [shown(str(key)) for key in values if key is not None]
        return f"a secret, config key {' → '.join(known)}" if known else "a secret"
    if isinstance(change.before, str) and change.before == change.after:
        return "the same text, but only one side is a template"
    return "" if is_long(change) else " → ".join(shown(one_line(value)) for value in values)


def _text_diff(change: changes.Change) -> Iterator[str]:
    if change.secret or not is_long(change):
        return
    before = [] if change.change == "added" else _text_lines(change.before)
    after = [] if change.change == "removed" else _text_lines(change.after)
    # The first two lines name files; here there are none.
    lines = list(unified_diff(before, after, lineterm=""))[2:]
    runs = [(mark, list(run)) for mark, run in groupby(lines, key=itemgetter(0))]
    for number, (mark, run) in enumerate(runs):
        # A run of removed lines faces the run of added ones below it.
        neighbour = runs[number - 1 : number] if mark == "+" else runs[number + 1 : number + 2]
        facing = neighbour[0][1] if mark in "+-" and neighbour and neighbour[0][0] in "+-" else []
        for line, other in zip_longest(run, facing[: len(run)]):
            yield visible(_cut(line, other))


def _text_lines(value: Value) -> list[str]:
    # Not splitlines(), which would hide a changed line ending.
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return shown.split("\n")


def _cut(line: str, facing: str | None) -> str:
    """Return a line of a diff, and of a long one what differs and some text around it."""
    if len(line) <= _LONG_LINE or (facing is None and line[0] != " "):
        return line
    if facing is None:
        return f"{line[:_AROUND]}{_gap(len(line) - _AROUND)}"
    text = line[1:]
    alike, alike_at_end = side_by_side.common_ends(text, facing[1:])
    start, end = max(0, alike - _AROUND), min(len(text), len(text) - alike_at_end + _AROUND)
    return f"{line[0]}{_gap(start)}{text[start:end]}{_gap(len(text) - end)}"


def _gap(characters: int) -> str:
    return f"[… {plural(characters, 'character')} …]" if characters else ""


def _pieces(report: Report) -> Iterator[tuple[str, str]]:
    """Yield each line of Markdown, with the text that belongs below it, or ""."""
    yield f"### {_code(report.before)} → {_code(report.after)}", ""
    for message in report.messages:
        yield f"\n> {_code(message)}", ""
    if not report.sections:
        yield "\nNo model's configuration differs.", ""
    for section in report.sections:
        where = ", ".join(map(_code, section.environments))
        yield f"\n#### {_code(section.model)} in {where}{heading(section)}\n", ""
        for change in section.changes:
            head = f"- {change.change} {_code(change.path)}{_summary(change, _code)}"
            yield head, _fenced(list(_text_diff(change)))


def _fenced(lines: list[str]) -> str:
    fence = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    indented = [f"  {line}" for line in (f"{fence}diff", *lines, fence)]
    return "\n".join(["", *indented, ""]) if lines else ""


def _code(shown: str) -> str:
    """Return a text as inline code, in which Markdown interprets nothing."""
    shown = visible(shown).replace("\n", " ")
    ticks = "`" * (_longest_run(shown) + 1)
    gap = " " if "`" in shown else ""
    return f"{ticks}{gap}{shown}{gap}{ticks}"


def _longest_run(shown: str) -> int:
    return max(map(len, re.findall("`+", shown)), default=0)
