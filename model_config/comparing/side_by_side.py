"""Two texts side by side: changed words marked, unchanged lines folded, whitespace made visible."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import Literal, NamedTuple, TypeAlias

from model_config.format.text import visible

#: "blanks": the two lines differ only in whitespace.
Kind: TypeAlias = Literal["same", "changed", "blanks", "added", "removed"]

#: The number of unchanged lines shown around a change.
_CONTEXT = 3
#: The maximum number of word pairs for a comparison word by word, which then takes a tenth of a
#: second. Beyond it, all words between the first and the last change count as changed.
_WORD_PAIRS = 250_000
#: The minimum similarity of two lines at which marking single words helps the reader.
_ALIKE = 0.4
# A placeholder counts as one word, and so does each run of whitespace and each other character.
_WORD = re.compile(r"\{\{ *\w+ *\}\}|\w+|\s+|.", re.DOTALL)
_SHOWN_BLANKS = str.maketrans({" ": "·", "\t": "⇥", "\r": "␍"})


class Piece(NamedTuple):
    """A piece of a line, with its invisible characters shown, and whether it differs."""

    text: str
    is_changed: bool = False


_Words: TypeAlias = Sequence[tuple[str, bool]]


class Line(NamedTuple):
    number: int
    pieces: tuple[Piece, ...]


class Row(NamedTuple):
    kind: Kind
    left: Line | None
    right: Line | None


class Stretch(NamedTuple):
    rows: tuple[Row, ...]
    is_folded: bool


def side_by_side(before: str, after: str) -> list[Stretch]:
    rows = list(_rows(before.split("\n"), after.split("\n")))
    near = {
        place + distance
        for place, row in enumerate(rows)
        if row.kind != "same"
        for distance in range(-_CONTEXT, _CONTEXT + 1)
    } | {-1, len(rows)}
    near |= {place for place in range(len(rows)) if {place - 1, place + 1} <= near}
    runs = groupby(range(len(rows)), key=near.__contains__)
    return [
        Stretch(tuple(rows[place] for place in run), is_folded=not is_near) for is_near, run in runs
    ]


def differ_in_blanks_alone(before: str, after: str) -> bool:
    return before != after and before.split() == after.split()


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Return for how many characters or words two texts begin alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (left, right) in pairs if left != right), min(len(one), len(other)))


def _rows(left: Sequence[str], right: Sequence[str]) -> Iterator[Row]:
    # Lines that differ only in whitespace share a row.
    bare, bare_too = ([" ".join(line.split()) for line in side] for side in (left, right))
    for tag, i, i_end, j, j_end in SequenceMatcher(None, bare, bare_too).get_opcodes():
        for n, (one, other) in enumerate(zip_longest(left[i:i_end], right[j:j_end])):
            if one is None:
                yield Row("added", None, _line(j + n, ((other, True),)))
            elif other is None:
                yield Row("removed", _line(i + n, ((one, True),)), None)
            elif one == other:
                yield Row("same", _line(i + n, ((one, False),)), _line(j + n, ((one, False),)))
            else:
                pair = _marked_blanks(one, other) if tag == "equal" else _marked(one, other)
                kind: Kind = "blanks" if tag == "equal" else "changed"
                yield Row(kind, _line(i + n, pair[0]), _line(j + n, pair[1]))


def _marked(before: str, after: str) -> tuple[_Words, _Words]:
    one, other = _WORD.findall(before), _WORD.findall(after)
    start = common_length(one, other)
    end = common_length(one[start:][::-1], other[start:][::-1])
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    differ, differ_too = [False] * len(one), [False] * len(other)
    differ[start : len(one) - end] = [True] * len(left)
    differ_too[start : len(other) - end] = [True] * len(right)
    if len(left) * len(right) <= _WORD_PAIRS:
        for i, j, size in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
            differ[start + i : start + i + size] = [False] * size
            differ_too[start + j : start + j + size] = [False] * size
    if 2 * differ.count(False) < _ALIKE * (len(one) + len(other)):
        return [(before, True)], [(after, True)]
    return list(zip(one, differ, strict=True)), list(zip(other, differ_too, strict=True))


def _marked_blanks(left: str, right: str) -> tuple[_Words, _Words]:
    """Return two lines of the same words, with different whitespace made visible."""
    one, other = (re.split(r"(\S+)", line) for line in (left, right))
    differ = [blank != facing for blank, facing in zip(one, other, strict=True)]
    shown = [
        [
            (text.translate(_SHOWN_BLANKS) if is_other else text, is_other)
            for text, is_other in zip(side, differ, strict=True)
        ]
        for side in (one, other)
    ]
    return shown[0], shown[1]


def _line(index: int, words: Iterable[tuple[str, bool]]) -> Line:
    pieces = (
        (differ, "".join(word for word, _ in run))
        for differ, run in groupby(words, key=itemgetter(1))
    )
    return Line(index + 1, tuple(Piece(visible(text), differ) for differ, text in pieces if text))
